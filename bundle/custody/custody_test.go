package custody

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func manifest() evidence.Manifest {
	m := evidence.Manifest{Incident: "20260302T141407Z-hq-3fa2c1", Revision: 1, Coverage: evidence.Complete, Reason: "a look", Grab: "v1"}
	m.Timing.Claimed, m.Timing.Sealed = noon, noon.Add(time.Minute)
	m.Alerts = []evidence.Alert{{ID: strings.Repeat("ab", 32), Name: "PartiallyRegisteredPhone", Node: "cucm01", Time: noon, File: "alerts/x.eml"}}
	m.Hosts = []evidence.Host{{Host: "expc01", Address: "10.0.30.2:22", HostKey: "SHA256:x", Began: noon, Ended: noon.Add(time.Second), Files: []evidence.File{
		{Family: "network_log", Path: "hosts/expc01/network_log.txt", Bytes: 7, SHA256: "00", Sources: []evidence.Source{{Name: "network_log.1", Offset: 3, Length: 7, SHA256: "00", From: "host"}}},
		{Family: "messages"}}}}
	return m
}

func chainOf(t testing.TB, m evidence.Manifest) ([]byte, Head) {
	t.Helper()
	b, err := Of(m, "11")
	if err != nil {
		t.Fatal(err)
	}
	head, err := Walk(bytes.NewReader(b), Head{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b, head
}

// A bundle's chain says who asked, which host with which key, what was read and when, and
// follows from the manifest alone. `sha256sum` of a line is what the next one carries.
func TestOf(t *testing.T) {
	t.Parallel()
	m := manifest()
	m.RequestedBy = "alice"
	b, head := chainOf(t, m)
	if again, _ := chainOf(t, m); !bytes.Equal(again, b) {
		t.Error("the same manifest gave other bytes")
	}
	lines := bytes.SplitAfter(b, []byte("\n"))
	sum := sha256.Sum256(lines[0])
	if !bytes.Contains(lines[1], []byte(`"prev":"`+hex.EncodeToString(sum[:])+`"`)) {
		t.Errorf("%s does not carry the hash of %s", lines[1], lines[0])
	}
	var said []string
	Walk(bytes.NewReader(b), Head{}, func(e Entry) error {
		s := e.Act
		switch {
		case e.Alert != nil:
			s += " alert " + e.Alert.ID[:4]
		case e.Person != nil:
			s += " by " + e.Person.By
		case e.Host != nil:
			s += fmt.Sprint(" ", e.Host.Host, " ", e.Host.HostKey, " ", e.Time.Equal(noon), e.Host.Until.Sub(e.Time))
		case e.Source != nil:
			s += fmt.Sprint(" ", e.Source.File, " ", e.Source.Offset, "+", e.Source.Length)
		case e.Log != nil:
			s += " " + e.Log.Path
		case e.Seal != nil:
			s += " " + e.Seal.Manifest
		}
		said = append(said, s)
		return nil
	})
	want := "asked alert abab; asked by alice; reached expc01 SHA256:x true 1s; read network_log.1 3+7; written hosts/expc01/network_log.txt; sealed 11"
	if got := strings.Join(said, "; "); got != want || head.N != 6 {
		t.Errorf("%d entries:\n%s\nwant\n%s", head.N, got, want)
	}
}

// No byte of a chain can be changed, and no line taken out, added or moved, but the last.
func TestTampered(t *testing.T) {
	t.Parallel()
	b, _ := chainOf(t, manifest())
	lines := bytes.SplitAfter(bytes.TrimSuffix(b, []byte("\n")), []byte("\n"))
	last := len(b) - len(lines[len(lines)-1]) - 1
	for i := range last {
		c := bytes.Clone(b)
		c[i] ^= 1
		if head, err := Walk(bytes.NewReader(c), Head{}, nil); err == nil {
			t.Fatalf("byte %d was changed, and the chain goes on to entry %d", i, head.N)
		}
	}
	for name, c := range map[string][][]byte{
		"taken out": append(append([][]byte{}, lines[:2]...), lines[3:]...),
		"the first": lines[1:],
		"twice":     append(append([][]byte{}, lines[:2]...), lines[1:]...),
		"empty":     append(append([][]byte{}, lines[0], []byte("\n")), lines[1:]...),
	} {
		if _, err := Walk(bytes.NewReader(bytes.Join(c, nil)), Head{}, nil); !errors.As(err, new(*BrokenError)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	long := strings.NewReader("{" + strings.Repeat(" ", 10*maxLine) + "}\n")
	if _, err := Walk(long, Head{}, nil); !errors.As(err, new(*BrokenError)) {
		t.Error("a line without end:", err)
	}
}

// A ledger goes on from a bundle's chain, whoever writes at the same time.
func TestLedger(t *testing.T) {
	t.Parallel()
	l := LedgerOf(t.TempDir())
	_, from := chainOf(t, manifest())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := l.Append("x", from, Entry{Time: noon, Act: Verified, Later: &Later{By: "bob", Result: "ok"}}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	head, err := l.Walk("x", from, nil)
	if err != nil || head.N != from.N+8 {
		t.Errorf("%d entries behind %d: %v", head.N, from.N, err)
	}
	if _, err := l.Walk("x", Head{N: from.N, Hash: zeros}, nil); err == nil {
		t.Error("it goes on from another bundle too")
	}
	for _, name := range []string{"../x", "", "a/b", `a\b`, ".x"} {
		if err := l.Append(name, from, Entry{Act: Opened}); err == nil {
			t.Errorf("%q is taken for a name", name)
		}
	}
}

// Wherever a crash cuts a ledger off, and however often, it is seen, and goes on.
func TestTorn(t *testing.T) {
	t.Parallel()
	l := LedgerOf(t.TempDir())
	entry := Entry{Time: noon, Act: Opened, Later: &Later{By: "bob"}}
	var from Head
	for range 2 {
		if err := l.Append("x", from, entry); err != nil {
			t.Fatal(err)
		}
	}
	whole, _ := os.ReadFile(l.File("x"))
	first := bytes.IndexByte(whole, '\n') + 1
	for _, cut := range []int{first, first + 1, first + 9, (first + len(whole)) / 2, len(whole) - 2, len(whole) - 1} {
		for _, tail := range []string{"", "\n", "\n{\"n\":", "\x00\x00"} {
			name := fmt.Sprintf("c%d-%x", cut, tail)
			was := append(bytes.Clone(whole[:cut]), tail...)
			if err := os.WriteFile(l.File(name), was, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := l.Walk(name, from, nil)
			if clean := cut == first && tail == "" || cut == len(whole)-1 && tail == "\n"; clean != (err == nil) || err != nil && !errors.Is(err, ErrTorn) {
				t.Fatalf("%s: %v", name, err)
			}
			for range 2 {
				if err := l.Append(name, from, entry); err != nil {
					t.Fatal(name, err)
				}
			}
			head, err := l.Walk(name, from, nil)
			want := 3
			if cut == len(whole)-1 && !strings.HasPrefix(tail, "\x00") {
				want = 4 // the second line was whole
			}
			if now, _ := os.ReadFile(l.File(name)); err != nil || head.N != want || !bytes.HasPrefix(now, was) {
				t.Fatalf("%s: %d entries, %v:\n%s", name, head.N, err, now)
			}
		}
	}
}

// What is no file, or was tampered with, is not continued.
func TestBrokenLedger(t *testing.T) {
	t.Parallel()
	l := LedgerOf(t.TempDir())
	for range 3 {
		if err := l.Append("x", Head{}, Entry{Time: noon, Act: Opened}); err != nil {
			t.Fatal(err)
		}
	}
	b, _ := os.ReadFile(l.File("x"))
	c := bytes.Replace(b, []byte("opened"), []byte("0pened"), 1)
	if err := os.WriteFile(l.File("x"), c, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.Append("x", Head{}, Entry{Time: noon, Act: Opened}); !errors.As(err, new(*BrokenError)) {
		t.Error(err)
	}
	if now, _ := os.ReadFile(l.File("x")); !bytes.Equal(now, c) {
		t.Error("a broken ledger was written to")
	}
	if err := os.Mkdir(l.File("folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := l.Append("folder", Head{}, Entry{Act: Opened}); err == nil {
		t.Error("a folder is no error")
	}
	store := t.TempDir()
	for _, d := range []string{"bundles", "incidents"} {
		os.Mkdir(filepath.Join(store, d), 0o700)
	}
	if got, in := LedgerFor(filepath.Join(store, "bundles", "x.zip")); !in || got != LedgerOf(store) {
		t.Errorf("%v, %v", got, in)
	}
	if _, in := LedgerFor(filepath.Join(store, "x.zip")); in {
		t.Error("outside of the folder of bundles")
	}
}

// Whatever is read: what was walked, or is torn, can be continued, by one entry behind it;
// and cutting a whole chain anywhere gives a whole or a torn one.
func FuzzWalk(f *testing.F) {
	b, err := Of(manifest(), "11")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, 10)
	f.Add(b[:len(b)-4], 400)
	f.Add([]byte("torn\n{\"n\":1}\n"), 3)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		w := newWalker(bytes.NewReader(b), Head{}, nil)
		err := w.walk()
		if err != nil && !errors.Is(err, ErrTorn) {
			return
		}
		if err == nil && cut >= 0 && cut < len(b) {
			if _, err := Walk(bytes.NewReader(b[:cut]), Head{}, nil); err != nil && !errors.Is(err, ErrTorn) {
				t.Fatalf("cut off at %d: %v", cut, err)
			}
		}
		line, err := w.continued(Entry{Act: Opened})
		if err != nil {
			return // what was torn is a whole entry, and a wrong one
		}
		head, err := Walk(bytes.NewReader(append(bytes.Clone(b), line...)), Head{}, nil)
		if err != nil || head.N != w.head.N+1 {
			t.Fatalf("%q continued by %q: %d entries, %v", b, line, head.N, err)
		}
	})
}

// TestBeside: the chain of a bundle that is in no store goes on in a file beside it, once that was
// begun; what is no file there is not written to.
func TestBeside(t *testing.T) {
	dir := t.TempDir()
	bundle := filepath.Join(dir, "x.zip")
	if _, in := LedgerFor(bundle); in {
		t.Fatal("a ledger that nobody began")
	}
	for range 2 {
		if err := Begin(bundle); err != nil {
			t.Fatal(err)
		}
		l, in := LedgerFor(bundle)
		if !in || l.File("x") != bundle+BesideSuffix {
			t.Fatal(in, l.File("x"))
		}
		if err := l.Append("x", Head{}, Entry{Time: time.Now(), Act: Opened, Later: &Later{By: "ann", File: "x.zip"}}); err != nil {
			t.Fatal(err)
		}
	}
	l, _ := LedgerFor(bundle)
	if head, err := l.Walk("x", Head{}, nil); err != nil || head.N != 2 {
		t.Fatal(head, err)
	}

	other := filepath.Join(dir, "y.zip")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(other+BesideSuffix, 0o700))
	l, in := LedgerFor(other)
	if err := l.Append("y", Head{}, Entry{Time: time.Now(), Act: Opened}); !in || err == nil {
		t.Error(in, err)
	}
	store := filepath.Join(dir, "store")
	must(os.MkdirAll(filepath.Join(store, "bundles"), 0o700))
	must(os.MkdirAll(filepath.Join(store, "incidents"), 0o700))
	in1 := filepath.Join(store, "bundles", "x.zip")
	must(Begin(in1))
	if l, in := LedgerFor(in1); !in || l != LedgerOf(store) {
		t.Error("in a store that of the store counts", in, l)
	}
}
