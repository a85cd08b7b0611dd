package collector

import (
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/collector/health"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/collector/pages"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/lab"
	"rtmtgrab/internal/testsite"
	"rtmtgrab/mailwatch"
)

// freshConfig gives fresh copies of a configuration.
func freshConfig(t testing.TB, c *testsite.Site) func() *config.Config {
	return func() *config.Config {
		c.Extra = ""
		c.Write()
		cfg, err := config.Options{}.Load(c.Path)
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
}

// After a reload health and metrics are served where the new configuration says, or stay
// where they are.
func TestHTTPAnew(t *testing.T) {
	c := testsite.New(t, lab.ExpresswayConfig{Role: "C"})
	c.StartMail()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	var log testsite.SafeBuffer
	cfg := freshConfig(t, c)
	first := cfg()
	first.HTTP.Listen = testsite.FreeAddr(t)
	report := func() status.Report { return status.Report{} }
	w := &pages.Pages{Handler: health.Handler(report, health.NewMetrics(report), testsite.LogTo(&log)), Log: testsite.LogTo(&log)}
	if err := w.Serve(first.HTTP); err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	second := cfg()
	second.HTTP.Listen = taken.Addr().String()
	w.ServeAnew(second.HTTP)
	if code, _ := testsite.Get(t, first.HTTP.Listen, "/metrics"); code != 200 || !strings.Contains(log.String(), "stay at the old address") {
		t.Errorf("%d %s", code, log.String())
	}
	third := cfg()
	third.HTTP.Listen = strings.Replace(testsite.FreeAddr(t), "127.0.0.1", "0.0.0.0", 1)
	w.ServeAnew(third.HTTP)
	if code, _ := testsite.Get(t, strings.Replace(third.HTTP.Listen, "0.0.0.0", "127.0.0.1", 1), "/metrics"); code != 200 || strings.Count(log.String(), "there is no authentication") != 1 {
		t.Errorf("%d %s", code, log.String())
	}
	if _, err := net.Dial("tcp", first.HTTP.Listen); err == nil {
		t.Error("the old address still answers")
	}
	w.ServeAnew(cfg().HTTP)
	if _, err := net.Dial("tcp", strings.Replace(third.HTTP.Listen, "0.0.0.0", "127.0.0.1", 1)); err == nil {
		t.Error("it is served still")
	}
}

// systemd's watchdog is fed by the mailboxes' signs of life while all of them give
// some: one that is down and tries again is alive, one that is silent is not.
func TestWatchdog(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "n")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fed := func() bool {
		conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)) // it is sent before alive returns
		b := make([]byte, 100)
		n, err := conn.Read(b)
		return err == nil && string(b[:n]) == "WATCHDOG=1"
	}
	var boxes boxStates
	alive := watchdog(boxes.turning)
	alive(mailwatch.State{Now: time.Now()})
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "60000000")
	alive = watchdog(boxes.turning)
	if fed() {
		t.Error("fed without a watchdog")
	}
	now := time.Now()
	boxes.list = []boxState{{Name: "a", State: mailwatch.State{Now: now, Connected: true}}, {Name: "b", State: mailwatch.State{Now: now, Err: errors.New("down")}}, {Name: "c", Never: true}}
	if alive(mailwatch.State{Now: now}); !fed() {
		t.Error("not fed although all turn")
	}
	boxes.note("b", func(s *boxState) { s.State.Now = now.Add(-status.Stuck - time.Second) })
	if alive(mailwatch.State{Now: now}); fed() {
		t.Error("fed although one is stuck")
	}
	boxes.note("b", func(s *boxState) { s.State.Now = now })
	if alive(mailwatch.State{Now: now}); !fed() {
		t.Error("not fed although it turns again")
	}
}
