//go:build linux

package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
)

// outcome is what `grab now --json` prints.
type outcome struct {
	evidence.Manifest
	Bundle string `json:"bundle"`
}

// config writes a configuration for all hosts of the rig.
func (r *rig) config(dir, logs string, families []string, store string) string {
	r.tb.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "store: %s\nssh: {user: %s, key: {file: %s}, known_hosts: %s}\nlogs: {dir: %s, families: [%s]}\n", store, r.sshd[0].User,
		r.path("key"), r.path("known_hosts"), logs, strings.Join(families, ", "))
	b.WriteString("sites:\n  - name: bench\n    time_zone: UTC\n    hosts:\n")
	for i, p := range r.proxies {
		fmt.Fprintf(&b, "      - {name: h%d, role: %s, address: %q}\n", i, "CE"[i%2:i%2+1], p.Addr())
	}
	name := dir + "/grab.yaml"
	must(r.tb, os.WriteFile(name, []byte(b.String()), 0o600))
	return name
}

// now runs `grab now` over a window that ends at end. Its time is that until all is
// copied and on disk; seal that until the bundle is verified.
func (r *rig) now(logs string, families []string, end time.Time, before time.Duration) (measured, outcome) {
	r.tb.Helper()
	dir := r.fresh()
	defer os.RemoveAll(dir)
	conf := r.config(dir, logs, families, dir+"/store")
	began := time.Now()
	var out bytes.Buffer
	m := r.start("grab now", &out, r.grab, "now", "-c", conf, "--json", "--at", end.UTC().Format(time.RFC3339), "--before", before.String())
	var o outcome
	if r.tb.Failed() {
		r.tb.FailNow()
	}
	if err := json.Unmarshal(out.Bytes(), &o); err != nil {
		r.tb.Fatalf("grab now --json: %v\n%s", err, out.String())
	}
	if o.Coverage != evidence.Complete {
		r.tb.Fatalf("coverage %s: %s", o.Coverage, out.String())
	}
	m.seal, m.time, m.held = m.time, o.Timing.Copied.Sub(began), o.Timing.Held.Sub(began)
	return m, o
}

// got is how many bytes of logs a grab has taken.
func (o *outcome) got() (n int64) {
	for _, h := range o.Hosts {
		for _, f := range h.Files {
			n += f.Bytes
		}
	}
	return n
}
