package main_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testserver"
)

// oldMeta is testdata/store-v1/meta.json: what the data says nowhere itself.
type oldMeta struct {
	Written time.Time            `json:"written"`
	Mail    string               `json:"mail"`    // address of the mailbox then
	Token   string               `json:"token"`   // URL of the token endpoint then
	Mails   int                  `json:"mails"`   // in the mailbox; the cursor is behind the last
	RingAt  time.Time            `json:"ring_at"` // the ring has the seconds around it
	Copied  time.Time            `json:"copied"`  // the first pass over the open incident was over
	Told    []string             `json:"told"`    // IDs of the notices that were delivered
	Folders []string             `json:"folders"` // of the store
	Logs    map[string]time.Time `json:"logs"`    // mtime of each file below logs
}

// TestWriteStore writes testdata/store-v1 anew with GRAB_WRITE_STORE=1. That is for a
// store of another form only: what a released version wrote stays as it is, and a
// later version goes into a folder of its own beside it.
func TestWriteStore(t *testing.T) {
	if os.Getenv("GRAB_WRITE_STORE") == "" {
		t.Skip("GRAB_WRITE_STORE=1 writes the data anew")
	}
	s := newOldSite(t, func(host, _ string) lab.LogConfig {
		if host == "expc03" {
			return lab.LogConfig{Rate: 1.5} // what the ring is asked for must be there
		}
		return lab.LogConfig{Rate: 1.2}
	})
	s.tokens.Behave(testserver.TokenBehaviour{Rotate: true})
	s.tokens.SetRefresh(oldRefresh)
	for _, e := range s.hosts {
		e.Backfill(time.Now().Add(-15 * time.Second))
		e.Start()
	}
	s.write()
	s.refuse()
	s.grab("pause", "--site", "branch", "--for", "720h", "--reason", "upgrade of the cluster").ok(t)
	s.removeOne()

	stop := s.watch()
	meta := oldMeta{Mail: s.mail.Addr(), Token: s.tokens.URL()}
	s.sealPartial()
	s.hook.setDown(true)
	for _, n := range s.hook.told() {
		meta.Told = append(meta.Told, n.ID)
	}
	s.otherAlerts()
	s.until("a notice is given up", func() bool { return len(s.glob("outbox/webhook-2/dropped.json")) == 1 })
	meta.RingAt = time.Now().UTC().Add(-3 * time.Second).Truncate(time.Second)
	s.openOne()
	meta.Copied = time.Now().UTC()
	stop(os.Kill)
	s.slices(s.oldIncident("running").Incident) // there must be some
	meta.Mails = s.mails
	s.releaseOne()
	time.Sleep(17 * time.Second) // the open incident's window ends
	for _, e := range s.hosts {
		e.Close()
	}
	meta.Written = time.Now().UTC().Truncate(time.Second)
	s.keepData(meta)
}

// refuse has one host refuse the login, and lets three to another break off.
func (s *oldSite) refuse() {
	s.t.Helper()
	if r := s.grab("check", "expc02"); r.code != 1 || len(s.glob("logins/expc02")) != 1 {
		s.t.Fatalf("%s", r)
	}
	count := func() (a struct {
		Count   int
		Refused bool
	}) {
		b, _ := os.ReadFile(s.store("logins", "expe02"))
		json.Unmarshal(b, &a)
		return a
	}
	e := s.hosts["expe02"]
	for n := int64(500); count().Count < 3; n += 50 { // where the password is sent is found out
		if n > 10_000 {
			s.t.Fatalf("no login broke off: %+v", count())
		}
		for range 3 {
			e.CutAfter(n, 1)
			s.grab("check", "--timeout", "3s", "expe02")
			if count().Count == 0 {
				break
			}
		}
	}
	e.CutAfter(0, 0)
	if count().Refused {
		s.t.Fatal("it was refused")
	}
}

// oldMessage is the ID of the n-th mail.
func oldMessage(n int) string { return fmt.Sprintf("alert-%d@cucm01.example.com", n) }

// removeOne leaves a line in removed.jsonl.
func (s *oldSite) removeOne() {
	s.t.Helper()
	stop := s.watch()
	s.until("the cursor is there", func() bool { return len(s.glob("cursors/*")) > 0 })
	s.alert(rtmt.MailOptions{Cluster: "DEPOT", Name: "QuickAlert", Node: "cucm09"})
	s.until("it is sealed", func() bool { l := s.list(); return len(l) == 1 && l[0].State == "sealed" })
	stop(os.Interrupt)
	s.keep = "1ms"
	s.write()
	stop = s.watch()
	s.until("it is removed", func() bool { l := s.list(); return len(l) == 1 && l[0].State == "removed" })
	stop(os.Interrupt)
	s.keep = "3640d"
	s.write()
}

// alert delivers one with an ID of its own.
func (s *oldSite) alert(o rtmt.MailOptions) {
	s.t.Helper()
	s.mails++
	o.MessageID = oldMessage(s.mails)
	s.deliver(o)
}

