//go:build linux

package chaos

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/collector/notify/channel"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab/rtmt"
)

func login(key nkeys.KeyPair, public string) nats.Option {
	return nats.Nkey(public, func(nonce []byte) ([]byte, error) { return key.Sign(nonce) })
}

// TestFleet: two collectors of a site, each with a mailbox of its own, and mails that come into
// either or both, while collectors are killed, paused and cut off from the hub, and the hub and
// the bucket go away. Afterwards each alert is in exactly one incident of exactly one index, each
// bundle is in the bucket once, and each incident was told.
func TestFleet(t *testing.T) {
	mails, seed := fromEnv("GRAB_FLEET_ALERTS", 12), uint64(fromEnv("GRAB_CHAOS_SEED", 1))
	span := time.Duration(fromEnv("GRAB_FLEET_SECONDS", 12)) * time.Second
	rng := rand.New(rand.NewPCG(seed, 7))
	r := newFleetRig(t, "dmz-a", "dmz-b")
	for _, m := range r.all {
		m.start()
	}
	sent := map[string]bool{}
	began := time.Now()
	done := make(chan struct{})
	go func() { // ends when all mails are delivered
		defer close(done)
		for i := range mails {
			if wait := time.Until(began.Add(span * time.Duration(i) / time.Duration(mails))); wait > 0 {
				time.Sleep(wait)
			}
			o := rtmt.MailOptions{Time: time.Now(), Node: fmt.Sprintf("cucm%02d", i%10+1), Count: i + 1, MessageID: fmt.Sprintf("fleet.%d@cucm.example.com", i)}
			raw := rtmt.Mail(o)
			sent[alertID(o.MessageID)] = true
			to := rng.IntN(3)
			for k, m := range r.all {
				if to == k || to == 2 {
					r.mail.Deliver(m.folder, raw)
				}
			}
		}
	}()
	tr := &fleetTroubles{r, rand.New(rand.NewPCG(seed, 8)), map[string]int{}}
	tr.run(done)
	<-done
	tr.calm()
	r.settle(sent)
	for _, m := range r.all {
		m.stop()
	}
	r.account(sent)
	t.Logf("%d alerts in %v, trouble %v", len(sent), time.Since(began).Round(time.Second), tr.count)
}

// fleetTroubles is what goes wrong.
type fleetTroubles struct {
	*fleetRig
	rng   *rand.Rand
	count map[string]int
}

// every is how long there is between two troubles, on average.
const every = 3 * time.Second

func (tr *fleetTroubles) run(done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-time.After(every/2 + time.Duration(tr.rng.Int64N(int64(every)))):
		}
		m := tr.all[tr.rng.IntN(len(tr.all))]
		long := time.Duration(1+tr.rng.IntN(4)) * time.Second
		if span := fromEnv("GRAB_FLEET_SECONDS", 12); span > 120 && tr.rng.IntN(5) == 0 {
			long = time.Minute
		}
		what := []string{"kill", "kill", "pause", "cut", "hub", "bucket"}[tr.rng.IntN(6)]
		tr.count[what]++
		switch what {
		case "kill":
			m.alive()
			m.kill()
			time.Sleep(long / 4)
			m.start()
		case "pause":
			m.pause()
			tr.wait(done, long)
			m.resume()
		case "cut":
			m.line.Stall(true)
			tr.wait(done, long)
			m.line.Stall(false)
		case "hub":
			tr.hub.Stop()
			tr.wait(done, long)
			tr.hub.Start()
		case "bucket":
			tr.bucket.Stop()
			tr.wait(done, long)
			tr.bucket.Start()
		}
	}
}

func (tr *fleetTroubles) wait(done <-chan struct{}, d time.Duration) {
	select {
	case <-done:
	case <-time.After(d):
	}
}

func (tr *fleetTroubles) calm() {
	for _, m := range tr.all {
		m.line.Stall(false)
	}
}

// settle waits until every alert is accounted for by both, and nothing is open any more.
func (r *fleetRig) settle(sent map[string]bool) {
	r.t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		waits := r.waits(sent)
		if waits == "" {
			return
		}
		if time.Now().After(deadline) {
			r.t.Errorf("after five minutes of calm: %s", waits)
			return
		}
	}
}

