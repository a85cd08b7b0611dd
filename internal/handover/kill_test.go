package handover

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"rtmtgrab/bundle/seal/envelope"
	"rtmtgrab/internal/handover/sink"
	"rtmtgrab/internal/handover/sink/folder"
)

const childEnv = "GRAB_TEST_HANDOVER_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// slow is a far side that takes its time: a folder in which a file grows, which is put in
// place at the end.
type slow struct{ dir string }

func (s slow) Check(context.Context) error { return nil }

func (s slow) Deliver(ctx context.Context, a sink.Artifact) (sink.Receipt, error) {
	place := filepath.Join(s.dir, a.Name)
	in, err := sink.Open(ctx, a)
	if err != nil {
		return sink.Receipt{}, err
	}
	defer in.Close()
	out, err := os.Create(filepath.Join(s.dir, "."+a.ID))
	if err != nil {
		return sink.Receipt{}, err
	}
	defer out.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := in.Read(b)
		if _, werr := out.Write(b[:n]); werr != nil {
			return sink.Receipt{}, werr
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return sink.Receipt{}, err
		}
		time.Sleep(3 * time.Millisecond) // it is what this far side is for
	}
	out.Close()
	return sink.Receipt{Place: place, Sent: a.Size, Verified: sink.BySize}, os.Rename(out.Name(), place)
}

// child delivers all bundles of a folder to two destinations until nothing waits and the
// file "last" is there.
func child(dir string) error {
	log, err := os.OpenFile(filepath.Join(dir, "custody"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	e := &Engine{Log: slog.New(slog.DiscardHandler), Store: Store{Dir: filepath.Join(dir, "handover")}, Record: func(j Job, a Attempt, again bool) error {
		line := fmt.Sprintf("%s %d %s\n", j.Name(), a.N, a.Outcome)
		if text, err := os.ReadFile(log.Name()); again && err == nil && strings.Contains(string(text), fmt.Sprintf("%s %d ", j.Name(), a.N)) {
			return nil
		}
		_, err := log.WriteString(line)
		return err
	}}
	if err := e.Open(); err != nil {
		return err
	}
	e.Configure([]Destination{
		{Name: "share", Bandwidth: 3 << 20, Terms: func(Job) Terms { return Terms{To: []string{filepath.Join(dir, "recipient")}} }, Open: func() (sink.Sink, error) { return folder.New(filepath.Join(dir, "share")), nil }},
		{Name: "slow", Terms: func(Job) Terms { return Terms{} }, Open: func() (sink.Sink, error) { return slow{filepath.Join(dir, "slow")}, nil }},
	})
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		e.Run(ctx)
	}()
	fmt.Println("ready")
	for ctx.Err() == nil {
		_, lerr := os.Stat(filepath.Join(dir, "last")) // before the look at the bundles
		paths, _ := filepath.Glob(filepath.Join(dir, "bundles", "*.zip"))
		for _, p := range paths {
			key := strings.TrimSuffix(filepath.Base(p), ".zip")
			for _, to := range []string{"share", "slow"} {
				if err := e.Add(Finished{Key: key, Incident: key, Revision: 1, Bundle: p}, to); err != nil {
					return err
				}
			}
		}
		if lerr == nil && len(e.Jobs()) == 0 {
			cancel()
			<-ran
			return nil
		}
		time.Sleep(5 * time.Millisecond) // another look
	}
	return fmt.Errorf("%d jobs wait: %+v", len(e.Jobs()), e.Report())
}

// Killed again and again while it prepares, encrypts, delivers and cleans up: every bundle
// is at each destination once, whole, and nothing else is.
func TestKilled(t *testing.T) {
	t.Parallel()
	kills := 30
	if os.Getenv("GRAB_LONG") != "" {
		kills = 200
	}
	dir := t.TempDir()
	for _, d := range []string{"bundles", "share", "slow"} {
		os.Mkdir(filepath.Join(dir, d), 0o700)
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "recipient"), []byte(id.Recipient().String()+"\n"))
	write(t, filepath.Join(dir, "key"), []byte(id.String()+"\n"))
	made := 0
	for n := range kills {
		c := start(t, dir)
		for range 1 + n%2 {
			text := make([]byte, 200<<10+rand.IntN(100<<10))
			for i := range text {
				text[i] = byte(rand.Int())
			}
			write(t, filepath.Join(dir, "bundles", fmt.Sprintf("b%03d.zip", made)), text)
			made++
		}
		time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond) // whatever it is doing then
		c.Process.Kill()
		c.Wait()
	}
	write(t, filepath.Join(dir, "last"), nil)
	if err := start(t, dir).Wait(); err != nil {
		t.Fatal(err)
	}
	proveWhole(t, dir, made)
}

func start(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), childEnv+"="+dir)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		c.Wait()
		t.Fatalf("%q, %v", line, err)
	}
	return c
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name+".part", b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".part", name); err != nil {
		t.Fatal(err)
	}
}

func proveWhole(t *testing.T, dir string, made int) {
	t.Helper()
	keys, err := envelope.UnlockKeys(nil, filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	for n := range made {
		name := fmt.Sprintf("b%03d.zip", n)
		want, _ := os.ReadFile(filepath.Join(dir, "bundles", name))
		got, err := os.ReadFile(filepath.Join(dir, "slow", name))
		if err != nil || !bytes.Equal(want, got) {
			t.Errorf("slow/%s: %d bytes of %d, %v", name, len(got), len(want), err)
		}
		plain := filepath.Join(t.TempDir(), name)
		if err := envelope.Decrypt(t.Context(), filepath.Join(dir, "share", name+".age"), plain, keys); err != nil {
			t.Errorf("share/%s: %v", name, err)
			continue
		}
		if got, err := os.ReadFile(plain); err != nil || !bytes.Equal(want, got) {
			t.Errorf("share/%s: %d bytes of %d, %v", name, len(got), len(want), err)
		}
	}
	for pattern, want := range map[string]int{"share/*": made, "share/.*": 0, "handover/outbox/*": 0, "handover/making/*": 0, "handover/*~*": 0, "handover/done/*": 2 * made} {
		list, _ := filepath.Glob(filepath.Join(dir, pattern))
		if len(list) != want {
			t.Errorf("%s: %d, not %d: %q", pattern, len(list), want, list[:min(len(list), 5)])
		}
	}
	told := map[string]int{}
	text, _ := os.ReadFile(filepath.Join(dir, "custody"))
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		told[f[0]+" "+f[1]]++
		if f[2] == OutcomeDelivered {
			told[f[0]]++
		}
	}
	for n := range made {
		for _, to := range []string{"share", "slow"} {
			if name := Name(fmt.Sprintf("b%03d", n), 1, to); told[name] != 1 {
				t.Errorf("%s was delivered %d times by its custody", name, told[name])
			}
		}
	}
	for line, n := range told {
		if n > 1 {
			t.Errorf("%s is %d times in custody", line, n)
		}
	}
}
