package fetch_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/fetch"
	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/sshdial"
)

// A log has rotated; the window begins in the older file and ends in the live one.
func ExampleGrab() {
	ctx := context.Background()
	peer, err := lab.NewExpressway(ctx, lab.ExpresswayConfig{Password: "secret", Logs: lab.LogConfig{Families: []string{"network_log"}, RotateSize: -1, Odd: -1}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer peer.Close()
	began := time.Now().Add(-5 * time.Minute).Truncate(time.Second)
	for minute, text := range []string{"long before", "before", "the event", "after"} {
		if minute == 3 {
			peer.Rotate("network_log")
		}
		peer.Write("network_log", began.Add(time.Duration(minute)*time.Minute), "INFO", "", `Event="`+text+`"`)
	}

	dir, err := os.MkdirTemp("", "fetch-*")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	pool := &hostconn.Pool{}
	login := sshdial.Config{
		Name: peer.Name(), Address: peer.Addr(), User: "root", HostKey: ssh.FingerprintSHA256(peer.HostKey()),
		Auth: sshdial.Auth{Kind: sshdial.AuthPassword, Password: func() (string, error) { return "secret", nil }},
	}
	g := &fetch.Grab{Dir: dir, Host: hostconn.Host{
		Name: peer.Name(), Role: peer.Role(), Address: peer.Addr(), Dir: peer.LogDir(), Families: []string{"network_log"},
		Dial: func(ctx context.Context) (hostconn.Conn, error) {
			return pool.Get(ctx, peer.Name(), hostconn.Commands{Allowed: true}, func(ctx context.Context) (*sshdial.Client, error) {
				return sshdial.Dial(ctx, login)
			})
		},
	}}
	defer g.Close()

	// from half a minute before the event, which ended a minute ago
	row, err := g.Pass(ctx, evidence.NewWindow(began.Add(90*time.Second), began.Add(4*time.Minute)), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	file := row.Files[0]
	fmt.Println(file.Family, file.Coverage, file.Records, "records from", len(file.Sources), "files")

	slice, err := g.Open("network_log")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer slice.Close()
	text, err := io.ReadAll(slice)
	fmt.Println(strings.Contains(string(text), "the event"), strings.Contains(string(text), "long before"), err)
	// Output:
	// network_log complete 2 records from 2 files
	// true false <nil>
}
