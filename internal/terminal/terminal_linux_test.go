package terminal

import (
	"bufio"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// A screen is what stood on a terminal.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *screen) until(t *testing.T, what string) string {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		text := s.text.String()
		s.mu.Unlock()
		if strings.Contains(text, what) {
			return text
		}
		if time.Now().After(deadline) {
			t.Fatalf("no %q in %q", what, text)
		}
	}
}

func echoes(t *testing.T, f *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// A secret is not seen; what is typed next is, also after an interruption in the middle.
func TestSecret(t *testing.T) {
	t.Parallel()
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	var out screen
	go io.Copy(&out, master) // both stay open: the reading that is interrupted below has the terminal until the process ends

	interrupted := make(chan struct{})
	q := &Asker{In: bufio.NewReader(tty), Out: tty, Interrupted: interrupted, Terminal: tty}
	type line struct {
		text string
		ok   bool
	}
	answered := make(chan line, 1)
	ask := func(how func(string, ...any) (string, bool), question string) {
		go func() { text, ok := how("%s", question); answered <- line{text, ok} }()
		out.until(t, question)
	}
	hidden := func() {
		for deadline := time.Now().Add(20 * time.Second); echoes(t, tty); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				select {
				case got := <-answered:
					t.Errorf("answered: %+v", got)
				default:
				}
				t.Error("what is typed would be seen")
				master.Write([]byte("x\n"))
				t.FailNow()
			}
		}
	}

	ask(q.Secret, "secret?")
	hidden()
	io.WriteString(master, "hunter2\n")
	if got := <-answered; got != (line{"hunter2", true}) || !echoes(t, tty) {
		t.Errorf("%+v", got)
	}
	ask(q.Ask, "name?")
	io.WriteString(master, "expc01\n")
	if got := <-answered; got != (line{"expc01", true}) {
		t.Errorf("%+v", got)
	}
	if text := out.until(t, "expc01"); strings.Contains(text, "hunter2") {
		t.Errorf("the secret is seen: %q", text)
	}
	ask(q.Secret, "again?")
	hidden()
	close(interrupted)
	if got := <-answered; got != (line{}) || !echoes(t, tty) {
		t.Errorf("%+v, echo %v", got, echoes(t, tty))
	}
	io.WriteString(master, "\n") // ends the reading
	if _, ok := (&Asker{In: q.In, Out: io.Discard}).Secret("secret?"); ok {
		t.Error("asked for a secret where it cannot be hidden")
	}
}
