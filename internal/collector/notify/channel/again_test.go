//go:build !windows

package channel

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/smtpout"
)

// asDesk is set in a child that delivers what waits in the folder that it names, by
// the way that asWay names.
const asDesk, asWay = "NOTICE_TEST_DESK", "NOTICE_TEST_WAY"

func TestMain(m *testing.M) {
	if dir := os.Getenv(asDesk); dir != "" {
		deliverAll(dir, os.Getenv(asWay))
	}
	os.Exit(m.Run())
}

// deliverAll is the child: it ends when nothing waits any more.
func deliverAll(dir, way string) {
	kind, where, _ := strings.Cut(way, " ")
	o := &Outbox{Name: kind, Dir: filepath.Join(dir, "outbox")}
	switch kind {
	case "webhook":
		o.Channel = &Webhook{URL: func() (string, error) { return where, nil }}
	case "mail":
		o.Channel = &Mail{Server: &smtpout.Server{Addr: where, TLS: smtpout.TLSNone}, From: "grab@example.com", To: []string{"noc@example.com"},
			Mark: func(string) (string, string) { return "X-Grab-Notice", "MARK" }, ID: func(id, domain string) string { return "<grab-notice." + id + "@" + domain + ">" }}
	case "command":
		o.Channel = &Command{Args: []string{where, dir}}
	}
	if err := o.Open(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go o.Deliver(context.Background())
	for waiting(o) > 0 {
		time.Sleep(time.Millisecond)
	}
	os.Exit(0)
}

// receiver takes what is delivered, and kills whoever delivers the first time, before
// he hears that it was taken.
type receiver struct {
	mu    sync.Mutex
	child *exec.Cmd
	got   []string // IDs
}

func (r *receiver) take(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.got = append(r.got, id); len(r.got) == 1 {
		r.child.Process.Kill()
		r.child.Process.Wait()
	}
}

// deliver runs a child to its end, and reports whether that was a good one.
func (r *receiver) deliver(t *testing.T, dir, way string) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), asDesk+"="+dir, asWay+"="+way)
	cmd.Stderr = os.Stderr
	r.mu.Lock()
	r.child = cmd
	err := cmd.Start()
	r.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	return cmd.Wait() == nil
}

// smtp serves one mail server in the clear until the test ends.
func (r *receiver) smtp(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.session(c)
		}
	}()
	return l.Addr().String()
}

func (r *receiver) session(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	fmt.Fprint(c, "220 hi\r\n")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch word, _, _ := strings.Cut(strings.TrimSpace(line), " "); strings.ToUpper(word) {
		case "DATA":
			fmt.Fprint(c, "354 go\r\n")
			var text strings.Builder
			for line != ".\r\n" {
				if line, err = in.ReadString('\n'); err != nil {
					return
				}
				text.WriteString(line)
			}
			if m, err := mail.ReadMessage(strings.NewReader(text.String())); err == nil {
				r.take(m.Header.Get("Message-ID") + " " + m.Header.Get("Date"))
			}
			fmt.Fprint(c, "250 ok\r\n")
		case "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			fmt.Fprint(c, "250 ok\r\n")
		}
	}
}

// TestDeliveredTwice: a process that is killed after a notice was delivered and before
// that is written down delivers it again, and by each way the receiver can tell.
func TestDeliveredTwice(t *testing.T) {
	n := Told(time.Now(), KindSealed, Incident{Key: "k", Incident: "i", Revision: 1, Site: "hq"})
	for _, way := range []string{"webhook", "mail", "command"} {
		t.Run(way, func(t *testing.T) {
			r, dir := &receiver{}, t.TempDir()
			if err := box(t, filepath.Join(dir, "outbox"), nil).Add(n); err != nil {
				t.Fatal(err)
			}
			where := ""
			switch way {
			case "webhook":
				s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
					b, _ := io.ReadAll(q.Body)
					var doc Notice
					if err := json.Unmarshal(b, &doc); err != nil || q.Header.Get("Idempotency-Key") != `"`+doc.ID+`"` {
						t.Errorf("%v %v %s", err, q.Header, b)
					}
					r.take(doc.ID)
				}))
				defer s.Close()
				where = s.URL
			case "mail":
				where = r.smtp(t)
			case "command":
				where = script(t, `cat > "$1/$$.got"; mkdir "$1/killed" 2> /dev/null && kill -9 $PPID; exit 0`)
			}
			if r.deliver(t, dir, way+" "+where) {
				t.Fatal("the first process was not killed")
			}
			if !r.deliver(t, dir, way+" "+where) {
				t.Fatal("the second process came to no good end")
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			if names, err := filepath.Glob(filepath.Join(dir, "*.got")); way == "command" {
				for _, name := range names {
					var doc Notice
					b, err := os.ReadFile(name)
					if err == nil {
						err = json.Unmarshal(b, &doc)
					}
					if err != nil {
						t.Fatal(err)
					}
					r.got = append(r.got, doc.ID)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if len(r.got) != 2 || r.got[0] != r.got[1] || !strings.Contains(r.got[0], n.ID) {
				t.Errorf("delivered were %q", r.got)
			}
			if left := box(t, filepath.Join(dir, "outbox"), nil); waiting(left) != 0 {
				t.Errorf("%d wait", waiting(left))
			}
		})
	}
}

// TestIDs: what is made anew after a crash has the ID that it had, whatever came to be
// known since; what is another thing has another.
func TestIDs(t *testing.T) {
	now := time.Now()
	in := Incident{Key: "key", Incident: "20260302T141407Z-hq-3fa2c1", Revision: 1, Coverage: string(evidence.Partial)}
	later := in
	later.Incident, later.Coverage, later.Found = "20260302T141400Z-hq-111111", string(evidence.Lost), &Registration{Preliminary: true, Why: "x"}
	retried := in
	retried.Revision = 2
	if a, b := Told(now, KindCopied, in), Told(now.Add(time.Hour), KindCopied, later); a.ID != b.ID {
		t.Errorf("%s, %s", a.ID, b.ID)
	}
	seen := map[string]bool{}
	for _, n := range []Notice{Told(now, KindCopied, in), Told(now, KindSealed, in), Told(now, KindSealed, retried)} {
		seen[n.ID] = true
	}
	if len(seen) != 3 {
		t.Errorf("%d IDs", len(seen))
	}
	a, b := Change{Key: "disk", Event: Began, Since: now}, Change{Key: "host/a", Event: Began, Since: now}
	alone, both := Problems(now, []Change{b}), Problems(now.Add(time.Minute), []Change{a, b})
	if alone.Changes[0].ID != both.Changes[1].ID || both.Changes[0].ID == both.Changes[1].ID || alone.ID == both.ID {
		t.Errorf("%+v\n%+v", alone, both)
	}
	if b.Event = Ended; Problems(now, []Change{b}).Changes[0].ID == alone.Changes[0].ID {
		t.Error("an end has the ID of its beginning")
	}
}
