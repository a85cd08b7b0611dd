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
	"sync"
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
// either or both, while somebody is killed every few seconds, collectors are paused and cut off from the hub,
// and servers of the hub and the bucket go away. One's clock may be ahead, and both may be upgraded meanwhile.
// Afterwards each alert is in exactly one incident of exactly one index, each bundle is in the bucket once,
// each incident was told, and the bundles have what any collector had copied.
func TestFleet(t *testing.T) {
	t.Parallel() // most of it is waiting
	plan := planFromEnv()
	rng := rand.New(rand.NewPCG(plan.seed, 7))
	r := newFleetRig(t, plan, "dmz-a", "dmz-b")
	for _, m := range r.all {
		m.start()
	}
	sent := map[string]time.Time{}
	began := time.Now()
	done := make(chan struct{})
	go func() { // ends when all mails are delivered
		defer close(done)
		for i := range plan.alerts {
			if wait := time.Until(began.Add(plan.span * time.Duration(i) / time.Duration(plan.alerts))); wait > 0 {
				time.Sleep(wait)
			}
			now := time.Now()
			o := rtmt.MailOptions{Time: now, Node: fmt.Sprintf("cucm%02d", i%10+1), Count: i + 1, MessageID: fmt.Sprintf("fleet.%d@cucm.example.com", i)}
			raw := rtmt.Mail(o)
			sent[alertID(o.MessageID)] = now
			to := rng.IntN(3)
			for k, m := range r.all {
				if to == k || to == 2 {
					r.mail.Deliver(m.folder, raw)
				}
			}
		}
	}()
	had, end := copies{}, make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { // ends with end
		for tick := time.NewTicker(time.Second); ; {
			had.look(r)
			select {
			case <-tick.C:
			case <-end:
				tick.Stop()
				return
			}
		}
	})
	tr := &fleetTroubles{fleetRig: r, rng: rand.New(rand.NewPCG(plan.seed, 8)), count: map[string]int{}}
	tr.run(done)
	tr.calm()
	trouble := time.Since(began)
	r.settle(sent)
	close(end)
	wg.Wait()
	for _, m := range r.all {
		m.stop()
	}
	r.account(sent)
	full := had.account(r, sent)
	t.Logf("%d alerts in %v, all settled after another %v, trouble %v", len(sent), trouble.Round(time.Second), (time.Since(began) - trouble).Round(time.Second), tr.count)
	t.Logf("%d alerts of which a collector was seen to have copies, %d with all of their window in bundles", len(had), full)
}

// settle waits until every alert is accounted for by both, and nothing is open any more.
func (r *fleetRig) settle(sent map[string]time.Time) {
	r.t.Helper()
	for deadline := time.Now().Add(15 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		waits := r.waits(sent)
		if waits == "" {
			return
		}
		if time.Now().After(deadline) {
			r.t.Errorf("after 15 minutes of calm: %s", waits)
			return
		}
	}
}

// waits is what is not done yet; empty: nothing.
func (r *fleetRig) waits(sent map[string]time.Time) string {
	var list []string
	homes, stored := r.homes(), r.stored()
	for id := range sent {
		if len(homes[id]) == 0 {
			list = append(list, fmt.Sprintf("alert %.12s is in no index", id))
		}
	}
	for _, m := range r.all {
		m.alive()
		keys, err := m.store().Keys()
		r.check(err)
		for _, key := range keys {
			in, err := m.store().Read(key)
			switch {
			case err != nil:
				list = append(list, fmt.Sprintf("%s: %s: %v", m.name, key, err)) // being removed
			case in.State != incident.Sealed:
				list = append(list, fmt.Sprintf("%s: %s is %s", m.name, in.ID, in.State))
			case !in.Fleet.Claimed && len(in.Fleet.SupplementOf) == 0:
				list = append(list, fmt.Sprintf("%s: %s is unclaimed", m.name, in.ID))
			case !slices.Contains(stored, filepath.Base(in.Bundle)):
				list = append(list, fmt.Sprintf("%s: %s is not in the bucket", m.name, in.ID))
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
func (r *fleetRig) account(sent map[string]time.Time) {
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
		r.say(m, incidents)
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

// say says what a collector has.
func (r *fleetRig) say(m *fleetMember, incidents []incident.Listed) {
	supplements, offset := 0, "unknown"
	for _, in := range incidents {
		if len(in.SupplementOf) > 0 {
			supplements++
		}
		full, err := m.store().Load(in.Incident)
		r.check(err)
		manifest, err := m.store().ManifestFile(full.Key, full.Revision).Read()
		if err == nil && manifest.Hosts[0].ClockOffsetMS != nil {
			offset = (time.Duration(*manifest.Hosts[0].ClockOffsetMS) * time.Millisecond).String()
		}
	}
	removed, err := os.ReadFile(incident.RemovedFile(m.store()))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.t.Error(err)
	}
	r.t.Logf("%s: %d incidents and %d supplements in its index, %d dropped; to its clock the appliances' are %s", m.name, len(incidents)-supplements, supplements, bytes.Count(removed, []byte("\n")), offset)
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
	told := map[string]map[string]map[string]int{} // incident, what it says of it, ID: how often
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
				told[n.Incident.Incident] = map[string]map[string]int{}
			}
			what := fmt.Sprintf("%s r%d", n.Kind, n.Incident.Revision)
			if told[n.Incident.Incident][what] == nil {
				told[n.Incident.Incident][what] = map[string]int{}
			}
			told[n.Incident.Incident][what][n.ID]++
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
	twice := 0
	for id, notices := range told {
		for what, by := range notices {
			if len(by) > 1 {
				r.t.Errorf("%s of %s was told under %d IDs: %v", what, id, len(by), by)
			}
			for _, n := range by {
				twice += n - 1
			}
		}
	}
	r.t.Logf("notices: %d incidents were told, %d times again under the same ID", len(told), twice)
}
