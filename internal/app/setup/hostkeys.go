// Package setup makes a configuration out of answers, and pins hosts' keys.
//
// No file is overwritten, no key is pinned without a yes or a fingerprint, and a
// configuration that does not load is taken away again. Whether a key is the right one it
// cannot know.
package setup

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/internal/terminal"
	"rtmtgrab/internal/wiring"
)

func ParsePrints(args []string) ([]string, error) {
	var out []string
	for _, p := range args {
		f, err := sshdial.ParseFingerprint(p)
		if err != nil {
			return nil, advice.Usage(fmt.Errorf("--fingerprint: %w", err))
		}
		out = append(out, f)
	}
	return out, nil
}

// TrustReport is the JSON of `grab trust`.
type TrustReport struct {
	OK       bool        `json:"ok"` // every host is pinned
	Hosts    []TrustHost `json:"hosts"`
	Warnings []string    `json:"warnings"`
}

// What became of a host's key.
const (
	TrustPinned   = "pinned"     // before already
	TrustAdded    = "added"      // now
	TrustReplaced = "replaced"   // now, in place of another
	TrustNot      = "not_pinned" // Error says why
)

type TrustHost struct {
	Host       string     `json:"host"`
	Hop        int        `json:"hop,omitempty"` // of the way to the host, from 1; else it is the host itself
	Address    string     `json:"address"`
	State      string     `json:"state"`       // one of trust…
	Keys       []trustKey `json:"keys"`        // that the host shows
	Pinned     []string   `json:"pinned"`      // fingerprints that are pinned at the end
	Before     []string   `json:"before"`      // and were at the beginning
	KnownHosts string     `json:"known_hosts"` // the file; empty where the configuration's host_key decides
	Error      string     `json:"error"`
	Hint       string     `json:"hint"`
}

type trustKey struct {
	Type        string `json:"type"`
	Fingerprint string `json:"fingerprint"`
}

// scan is what one address showed.
type scan struct {
	keys []ssh.PublicKey
	err  error
}

// Trust shows the hosts' keys on w and pins what is confirmed: by fingerprints, or by
// the person at the terminal if there are none. Hosts on the way come first, for
// what is behind them can be reached only then. ask may be nil.
func Trust(ctx context.Context, w io.Writer, hosts []*config.Host, ledger *sshdial.Ledger, prints []string, ask *terminal.Asker) TrustReport {
	rep := TrustReport{OK: true, Warnings: []string{}}
	for _, marks := range rounds(hosts, ledger) {
		scans := scanAll(ctx, marks)
		warnings := sharedKeys(marks, scans)
		for _, m := range marks {
			m.showKeys(w, scans[wiring.Route(m.dial)])
		}
		for _, s := range warnings {
			fmt.Fprintln(w, "warning:", s)
		}
		for _, m := range marks {
			t := trustOne(m, scans[wiring.Route(m.dial)], prints, ask)
			rep.OK = rep.OK && t.State != TrustNot
			rep.Hosts = append(rep.Hosts, t)
			t.show(w)
		}
		rep.Warnings = append(rep.Warnings, warnings...)
	}
	return rep
}

// A mark is one machine whose key is to be pinned: a host or a hop on its way.
type mark struct {
	*config.Host     // of a hop: its address and key, and the name of the host
	hop          int // from 1; zero: the host itself
	dial         sshdial.Config
}

func (m mark) label() string {
	if m.hop > 0 {
		return fmt.Sprintf("%s, hop %d", m.Name, m.hop)
	}
	return m.Name
}

// rounds are the machines to pin, by the number of hops before them. A hop that
// several hosts share stands there once.
func rounds(hosts []*config.Host, ledger *sshdial.Ledger) [][]mark {
	var out [][]mark
	add := func(m mark) {
		for len(out) <= len(m.dial.Jump) {
			out = append(out, nil)
		}
		out[len(m.dial.Jump)] = append(out[len(m.dial.Jump)], m)
	}
	seen := map[string]bool{}
	for _, h := range hosts {
		d := wiring.Dialing(h, ledger)
		for i, j := range d.Jump {
			m := mark{&config.Host{Name: h.Name, Address: j.Address, HostKey: j.HostKey, SSH: config.SSH{Account: config.Account{KnownHosts: j.KnownHosts}}}, i + 1,
				sshdial.Config{Name: h.Name, Address: j.Address, Legacy: j.Legacy, Jump: d.Jump[:i], Ledger: ledger}}
			if same := wiring.Route(m.dial) + " " + j.HostKey + " " + j.KnownHosts; !seen[same] {
				seen[same] = true
				add(m)
			}
		}
		add(mark{h, 0, d})
	}
	return out
}

// scanAll asks each machine once for its keys, all at the same time.
func scanAll(ctx context.Context, marks []mark) map[string]scan {
	scans := map[string]scan{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var begun []string
	for _, m := range marks {
		way := wiring.Route(m.dial)
		if slices.Contains(begun, way) {
			continue
		}
		begun = append(begun, way)
		wg.Go(func() {
			keys, err := m.dial.ScanHostKeys(ctx)
			mu.Lock()
			defer mu.Unlock()
			scans[way] = scan{keys, err}
		})
	}
	wg.Wait()
	return scans
}

// sharedKeys warns of keys that several addresses show: the vendor's factory key.
func sharedKeys(marks []mark, scans map[string]scan) []string {
	by := map[string][]*config.Host{}
	for _, m := range marks {
		for _, f := range Fingerprints(scans[wiring.Route(m.dial)].keys) {
			by[f] = append(by[f], &config.Host{Name: m.label(), Address: m.Address})
		}
	}
	return SharedWarnings(by)
}

// SharedWarnings words it; by is fingerprint to hosts.
func SharedWarnings(by map[string][]*config.Host) []string {
	out := []string{}
	for f, hs := range by {
		var names []string
		addresses := map[string]bool{}
		for _, h := range hs {
			addresses[h.Address] = true
			names = append(names, h.Name)
		}
		if len(addresses) > 1 {
			out = append(out, fmt.Sprintf("%s show the same key %s: probably the vendor's factory key, which proves nothing; make new keys on the peers",
				strings.Join(names, " and "), f))
		}
	}
	slices.Sort(out)
	return out
}

func (m mark) showKeys(w io.Writer, s scan) {
	fmt.Fprintf(w, "%s (%s)\n", m.label(), m.Address)
	for _, k := range s.keys {
		fmt.Fprintf(w, "  shows   %-20s %s\n", k.Type(), ssh.FingerprintSHA256(k))
	}
}

// show says what became of a host.
func (t TrustHost) show(w io.Writer) {
	name := t.Host
	if t.Hop > 0 {
		name += fmt.Sprintf(", hop %d", t.Hop)
	}
	switch t.State {
	case TrustPinned:
		fmt.Fprintf(w, "%s: already pinned: %s\n", name, strings.Join(t.Pinned, " "))
	case TrustAdded, TrustReplaced:
		fmt.Fprintf(w, "%s: %s in %s: %s\n", name, t.State, t.KnownHosts, strings.Join(t.Pinned, " "))
	default:
		fmt.Fprintf(w, "%s: not pinned: %s\n", name, t.Error)
		if t.Hint != "" {
			fmt.Fprintln(w, "  hint:", t.Hint)
		}
	}
}
