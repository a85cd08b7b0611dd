package delivery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/custody"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/handover"
	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/wiring"
)

// shop is a store with a dispatcher, and a folder that bundles go to.
type shop struct {
	*testing.T
	*Dispatcher
	share string
	cfg   *config.Config
	stop  func()
}

func newShop(t *testing.T) *shop {
	dir := t.TempDir()
	st, err := incident.OpenStore(filepath.Join(dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{T: t, share: filepath.Join(dir, "share")}
	os.Mkdir(s.share, 0o700)
	s.cfg = &config.Config{Store: st.Dir, Handover: []config.Handover{{Name: "share", Folder: s.share, Mask: config.MaskNone}}}
	s.Dispatcher = &Dispatcher{Store: st, Cfg: func() *config.Config { return s.cfg }, Log: slog.New(slog.DiscardHandler)}
	t.Cleanup(func() { s.close() })
	return s
}

func (s *shop) open() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Dispatcher.Run(ctx)
	}()
	s.stop = func() {
		cancel()
		<-done
	}
}

func (s *shop) close() {
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
}

// seal makes a sealed incident, as a runner leaves it that is killed at once.
func (s *shop) seal(n, revision int, to ...string) incident.Incident {
	s.Helper()
	id := fmt.Sprintf("20260302T14%02d07Z-hq-3fa2c1", n)
	in, err := s.Store.Load(id)
	if err != nil {
		in = incident.Incident{Key: id, ID: id, Site: "hq", Kind: incident.KindNow, State: incident.Sealed, Created: time.Now()}
		if err := s.Store.Create(id); err != nil {
			s.Fatal(err)
		}
	}
	m := evidence.Manifest{Incident: id, Revision: revision, Site: "hq", Coverage: evidence.Complete}
	path := filepath.Join(s.Store.Bundles(), bundle.Name(m)+".zip")
	if _, err := bundle.Write(s.Context(), path, bundle.Input{Manifest: m, Log: func(_, _ string) (io.ReadCloser, error) { return nil, io.EOF }}); err != nil {
		s.Fatal(err)
	}
	in.Bundle, in.Revision = path, revision
	in.Revisions = append(in.Revisions, incident.Revision{Revision: revision, Bundle: path, Coverage: evidence.Complete, Sealed: time.Now(), HandTo: to})
	if err := s.Store.Save(in); err != nil {
		s.Fatal(err)
	}
	return in
}

func (s *shop) delivered(in incident.Incident) bool {
	list, settled := s.Outcomes(in)
	return settled && len(list) > 0 && list[0].State == "done"
}

// A crash between sealing and queueing loses nothing, whoever sealed and whenever; what was
// to go nowhere does not.
func TestPlanned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		before, nowhere := s.seal(1, 1, "share"), s.seal(2, 1)
		if undelivered := wiring.Undelivered(s.Store); !undelivered(before.Key) || undelivered(nowhere.Key) || !undelivered("unknown") {
			t.Error("undelivered before")
		}
		s.open()
		time.Sleep(time.Minute)
		other := s.seal(3, 1, "share") // by another process: nobody says so
		time.Sleep(2 * lookEvery)
		if !s.delivered(before) || !s.delivered(other) {
			t.Fatalf("%+v", s.Queue())
		}
		if undelivered := wiring.Undelivered(s.Store); undelivered(before.Key) || undelivered(other.Key) {
			t.Error("undelivered afterwards")
		}
		entries, _ := os.ReadDir(s.share)
		if len(entries) != 2 {
			t.Error(entries)
		}
		s.close()
		s.open()
		time.Sleep(time.Hour)
		if r, err := s.Report(); err != nil || len(r) != 1 || r[0].Count != 2 {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// What was to go to a destination that was taken out is not dropped, and not removed.
func TestTakenOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		list := s.cfg.Handover
		s.cfg = &config.Config{Store: s.cfg.Store}
		in := s.seal(1, 1, "share") // as it was when the bundle was sealed
		os.Mkdir(Dir(s.Store), 0o700)
		s.open()
		time.Sleep(time.Hour)
		r, err := s.Report()
		if err != nil || len(r) != 1 || r[0].Configured || r[0].Waiting != 1 || !wiring.Undelivered(s.Store)(in.Key) {
			t.Fatalf("%+v, %v", r, err)
		}
		s.cfg = &config.Config{Store: s.cfg.Store, Handover: list}
		s.Configure()
		time.Sleep(time.Minute)
		if !s.delivered(in) {
			t.Errorf("%+v", s.Queue())
		}
	})
}

// A bundle that is damaged is not sent.
func TestDamaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		in := s.seal(1, 1, "share")
		b, _ := os.ReadFile(in.Bundle)
		b[len(b)/2] ^= 1
		os.WriteFile(in.Bundle, b, 0o600)
		s.open()
		time.Sleep(time.Hour)
		if entries, _ := os.ReadDir(s.share); len(entries) != 0 || len(s.Queue()) != 1 || s.Queue()[0].State != "failed" {
			t.Errorf("%v, %+v", entries, s.Queue())
		}
	})
}

// A bundle of the store is its incident's, whatever way a person names its file: it is kept
// until it is delivered.
func TestFileByLink(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	in := s.seal(1, 1)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(s.Store.Dir, link); err != nil {
		t.Skip(err) // Windows lets not everybody
	}
	file := filepath.Join(t.TempDir(), "mine.zip")
	os.Symlink(in.Bundle, file)
	for _, path := range []string{in.Bundle, filepath.Join(link, "bundles", filepath.Base(in.Bundle)), file} {
		if f, err := s.file(path); err != nil || f.Key != in.Key || f.Bundle != in.Bundle {
			t.Errorf("%s: %+v, %v", path, f, err)
		}
	}
}

