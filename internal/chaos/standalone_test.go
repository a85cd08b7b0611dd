package chaos

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/lab"
)

// standsAlone is the command by which a test program is an Expressway in a process of its
// own, with its logs where appliances have them: standsAlone ROLE KEY.
const standsAlone = "expressway-of-its-own"

const applianceLogs = "/mnt/harddisk/log"

// A peerSays is how such a process says where it answers.
type peerSays struct {
	Addr  string
	Known string // a line of known_hosts
}

// standAlone is such a process; it lives until its standard input ends.
func standAlone(role, key string) error {
	pub, _, _, _, err := ssh.ParseAuthorizedKey([]byte(key))
	if err != nil {
		return err
	}
	e, err := lab.NewExpressway(context.Background(), lab.ExpresswayConfig{Role: role, Dir: applianceLogs, AuthorizedKey: pub, Logs: lab.LogConfig{Rate: 20}})
	if err != nil {
		return err
	}
	defer e.Close()
	e.Backfill(time.Now().Add(-40 * time.Minute))
	e.Start()
	if err := json.NewEncoder(os.Stdout).Encode(peerSays{e.Addr(), string(lab.KnownHosts(e))}); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
