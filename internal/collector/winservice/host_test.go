package winservice

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/internal/access"
	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/testsite"
)

// managing runs a Host as Windows' service manager would.
type managing struct {
	host     *Host
	requests chan request
	told     chan progress
	ended    chan error
}

func manage(watch func(*Host, context.Context) error) *managing {
	m := &managing{newHost(), make(chan request), make(chan progress, 1000), make(chan error, 1)}
	go func() {
		m.ended <- m.host.serve(m.requests, func(p progress) { m.told <- p }, func(ctx context.Context) error { return watch(m.host, ctx) })
	}()
	return m
}

// states are what the manager was told until now, in short.
func (m *managing) states() string {
	var out []string
	for {
		select {
		case p := <-m.told:
			out = append(out, fmt.Sprintf("%v/%d/%v", p.state, p.check, p.hint))
		default:
			return strings.Join(out, " ")
		}
	}
}

func TestServeStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reloads := make(chan struct{}, 1)
		m := manage(func(h *Host, ctx context.Context) error {
			time.Sleep(5 * time.Second)
			defer h.OnReload(reloads)()
			h.Ready()
			h.Ready()
			<-ctx.Done()
			time.Sleep(3 * time.Second)
			return nil
		})
		m.requests <- askReload // too early: nobody hears it
		time.Sleep(10 * time.Second)
		m.requests <- askState
		m.requests <- askReload
		m.requests <- askReload // one is pending already
		synctest.Wait()
		if len(reloads) != 1 {
			t.Error("no reload")
		}
		m.requests <- askStop
		m.requests <- askStop
		if err := <-m.ended; err != nil {
			t.Error(err)
		}
		want := "starting/1/15s starting/1/15s starting/2/15s starting/3/15s running/0/0s running/0/0s running/0/0s running/0/0s stopping/1/15s stopping/1/15s stopping/2/15s"
		got := m.states()
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s\nwant %s", got, want)
		}
	})
}

func TestServeEnds(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		watch func(*Host, context.Context) error
		stop  bool
		want  error
		says  string
	}{
		"a start that fails":  {func(*Host, context.Context) error { return broken }, false, broken, ""},
		"unasked":             {func(*Host, context.Context) error { return nil }, false, nil, "grab watch ended"},
		"a stop at the start": {func(_ *Host, ctx context.Context) error { <-ctx.Done(); return nil }, true, nil, ""},
		"a stop that fails":   {func(_ *Host, ctx context.Context) error { <-ctx.Done(); return broken }, true, broken, ""},
		"a stop that hangs":   {func(*Host, context.Context) error { time.Sleep(time.Hour); return nil }, true, errStuck, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := manage(c.watch)
			if c.stop {
				m.requests <- askStop
			}
			err := <-m.ended
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%s: %v", name, err)
				}
			} else if !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
			time.Sleep(2 * time.Hour) // the hanging one ends
		})
	}
}

// The real watch, in the hands of the manager.
func TestServeWatch(t *testing.T) {
	c := testsite.New(t)
	c.StartMail()
	c.Hosts = "      - {name: e1, role: C, address: \"127.0.0.1:9\"}\n"
	c.Write()
	load := func() (*config.Config, error) { return config.Load(c.Path) }
	lines, log := io.Pipe()
	m := manage(func(h *Host, ctx context.Context) error {
		defer log.Close()
		cfg, err := load()
		if err != nil {
			return err
		}
		w, err := collector.New(cfg, testsite.LogTo(log), load, h)
		if err != nil {
			return err
		}
		return w.Run(ctx)
	})
	heard := readLines(lines)
	until := func(text string) {
		t.Helper()
		var all []string
		for line := range heard {
			if all = append(all, line); strings.Contains(line, text) {
				return
			}
		}
		t.Fatalf("no %q in %q", text, all)
	}
	ask := func(r request) {
		t.Helper()
		select {
		case m.requests <- r:
		case err := <-m.ended:
			log.Close()
			for line := range heard {
				t.Log(line)
			}
			t.Fatalf("it ended by itself: %v", err)
		}
	}
	until("msg=watching")
	ask(askReload)
	until("msg=reloaded")
	c.Extra = "nonsense: 1"
	c.Write()
	ask(askReload)
	until("the old configuration stays in force")
	ask(askStop)
	until("msg=stopped")
	if err := <-m.ended; err != nil {
		t.Error(err)
	}
	if got := m.states(); !strings.Contains(got, "starting/1/15s running/0/0s") || !strings.Contains(got, "stopping/") {
		t.Error(got)
	}
}

