package channel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

var quietLog = slog.New(slog.DiscardHandler)

var sample = Notice{ID: "00ff", Kind: KindProblems, Time: time.Now(), Subject: "grab: <disk> & *more*", Text: "line one [click](http://evil.example)\n" + strings.Repeat("long line <!channel>\n", 800)}

func TestWebhook(t *testing.T) {
	var code int
	var header, body string
	var last []byte
	asked := map[string]int{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked[r.URL.Path]++
		last, _ = io.ReadAll(r.Body)
		if header != "" {
			w.Header().Set("Retry-After", header)
		}
		if code >= 300 && code < 400 {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(code)
		io.WriteString(w, body)
	}))
	defer s.Close()
	post := func(answer int, retryAfter, say string) error {
		code, header, body = answer, retryAfter, say
		return (&Webhook{URL: func() (string, error) { return s.URL + "/hook/s3cret?sig=k3y", nil }}).Send(t.Context(), sample)
	}
	for _, ok := range []int{200, 202, 204} {
		if err := post(ok, "", ""); err != nil {
			t.Error(ok, err)
		}
	}
	var n Notice
	if err := json.Unmarshal(last, &n); err != nil || n.Subject != sample.Subject || n.Text != sample.Text {
		t.Errorf("%v %s", err, last)
	}
	var refusal *Refusal
	var wait *Wait
	if err := post(429, "7", ""); !errors.As(err, &wait) || wait.For != 7*time.Second {
		t.Error(err)
	}
	if err := post(503, time.Now().Add(time.Hour).UTC().Format(http.TimeFormat), ""); !errors.As(err, &wait) || wait.For < 50*time.Minute || wait.For > time.Hour {
		t.Error(err)
	}
	if err := post(429, "soon", ""); !errors.As(err, &wait) || wait.For != 0 {
		t.Error(err)
	}
	if err := post(400, "", "bad card"); !errors.As(err, &refusal) || !strings.Contains(err.Error(), "bad card") {
		t.Error(err)
	}
	for _, c := range []int{301, 307, 308, 401, 404, 500} {
		err := post(c, "", "at /hook/s3cret?sig=k3y "+strings.Repeat("x", 1<<20))
		if err == nil || errors.As(err, &refusal) || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "k3y") || len(err.Error()) > 300 {
			t.Error(c, err)
		}
	}
	if asked["/elsewhere"] != 0 {
		t.Error("a redirect was followed")
	}
	s.Close()
	if err := post(200, "", ""); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Error(err)
	}
}

// TestWebhookSlow: no answer ends with the attempt.
func TestWebhookSlow(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer s.Close()
	defer close(release)
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("no answer"))
	defer cancel()
	err := (&Webhook{URL: func() (string, error) { return s.URL + "/s3cret", nil }}).Send(ctx, sample)
	if err == nil || err.Error() != "no answer" {
		t.Error(err)
	}
}

// TestTemplates: within the sizes that Teams and Slack take, and nothing of a mail
// becomes a link or calls a channel.
func TestTemplates(t *testing.T) {
	b, err := json.Marshal((&Webhook{Template: TemplateTeams}).document(sample))
	if err != nil || len(b) > 28<<10 {
		t.Error(err, len(b))
	}
	var card struct {
		Type        string
		Attachments []struct {
			ContentType string
			Content     struct {
				Type, Version string
				Body          []struct {
					Type    string
					Inlines []struct{ Type, Text string }
				}
			}
		}
	}
	if err := json.Unmarshal(b, &card); err != nil || card.Type != "message" || card.Attachments[0].ContentType != "application/vnd.microsoft.card.adaptive" ||
		card.Attachments[0].Content.Type != "AdaptiveCard" || card.Attachments[0].Content.Body[0].Inlines[0].Text != sample.Subject {
		t.Errorf("%v %.500s", err, b)
	}
	for _, block := range card.Attachments[0].Content.Body {
		if block.Type != "RichTextBlock" || block.Inlines[0].Type != "TextRun" {
			t.Errorf("%+v could hold Markdown", block)
		}
	}
	if b, err = json.Marshal((&Webhook{Template: TemplateSlack}).document(sample)); err != nil {
		t.Fatal(err)
	}
	var post struct {
		Text   string
		Blocks []struct {
			Type string
			Text struct{ Type, Text string }
		}
	}
	if err := json.Unmarshal(b, &post); err != nil || post.Text != "grab: &lt;disk&gt; &amp; *more*" || len(post.Blocks) < 3 || len(post.Blocks) > 50 {
		t.Errorf("%v %.500s", err, b)
	}
	for i, block := range post.Blocks {
		if n := len([]rune(block.Text.Text)); block.Text.Type != "plain_text" || n == 0 || i == 0 && n > 150 || n > 3000 {
			t.Errorf("block %d: %s, %d characters", i, block.Text.Type, n)
		}
	}
}

func script(t *testing.T, text string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Fatal("this test needs a shell")
	}
	name := filepath.Join(t.TempDir(), "tell")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestCommand(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("GRAB_IMAP_PASSWORD", "hunter2")
	c := &Command{Args: []string{script(t, `cat > "$1/in"; env > "$1/env"; echo "$@" > "$1/args"; yes | head -c 3000000`), dir}}
	if err := c.Send(t.Context(), sample); err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var n Notice
	if err := json.Unmarshal([]byte(read("in")), &n); err != nil || n.Text != sample.Text {
		t.Error(err)
	}
	if env := read("env"); strings.Contains(env, "hunter2") || strings.Contains(env, "disk") || !strings.Contains(env, "PATH=") {
		t.Error(env)
	}
	if args := read("args"); args != dir+"\n" {
		t.Errorf("%q", args)
	}
	c.Args = []string{script(t, "exit 7")}
	if err := c.Send(t.Context(), sample); err == nil || !strings.Contains(err.Error(), "7") {
		t.Error(err)
	}
	c.Args = []string{filepath.Join(dir, "gone")}
	if err := c.Send(t.Context(), sample); err == nil {
		t.Error("a program that is not there was run")
	}
}

// TestCommandHangs: it is killed, and its child too.
func TestCommandHangs(t *testing.T) {
	dir := t.TempDir()
	c := &Command{Args: []string{script(t, `sleep 1000 & echo $! > "$1/pid.new"; mv "$1/pid.new" "$1/pid"; wait`), dir}}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	done := make(chan error, 1)
	go func() { done <- c.Send(ctx, sample) }()
	var pid int
	for deadline := time.Now().Add(time.Minute); pid == 0; time.Sleep(10 * time.Millisecond) {
		b, _ := os.ReadFile(filepath.Join(dir, "pid"))
		if pid, _ = strconv.Atoi(strings.TrimSpace(string(b))); time.Now().After(deadline) {
			t.Fatal("the command never began")
		}
	}
	cancel(errors.New("too slow"))
	select {
	case err := <-done:
		if err == nil || !strings.Contains(err.Error(), "too slow") {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it was not killed")
	}
	for deadline := time.Now().Add(time.Minute); alive(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("its child lives on")
		}
	}
}

// alive reports whether a process of Linux is there and no zombie.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, state, _ := strings.Cut(string(b), ") ")
	return err == nil && !strings.HasPrefix(state, "Z")
}
