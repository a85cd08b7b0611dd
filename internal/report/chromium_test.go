package report

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rtmtgrab/internal/testserver"
)

// patience only guards against hangs.
const patience = 2 * time.Minute

// A browser is a headless Chromium, spoken to over its debugging pipe.
type browser struct {
	t *testing.T
	*pipe
}

type pipe struct {
	in  *os.File
	end chan struct{}

	mu      sync.Mutex
	next    int
	answers map[int]chan message
	events  []message
	seen    chan struct{} // gets a value after every event, if it has room
}

type message struct {
	ID        int             `json:"id,omitempty"`
	Method    string          `json:"method,omitempty"`
	Params    json.RawMessage `json:"params,omitempty"`
	SessionID string          `json:"sessionId,omitempty"`
	Result    json.RawMessage `json:"result,omitempty"`
	Error     *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

func startBrowser(t *testing.T) *browser {
	t.Helper()
	path := testserver.Need(t, "chromium")
	profile, err := os.MkdirTemp("", "chromium-*")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage", "--user-data-dir="+profile, "--remote-debugging-pipe", "about:blank")
	theirIn, ourIn, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ourOut, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.WaitDelay = 10 * time.Second
	cmd.ExtraFiles = []*os.File{theirIn, theirOut}
	if err := cmd.Start(); err != nil {
		os.RemoveAll(profile)
		t.Fatal(err)
	}
	theirIn.Close()
	theirOut.Close()
	b := &browser{t, &pipe{in: ourIn, end: make(chan struct{}), answers: map[int]chan message{}, seen: make(chan struct{}, 1)}}
	go b.read(bufio.NewReaderSize(ourOut, 1<<20))
	t.Cleanup(func() {
		b.mu.Lock()
		fmt.Fprint(b.in, `{"id":1000000,"method":"Browser.close"}`+"\x00")
		b.mu.Unlock()
		select {
		case <-b.end:
		case <-time.After(20 * time.Second):
		}
		cancel()
		cmd.Wait()
		ourIn.Close()
		ourOut.Close()
		for range 100 { // its children end a moment after it
			if os.RemoveAll(profile) == nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if t.Failed() {
			t.Logf("chromium said: %s", stderr.Bytes()[max(0, stderr.Len()-2000):])
		}
	})
	return b
}

// of is the same browser for another test.
func (b *browser) of(t *testing.T) *browser { return &browser{t, b.pipe} }

// read hands answers to those who wait for them and keeps events until the pipe ends.
func (b *pipe) read(r *bufio.Reader) {
	defer close(b.end)
	for {
		line, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(bytes.TrimSuffix(line, []byte{0}), &m) != nil {
			continue
		}
		b.mu.Lock()
		if c := b.answers[m.ID]; m.ID > 0 && c != nil {
			c <- m
			delete(b.answers, m.ID)
		} else if m.Method != "" {
			b.events = append(b.events, m)
			select {
			case b.seen <- struct{}{}:
			default:
			}
		}
		b.mu.Unlock()
	}
}

// call does one command and returns its result.
func (b *browser) call(session, method string, params any, result any) {
	b.t.Helper()
	raw, err := json.Marshal(params)
	if err != nil {
		b.t.Fatal(err)
	}
	c := make(chan message, 1)
	b.mu.Lock()
	b.next++
	id := b.next
	b.answers[id] = c
	line, _ := json.Marshal(message{ID: id, Method: method, Params: raw, SessionID: session})
	_, err = b.in.Write(append(line, 0))
	b.mu.Unlock()
	if err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	select {
	case m := <-c:
		if m.Error != nil {
			b.t.Fatalf("%s: %s", method, m.Error.Message)
		}
		if result != nil {
			if err := json.Unmarshal(m.Result, result); err != nil {
				b.t.Fatalf("%s: %v", method, err)
			}
		}
	case <-b.end:
		b.t.Fatalf("%s: chromium has ended", method)
	case <-time.After(patience):
		b.t.Fatalf("%s: no answer", method)
	}
}

// A tab shows one page.
type tab struct {
	b       *browser
	session string
}

// open shows a page as a file of a folder of its own, with a fragment.
func (b *browser) open(html []byte, fragment string, width int, dark bool) *tab {
	b.t.Helper()
	name := filepath.Join(b.t.TempDir(), "registration.html")
	if err := os.WriteFile(name, html, 0o600); err != nil {
		b.t.Fatal(err)
	}
	var target struct{ TargetID string }
	b.call("", "Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	t := &tab{b, attached.SessionID}
	b.t.Cleanup(func() { b.call("", "Target.closeTarget", map[string]any{"targetId": target.TargetID}, nil) })
	for _, d := range []string{"Page.enable", "Network.enable", "Runtime.enable", "Log.enable"} {
		t.call(d, map[string]any{}, nil)
	}
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	t.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
	t.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false}, nil)
	t.call("Page.navigate", map[string]any{"url": (&url.URL{Scheme: "file", Path: filepath.ToSlash(name), Fragment: fragment}).String()}, nil)
	t.wait("Page.loadEventFired")
	return t
}

func (t *tab) call(method string, params, result any) {
	t.b.t.Helper()
	t.b.call(t.session, method, params, result)
}

// said are the tab's events of a method.
func (t *tab) said(method string) []string {
	t.b.mu.Lock()
	defer t.b.mu.Unlock()
	var out []string
	for _, m := range t.b.events {
		if m.SessionID == t.session && m.Method == method {
			out = append(out, string(m.Params))
		}
	}
	return out
}

func (t *tab) wait(method string) {
	t.b.t.Helper()
	limit := time.After(patience)
	for len(t.said(method)) == 0 {
		select {
		case <-t.b.seen:
		case <-t.b.end:
			t.b.t.Fatal("chromium has ended")
		case <-limit:
			t.b.t.Fatalf("%s did not come", method)
		}
	}
}

// eval returns what an expression is, as text or as JSON.
func (t *tab) eval(js string) string {
	t.b.t.Helper()
	var r struct {
		Result           struct{ Value any }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	t.call("Runtime.evaluate", map[string]any{"expression": js, "returnByValue": true, "awaitPromise": true}, &r)
	if e := r.ExceptionDetails; e != nil {
		t.b.t.Fatalf("%s: %s %s", js, e.Text, e.Exception.Description)
	}
	if s, ok := r.Result.Value.(string); ok {
		return s
	}
	b, _ := json.Marshal(r.Result.Value)
	return string(b)
}

// until waits for an expression to become true in the page.
func (t *tab) until(js string) {
	t.b.t.Helper()
	got := t.eval(`new Promise(r => { const end = Date.now() + 60000; (function look() { if (` + js + `) r("yes"); else if (Date.now() > end) r("no"); else setTimeout(look, 10); })(); })`)
	if got != "yes" {
		t.b.t.Fatalf("never: %s", js)
	}
}

// click presses the left button in the middle of what a selector finds.
func (t *tab) click(selector string) {
	t.b.t.Helper()
	var at [2]float64
	text := t.eval(fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.scrollIntoView({block: "center"}); const r = e.getBoundingClientRect(); return [r.x + r.width/2, r.y + r.height/2]; })()`, selector))
	if err := json.Unmarshal([]byte(text), &at); err != nil {
		t.b.t.Fatal(err)
	}
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		t.call("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1}, nil)
	}
}

func (t *tab) typeText(text string) {
	t.b.t.Helper()
	t.call("Input.insertText", map[string]any{"text": text}, nil)
}

func (t *tab) key(name string, code int) {
	t.b.t.Helper()
	for _, kind := range []string{"rawKeyDown", "char", "keyUp"} {
		text := ""
		if kind == "char" && name == "Enter" {
			text = "\r"
		}
		if kind == "char" && text == "" {
			continue
		}
		t.call("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": name, "code": name, "windowsVirtualKeyCode": code, "text": text}, nil)
	}
}

// requests are the addresses that the page asked for.
func (t *tab) requests() []string {
	var out []string
	for _, p := range t.said("Network.requestWillBeSent") {
		var r struct{ Request struct{ URL string } }
		if json.Unmarshal([]byte(p), &r) == nil {
			out = append(out, strings.SplitN(r.Request.URL, "#", 2)[0])
		}
	}
	return out
}