func readLines(r io.Reader) <-chan string {
	out := make(chan string, 1000)
	go func() {
		defer close(out)
		b, line := make([]byte, 4096), ""
		for {
			n, err := r.Read(b)
			line += string(b[:n])
			for {
				l, rest, ok := strings.Cut(line, "\n")
				if !ok {
					break
				}
				out <- l
				line = rest
			}
			if err != nil {
				return
			}
		}
	}()
	return out
}

func TestAwaitState(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		want state
		row  []state
		err  error
		says string
	}{
		"a start":        {stateRunning, []state{stateStarting, stateStarting, stateRunning}, nil, ""},
		"a failed start": {stateRunning, []state{stateStarting, stateStopped}, nil, "stopped right after"},
		"a stop":         {stateStopped, []state{stateStopping, stateStopped}, nil, ""},
		"a slow one":     {stateStopped, []state{stateStopping}, context.DeadlineExceeded, "still stopping"},
		"a fault":        {stateStopped, nil, broken, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			i := -1
			err := awaitState(t.Context(), c.want, func() (state, error) {
				if len(c.row) == 0 {
					return 0, broken
				}
				i = min(i+1, len(c.row)-1)
				return c.row[i], nil
			})
			if c.err != nil && !errors.Is(err, c.err) || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) || c.err == nil && c.says == "" && err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// The service's folders: closed to all others; the configuration is not its to change.
func TestServicePlaces(t *testing.T) {
	root := filepath.Join(t.TempDir(), "grab")
	for i, p := range folders(root) {
		l, err := access.Parse(p.list)
		if err != nil {
			t.Fatal(err)
		}
		if l.Broad(0x1f01ff) != nil || l.Foreign("") != "" || !l.ServiceMay(serviceName, access.ReadData|access.Execute) || l.ServiceMay("other", access.ReadData) {
			t.Errorf("%s: %+v", p.dir, l)
		}
		if l.ServiceMay(serviceName, access.WriteData|access.Delete) != (i > 0) || l.ServiceMay(serviceName, access.WriteList) {
			t.Errorf("%s: what the service may write", p.dir)
		}
	}
}

func TestServiceHints(t *testing.T) {
	root := filepath.Join(t.TempDir(), "grab")
	in := &config.Config{Path: filepath.Join(root, "grab.yaml"), Store: filepath.Join(root, "store")}
	if got := accessHints(root, in); got != nil {
		t.Error(got)
	}
	out := &config.Config{Path: filepath.Join(root+"2", "grab.yaml"), Store: filepath.Join(filepath.Dir(root), "store")}
	if got := strings.Join(accessHints(root, out), "\n"); !strings.Contains(got, fmt.Sprintf(`icacls "%s" /grant "NT SERVICE\grab:(OI)(CI)RX"`, root+"2")) || !strings.Contains(got, fmt.Sprintf(`icacls "%s" /grant "NT SERVICE\grab:(OI)(CI)M"`, out.Store)) {
		t.Error(got)
	}
}

func TestServiceArgs(t *testing.T) {
	if args := commandLine(`C:\a b\grab.yaml`); !slices.Equal(args, []string{"watch", "--service", "--config", `C:\a b\grab.yaml`}) {
		t.Error(args)
	}
}