// sealPartial has an incident of hq sealed while one of its hosts is down.
func (s *oldSite) sealPartial() {
	s.t.Helper()
	s.hosts["expe01"].SetDown(true)
	s.alert(rtmt.MailOptions{Cluster: "HQ", Name: "QuickAlert", Node: "cucm01"})
	s.until("it is sealed", func() bool { l := s.list(); return len(l) == 2 && l[0].State == "sealed" })
	s.until("it is told of", func() bool {
		return slices.ContainsFunc(s.hook.told(), func(n told) bool { return n.Kind == "sealed" && n.Incident.Incident == s.list()[0].Incident })
	})
	s.hosts["expe01"].SetDown(false)
}

// otherAlerts are those that start nothing.
func (s *oldSite) otherAlerts() {
	s.t.Helper()
	day := time.Now().Add(-25 * time.Hour)
	for _, o := range []rtmt.MailOptions{
		{Cluster: "HQ", Name: "QuickAlert", Node: "cucm01"},
		{Cluster: "HQ", Node: "cucm07", Time: day},
		{Cluster: "ELSEWHERE"},
		{Cluster: "BRANCH"},
		{Cluster: "HQ", From: "someone@example.org"},
		{Cluster: "DEPOT", Name: "QuickAlert", From: "someone@example.org"},
	} {
		s.alert(o)
	}
	s.until("they are taken", func() bool { return len(s.alerts()) == s.mails })
}

// openOne leaves an incident of hq of which the first pass is copied, and an alert
// that would have opened one more.
func (s *oldSite) openOne() {
	s.t.Helper()
	s.alert(rtmt.MailOptions{Cluster: "HQ", Node: "cucm02"})
	s.until("its first pass is over", func() bool {
		for _, host := range oldHosts[0].hosts {
			copied := false
			for _, name := range s.glob("incidents/*/rows/" + host + ".json") {
				b, _ := os.ReadFile(name)
				if strings.Contains(string(b), `"copied"`) {
					in, _ := os.ReadFile(filepath.Join(filepath.Dir(filepath.Dir(name)), "incident.json"))
					copied = copied || strings.Contains(string(in), `"state": "running"`)
				}
			}
			if !copied {
				return false
			}
		}
		return true
	})
	s.alert(rtmt.MailOptions{Cluster: "HQ", Name: "QuickAlert", Node: "cucm03"})
	s.until("the limit is reached", func() bool {
		for _, r := range s.alerts() {
			if r.became() == "limited" {
				return true
			}
		}
		return false
	})
}

// releaseOne leaves a request for the next watcher.
func (s *oldSite) releaseOne() {
	s.t.Helper()
	for id, r := range s.alerts() {
		if r.became() == "quarantined" && r.Cluster == "DEPOT" {
			s.grab("quarantine", "release", "--force", id).ok(s.t)
			return
		}
	}
	s.t.Fatal("nothing is in quarantine")
}

// keepData copies the store, and the logs of hq, into testdata.
func (s *oldSite) keepData(meta oldMeta) {
	s.t.Helper()
	to := filepath.Join("testdata", "store-v1")
	if err := os.RemoveAll(to); err != nil {
		s.t.Fatal(err)
	}
	var marks []string
	for mark, text := range s.marks() {
		marks = append(marks, text, mark)
	}
	swap := strings.NewReplacer(marks...)
	meta.Logs = map[string]time.Time{}
	copyTree(s.t, s.store(), filepath.Join(to, "store"), func(name string, text []byte) (string, []byte) {
		if isVerbatim(name) {
			return name, text
		}
		return name, []byte(swap.Replace(string(text)))
	})
	for _, host := range oldHosts[0].hosts {
		copyTree(s.t, filepath.Join(s.dir, "logs", host), filepath.Join(to, "logs", host), func(name string, text []byte) (string, []byte) {
			info, err := os.Stat(filepath.Join(s.dir, "logs", host, name))
			if err != nil {
				s.t.Fatal(err)
			}
			meta.Logs[host+"/"+name] = info.ModTime().UTC()
			return name, text
		})
	}
	err := filepath.WalkDir(s.store(), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			rel, _ := filepath.Rel(s.store(), path)
			meta.Folders = append(meta.Folders, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	b, err := json.MarshalIndent(meta, "", " ")
	if err == nil {
		err = os.WriteFile(filepath.Join(to, "meta.json"), append(b, '\n'), 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// isVerbatim reports whether a file of the store, by its path in it, is kept as it
// is: it holds no address, or a sum of itself.
func isVerbatim(name string) bool {
	return strings.HasPrefix(name, "ring/") || strings.HasPrefix(name, "mails/") || strings.HasPrefix(name, "bundles/") || strings.Contains(name, "/hosts/") ||
		name == "notice.key" || name == "logins/.key"
}

// copyTree copies the files below a folder; change is given each one's path in it,
// with slashes, and its content, and returns both as they are to be.
func copyTree(t testing.TB, from, to string, change func(name string, text []byte) (string, []byte)) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() { // sockets too
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, text := change(filepath.ToSlash(rel), text)
		path = filepath.Join(to, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		return os.WriteFile(path, text, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}