// waits is what is not done yet; empty: nothing.
func (r *fleetRig) waits(sent map[string]bool) string {
	var list []string
	homes := r.homes()
	for id := range sent {
		if len(homes[id]) == 0 {
			list = append(list, fmt.Sprintf("alert %.12s is in no index", id))
		}
	}
	for _, m := range r.all {
		m.alive()
		incidents, err := m.store().List()
		r.check(err)
		for _, in := range incidents {
			if in.State == incident.Sealed && !slices.Contains(r.stored(), filepath.Base(in.Bundle)) {
				list = append(list, fmt.Sprintf("%s: %s is not in the bucket", m.name, in.Incident))
			}
			if in.Unclaimed {
				list = append(list, fmt.Sprintf("%s: %s is unclaimed", m.name, in.Incident))
			}
			if in.State != incident.Sealed {
				list = append(list, fmt.Sprintf("%s: %s is %s", m.name, in.Incident, in.State))
			}
		}
	}
	if len(list) > 5 {
		list = append(list[:5], fmt.Sprintf("and %d more", len(list)-5))
	}
	return strings.Join(list, "; ")
}

// homes are the sealed incidents of each alert, in all indexes.
func (r *fleetRig) homes() map[string][]string {
	out := map[string][]string{}
	for _, m := range r.all {
		keys, err := m.store().Keys()
		if err != nil {
			continue // not begun yet
		}
		for _, key := range keys {
			in, err := m.store().Load(key)
			if err != nil || in.State != incident.Sealed {
				continue
			}
			for _, a := range in.Members {
				out[a.Alert] = append(out[a.Alert], m.name+"/"+in.ID)
			}
		}
	}
	return out
}

// account compares what there is with what was sent.
func (r *fleetRig) account(sent map[string]bool) {
	r.t.Helper()
	homes := r.homes()
	for id := range sent {
		if len(homes[id]) != 1 {
			r.t.Errorf("alert %.12s is in %v", id, homes[id])
		}
	}
	stored := r.stored()
	for _, m := range r.all {
		incidents, err := m.store().List()
		r.check(err)
		for _, in := range incidents {
			res, err := bundle.Verify(r.t.Context(), in.Bundle)
			if err != nil || !res.OK {
				r.t.Errorf("%s: bundle %s: %v %v", m.name, in.Bundle, res.Bad, err)
			}
			if n := len(slices.DeleteFunc(slices.Clone(stored), func(name string) bool { return name != filepath.Base(in.Bundle) })); n != 1 {
				r.t.Errorf("%s: %s is in the bucket %d times", m.name, filepath.Base(in.Bundle), n)
			}
		}
		if b, err := os.ReadFile(m.log.Name()); err == nil && bytes.Contains(b, []byte("panic")) {
			r.t.Errorf("%s has panicked", m.name)
		}
	}
	r.accountNotices(homes)
}

// stored are the names in the bucket.
func (r *fleetRig) stored() (names []string) {
	err := filepath.WalkDir(filepath.Join(r.bucket.Root, "grab"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && !strings.Contains(path, ".sgwtmp") {
			names = append(names, filepath.Base(path))
		}
		return err
	})
	r.check(err)
	return names
}

// accountNotices: each incident was told, and told again only with the same ID.
func (r *fleetRig) accountNotices(homes map[string][]string) {
	told := map[string]map[string]int{} // incident, notice: how often
	for _, m := range r.all {
		b, err := os.ReadFile(m.told())
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		r.check(err)
		for line := range bytes.Lines(b) {
			var n channel.Notice
			if len(bytes.TrimSpace(line)) == 0 {
				continue
			}
			if err := json.Unmarshal(line, &n); err != nil || n.Incident == nil {
				continue // a command that was killed
			}
			if told[n.Incident.Incident] == nil {
				told[n.Incident.Incident] = map[string]int{}
			}
			told[n.Incident.Incident][n.Kind+" "+n.ID]++
		}
	}
	for _, at := range homes {
		for _, home := range at {
			_, id, _ := strings.Cut(home, "/")
			if len(told[id]) == 0 {
				r.t.Errorf("nobody was told of %s", home)
			}
		}
	}
	r.t.Logf("notices: %d incidents were told", len(told))
}
