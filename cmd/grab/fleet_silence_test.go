//go:build !windows

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/collector/notify/channel"
	"rtmtgrab/internal/fleet/sight"
	"rtmtgrab/internal/testsite"
)

// TestFleetSilence: of three real collectors one is killed, with real times: people are told of it once,
// by one of the others, and once that it is back. It takes minutes, of waiting.
func TestFleetSilence(t *testing.T) {
	if os.Getenv("GRAB_LONG") == "" {
		t.Skip("it waits for minutes: GRAB_LONG=1")
	}
	t.Parallel()
	s := newFleetSite(t)
	c := s.collector(t, "dmz-c")
	watch := func() *exec.Cmd {
		cmd := program("-c", c.Path, "watch")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		return cmd
	}
	see := func() (o sight.Overview, code int) {
		r := s.a.ask("hub", "status", "--json")
		r.decode(t, &o)
		return o, r.code
	}
	told := func(event string) (n int) {
		for _, by := range []*labConfig{s.a, s.b} {
			for line := range strings.Lines(by.Read("told")) {
				if strings.Contains(line, sight.SilentKey+"dmz-c") && strings.Contains(line, `"event":"`+event+`"`) {
					n++
				}
			}
		}
		return n
	}
	killed := watch()
	testsite.Until(t, "all work", func() bool { o, code := see(); return len(o.Collectors) == 3 && code == 0 })
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed.Wait()
	soon := time.Now().Add(6 * time.Minute)
	until := func(what string, ok func() bool) {
		for ; !ok(); time.Sleep(time.Second) {
			if time.Now().After(soon) {
				t.Fatalf("never: %s", what)
			}
		}
	}
	until("people are told", func() bool { return told(channel.Began) > 0 })
	o, code := see()
	if code != 1 || o.Collectors[2].State != sight.Silent || o.Collectors[2].Told == "" {
		b, _ := json.Marshal(o)
		t.Errorf("%d: %s", code, b)
	}
	watch()
	until("people are told that it is back", func() bool { return told(channel.Ended) > 0 })
	if told(channel.Began) != 1 || told(channel.Ended) != 1 {
		t.Error(fmt.Sprint(s.a.Read("told"), s.b.Read("told")))
	}
	if _, code := see(); code != 0 {
		t.Error(code)
	}
}
