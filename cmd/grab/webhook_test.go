package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/collector/webhook"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testdocs"
	"rtmtgrab/internal/testsite"
)

const hookSecret = "5e1f9ab07c33d2486b"

// hookSite is a site without a mailbox: alerts come by webhook alone.
func hookSite(t *testing.T) (s *testsite.Site, url string) {
	t.Helper()
	s = testsite.New(t, lab.ExpresswayConfig{Role: "C"}, lab.ExpresswayConfig{Role: "E"})
	addr := testsite.FreeAddr(t)
	s.Extra = fmt.Sprintf("settle: 100ms\nalerts: {webhook: {listen: %q, secret: {file: hook.secret}}}\n", addr)
	s.File("hook.secret", hookSecret+"\n")
	s.Write()
	return s, "http://" + addr + "/alerts"
}

// watchSite runs the program over a site's configuration as a child, until stop.
func watchSite(s *testsite.Site) (stop func(os.Signal)) {
	r := &realSite{t: s.T.(*testing.T), dir: s.Dir, config: s.Path}
	end := r.watch()
	return func(sig os.Signal) { end(sig) }
}

// post posts a body until somebody answers; code 0: nobody does.
func post(t *testing.T, url, body string) int {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		r, err := http.NewRequest("POST", url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		stamp := strconv.FormatInt(time.Now().Unix(), 10)
		r.Header.Set(webhook.TimestampHeader, stamp)
		r.Header.Set(webhook.SignatureHeader, webhook.Sign(hookSecret, stamp, []byte(body)))
		resp, err := client.Do(r)
		if err != nil {
			continue
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		return resp.StatusCode
	}
	return 0
}

// firstSealed waits for the bundle of the only incident.
func firstSealed(t *testing.T, s *testsite.Site) incident.Listed {
	t.Helper()
	st := &incident.Store{Dir: filepath.Join(s.Dir, "store")}
	var list []incident.Listed
	testsite.Until(t, "an incident is sealed", func() bool {
		list, _ = st.List()
		return len(list) > 0 && list[0].State == incident.Sealed
	})
	if len(list) != 1 {
		t.Fatalf("%+v", list)
	}
	return list[0]
}

// The lines of docs/alerts.md work as they stand, and what they post is in the bundle,
// byte for byte: there is no mailbox at all.
func TestWebhookByTheDocs(t *testing.T) {
	t.Parallel()
	s, url := hookSite(t)
	watchSite(s)
	if code := post(t, url, `{"node": "cucm01"}`); code != 400 {
		t.Errorf("a body without a time: %d", code)
	}
	doc, err := testdocs.Find(repository, "docs/alerts.md", "\nTry it:")
	if err != nil {
		t.Fatal(err)
	}
	_, script, _ := strings.Cut(doc.Text, "\n") // the line with SECRET and URL
	cmd := exec.Command("sh", "-c", script+"\nprintf '\\n%s' \"$BODY\"")
	cmd.Env = append(os.Environ(), "SECRET="+filepath.Join(s.Dir, "hook.secret"), "URL="+url)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	reply, body, _ := strings.Cut(string(out), "\n\n")
	sum := sha256.Sum256([]byte(body))
	id := hex.EncodeToString(sum[:])
	if err != nil || !strings.Contains(reply, id) || !strings.Contains(reply, `"fresh":true`) {
		t.Fatalf("%v: %s%s", err, out, errs.String())
	}

	l := firstSealed(t, s)
	m, err := bundle.ReadManifest(l.Bundle)
	if err != nil || len(m.Alerts) != 1 || m.Alerts[0].ID != id || m.Alerts[0].Source != evidence.SourceWebhook || l.Source != evidence.SourceWebhook {
		t.Fatalf("%+v, %v", m.Alerts, err)
	}
	if got := readEntry(t, l.Bundle, m.Alerts[0].File); string(got) != body || !strings.HasSuffix(m.Alerts[0].File, ".json") {
		t.Errorf("%s: %q, was %q", m.Alerts[0].File, got, body)
	}
	if readme := readEntry(t, l.Bundle, "README.txt"); !bytes.Contains(readme, []byte("came by webhook")) || !bytes.Contains(readme, []byte("alerts/*.json")) {
		t.Errorf("%s", readme)
	}
	for what, args := range map[string][]string{
		"by webhook": {"list"}, "  webhook": {"list", "--alerts"}, ", by webhook": {"show", l.Bundle}, "1 alert since the start": {"status"},
	} {
		if r := runGrab(append([]string{"-c", s.Path}, args...)...); r.code > 1 || !strings.Contains(r.out, what) {
			t.Errorf("%v: %d, %q is not in %s%s", args, r.code, what, r.out, r.err)
		}
	}
	out2 := t.TempDir()
	if r := runGrab("-c", s.Path, "mask", "--out", out2, l.Bundle); r.code != 0 {
		t.Fatalf("mask: %d %s%s", r.code, r.out, r.err)
	}
	made, err := filepath.Glob(filepath.Join(out2, "*.zip"))
	if err != nil || len(made) != 1 {
		t.Fatalf("%v %v", made, err)
	}
	m, err = bundle.ReadManifest(made[0])
	if err != nil || len(m.Alerts) != 1 || m.Alerts[0].Source != evidence.SourceWebhook {
		t.Fatalf("%+v, %v", m.Alerts, err)
	}
	if got := readEntry(t, made[0], m.Alerts[0].File); bytes.Contains(got, []byte("cucm01")) || bytes.Contains(got, []byte("StandAloneCluster")) || !json.Valid(got) {
		t.Errorf("masked: %s", got)
	}
}

// Killed between the answer and what comes of it, with the same alert from many sides at
// once, again and again: what was answered with 202 is one alert, and one incident.
func TestWebhookKilled(t *testing.T) {
	t.Parallel()
	s, url := hookSite(t)
	at := time.Now().UTC()
	body := fmt.Sprintf(`{"cluster": "StandAloneCluster", "node": "cucm01", "count": 1, "time": %q}`, at.Format(time.RFC3339))
	for round := range 3 {
		stop := watchSite(s)
		var wg sync.WaitGroup
		codes := make([]int, 8)
		for i := range codes {
			wg.Go(func() { codes[i] = post(t, url, body) })
		}
		wg.Wait()
		stop(os.Kill)
		for _, code := range codes {
			if code != 202 {
				t.Fatalf("round %d: %v", round, codes)
			}
		}
		if files, err := filepath.Glob(filepath.Join(s.Dir, "store", "alerts", "*.json")); err != nil || len(files) != 1 {
			t.Fatalf("round %d: %v, %v", round, files, err)
		}
	}
	watchSite(s)
	l := firstSealed(t, s)
	if m, err := bundle.ReadManifest(l.Bundle); err != nil || len(m.Alerts) != 1 {
		t.Errorf("%+v, %v", m.Alerts, err)
	}
}