// What a person asked for is delivered, and its bundle kept until then, also if the file of the
// job is damaged, at whatever byte it ends.
func TestJobDamaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		in := s.seal(1, 1) // no record says that it is to go anywhere
		os.Remove(s.share)
		s.open()
		time.Sleep(time.Minute)
		os.Mkdir(Dir(s.Store), 0o700)
		if _, err := s.Do(s.Context(), Ask{Incident: in.ID, To: "share", Wait: time.Second}, "ann", func(string, ...any) {}); err == nil {
			t.Fatal("delivered")
		}
		s.close()
		name := filepath.Join(Dir(s.Store), handover.Name(in.Key, 1, "share")+".json")
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; n < len(whole)-2; n += 97 { // to its last brace
			os.WriteFile(name, whole[:n], 0o600)
			s.open()
			time.Sleep(time.Minute)
			s.close()
			if !wiring.Undelivered(s.Store)(in.Key) {
				t.Fatalf("%d bytes: it counts as delivered", n)
			}
		}
		os.Mkdir(s.share, 0o700)
		s.open()
		time.Sleep(time.Hour)
		if sent, err := os.ReadDir(s.share); err != nil || len(sent) != 1 || wiring.Undelivered(s.Store)(in.Key) {
			t.Errorf("%v, %v, %+v", sent, err, s.Queue())
		}
	})
}

// An attempt is in the chain of custody once, also if a crash came right behind that.
func TestRecorded(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	in := s.seal(1, 1, "share")
	j := handover.Job{ID: strings.Repeat("ab", 16), Key: in.Key, Incident: in.ID, Sink: "share", Bundle: in.Bundle, Artefact: &handover.Artefact{Name: "x.zip", SHA256: "00"}}
	a := handover.Attempt{N: 1, Ended: time.Now(), Outcome: handover.OutcomeUnknown, Cause: "timeout", Error: "so"}
	for _, again := range []bool{false, true, true} {
		if err := s.record(j, a, again); err != nil {
			t.Fatal(err)
		}
	}
	a.N, a.Outcome, a.Place, a.Error = 2, handover.OutcomeDelivered, "/share/x.zip", ""
	if err := s.record(j, a, true); err != nil {
		t.Fatal(err)
	}
	_, head, err := bundle.ChainOf(t.Context(), in.Bundle)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	if _, err := custody.LedgerOf(s.Store.Dir).Walk(in.ID, head, func(e custody.Entry) error {
		got = append(got, e.Act+" "+e.Later.Result+" "+strings.Join(e.Later.To, " "))
		return nil
	}); err != nil || strings.Join(got, ", ") != "delivery unknown share, delivery ok share /share/x.zip" {
		t.Errorf("%q, %v", got, err)
	}
	os.Remove(in.Bundle)
	if err := s.record(j, a, false); !errors.Is(err, handover.ErrNoCustody) {
		t.Error(err)
	}
}

// Every cause has a next move, whatever the destination.
func TestHints(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"folder", "sftp", "s3", "https", "cxd", "mail", "", "other"} {
		for _, c := range []sink.Cause{sink.Unreachable, sink.Timeout, sink.Certificate, sink.Refused, sink.Full, sink.Busy, sink.Redirect, sink.Mismatch, sink.Rejected, sink.Local, ""} {
			if Hint(kind, c) == "" {
				t.Errorf("%s, %s: no next move", kind, c)
			}
		}
	}
}

// An attempt that could not be written into the chain of custody is written there later, also
// when what it sent is gone and cannot be made anew.
func TestRecordedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		in := s.seal(1, 1, "share")
		os.Remove(s.share)
		ledger := custody.LedgerOf(s.Store.Dir).File(in.ID)
		os.MkdirAll(ledger, 0o700) // in the way
		s.open()
		time.Sleep(time.Minute)
		sent := s.Queue()[0].SHA256

		s.cfg = &config.Config{Store: s.cfg.Store, Handover: []config.Handover{{Name: "share", Folder: s.share, Mask: config.MaskIdentities}}} // it cannot be masked: there is no mask.scope
		s.Configure()
		time.Sleep(time.Minute)
		if q := s.Queue(); len(q) != 1 || q[0].SHA256 != "" || q[0].Attempts == 0 || sent == "" {
			t.Fatalf("%+v", q)
		}
		s.close()
		os.Remove(ledger)
		s.open()
		time.Sleep(time.Minute)
		_, head, err := bundle.ChainOf(t.Context(), in.Bundle)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		if _, err := custody.LedgerOf(s.Store.Dir).Walk(in.ID, head, func(e custody.Entry) error {
			found = found || e.Act == custody.Delivery && e.Later.SHA256 == sent
			return nil
		}); err != nil || !found {
			t.Errorf("%v, %v", found, err)
		}
	})
}

// Who gives up what is being sent hears what became of it, not that it is being sent.
func TestDropUnderWay(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	s := newShop(t)
	in := s.seal(1, 1, "share")
	s.cfg.Handover[0].Folder = ""
	s.cfg.Handover[0].HTTPS = &config.HTTPSSink{URL: config.Address{Secret: config.NewSecret("https://" + silent.Addr().String() + "/")}, Method: "PUT"}
	s.open()
	until(t, func() bool { q := s.Queue(); return len(q) == 1 && q[0].State == "running" })
	got, err := s.Do(t.Context(), Ask{Incident: in.ID, Drop: true}, "ann", nil)
	if err != nil || got.State != "dropped" {
		t.Errorf("%+v, %v", got, err)
	}
}
