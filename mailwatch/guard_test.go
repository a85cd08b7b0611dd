package mailwatch

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestFrame feeds responses whole and byte by byte.
func TestFrame(t *testing.T) {
	deep := strings.Repeat("(", maxDepth+1)
	for _, tc := range []struct {
		name, in string
		want     error
	}{
		{"greeting", "* OK [CAPABILITY IMAP4rev1 IDLE] ready (really \"ready\r\n", nil},
		{"text with odd brackets", "* OK it's [half \"open ((( {3}\r\n* 1 EXISTS\r\n", nil},
		{"bare LF", "* 3 EXISTS\n* OK hi\n", nil},
		{"continuation", "+ idling (\"{5}\r\n", nil},
		{"empty continuation", "+\r\n+ \r\n", nil},
		{"tagged", "T1 OK [READ-ONLY] done (\"\r\nT2 NO [X] \"\r\nT3 BAD\r\n", nil},
		{"flags", "* FLAGS (\\Seen \\Answered)\r\n* LIST (\\Noselect) \"/\" \"a \\\" ( b\"\r\n", nil},
		{"fetch", "* 1 FETCH (UID 5 BODY[HEADER.FIELDS (\"X\")] {7}\r\n((((\"(( FLAGS ())\r\n", nil},
		{"literals", "* 1 FETCH (A {2}\r\n(( B {0}\r\n C ~{1} \r\n()\n* 2 EXISTS\r\n", nil},
		{"depth at the limit", "* 1 FETCH " + deep[1:] + strings.Repeat(")", maxDepth) + "\r\n", nil},
		{"too deep", "* 1 FETCH " + deep, errDepth},
		{"too deep behind closed strings", "* 1 FETCH " + strings.Repeat("(\")\" ", maxDepth+1), errDepth},
		{"long status", "* OK " + strings.Repeat("x", maxResponse), errResponse},
		{"long atom", "* " + strings.Repeat("x", 100), errShape},
		{"long string", "* LIST \"" + strings.Repeat("x", maxResponse), errResponse},
		{"literal too big", "* 1 FETCH (X {33554433", errLiteral},
		{"literal with many digits", "* 1 FETCH (X {" + strings.Repeat("9", 1000), errLiteral},
		{"literals too big together", "* 1 FETCH (BODY[] {33554432}\r\n" + strings.Repeat("x", maxLiterals) + " {1}\r\n", errLiteral},
		{"mail", "* 1 FETCH (UID 7 body[]<0> {100000}\r\n" + strings.Repeat("x", 100000) + ")\r\n", nil},
		{"no mail", "* 1 FETCH (UID 7 X {100000}\r\n", errSmall},
		{"a mail in a structure", "* 1 FETCH (BODYSTRUCTURE (BODY[] {100000}\r\n", errSmall},
		{"an envelope", "* 1 FETCH (UID 7 envelope ", errEnvelope},
		{"the word elsewhere", "* 1 FETCH (FLAGS (ENVELOPE \\Seen) UID 7)\r\n* LIST () \"/\" ENVELOPE\r\n", nil},
		{"a mail in a search", "* ESEARCH BODY[] {100000}\r\n", errSmall},
		{"a mail in a list", "* 1 LIST (BODY[] {100000}\r\n", errSmall},
		{"many small", "* 1 FETCH (BODYSTRUCTURE (" + strings.Repeat("{9000}\r\n"+strings.Repeat("x", 9000)+" ", 2), errSmall},
		{"string over lines", "* LIST () \"a\r\n", errShape},
		{"list over lines", "* LIST (a\r\n", errShape},
		{"closed too often", "* LIST )\r\n", errShape},
		{"code over lines", "* OK [X \r\n* 1 FETCH (BODY[] {30000000}\r\n", errShape},
		{"a list of capabilities", "* CAPABILITY (IMAP4rev1)\r\n", errFlat},
		{"a list behind capabilities", "* capability IMAP4rev1 IDLE(\r\n", errFlat},
		{"numbered capabilities", "* 1 CAPABILITY (\r\n", errFlat},
		{"a list of what is enabled", "* ENABLED (\r\n", errFlat},
		{"a list of capabilities in a greeting", "* OK [CAPABILITY (] ready\r\n", errFlat},
		{"a list of capabilities in an answer", "T1 OK [CAPABILITY(IMAP4rev1)] done\r\n", errFlat},
		{"a list in another code", "* OK [PERMANENTFLAGS (\\Seen)] x\r\n* CAPABILITY X\r\n* OK [CAPABILITY X] (y)\r\n", nil},
		{"numbered status", "* 1 OK {300000}\r\n", errShape},
		{"numbered status in lower case", "* 1 bye {300000}\r\n", errShape},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var f frame
			err := f.feed([]byte(tc.in))
			if err != tc.want {
				t.Errorf("whole: %v, want %v", err, tc.want)
			}
			f, err = frame{}, nil
			for i := 0; i < len(tc.in) && err == nil && len(tc.in) < maxLiterals; i++ {
				err = f.feed([]byte{tc.in[i]})
			}
			if err != tc.want && len(tc.in) < maxLiterals {
				t.Errorf("byte by byte: %v, want %v", err, tc.want)
			}
			if err == nil && (f.size != 0 || f.kind != opening) {
				t.Errorf("the last response did not end: %+v", f)
			}
		})
	}
}

func TestFrameHears(t *testing.T) {
	var f frame
	if err := f.feed([]byte("* OK [ALERT] disk is nearly full\r\nT1 OK\r\n* 2 EXISTS\r\nT2 NO x\r\n* bye see you\r\n")); err != nil {
		t.Fatal(err)
	}
	if f.alert != "[ALERT] disk is nearly full" || f.bye != "BYE see you" || f.tagged != 2 {
		t.Errorf("%+v", f)
	}
}

// FuzzFrame: however the bytes are cut into reads, the verdict is the same, and
// no response is longer than allowed.
func FuzzFrame(f *testing.F) {
	f.Add([]byte("* 1 FETCH (UID 5 BODY[] {7}\r\n((((\"(( FLAGS ())\r\n* OK [X] y\r\nT1 OK\r\n"), 3)
	f.Add([]byte("+ x\r\n* LIST (\"\\\"\") {2} \r\n()\r\n"), 1)
	f.Fuzz(func(t *testing.T, in []byte, n int) {
		var a, b frame
		whole := a.feed(in)
		var pieces error
		for i, step := 0, 1+max(0, n)%7; i < len(in) && pieces == nil; i += step {
			pieces = b.feed(in[i:min(len(in), i+step)])
		}
		if whole != pieces {
			t.Errorf("whole %v, in pieces %v", whole, pieces)
		}
		if whole == nil && (a.size > maxResponse || a.depth > maxDepth || a.literals > maxLiterals) {
			t.Errorf("let through: %+v", a)
		}
	})
}

// FuzzServer: whatever a server sends, every command ends and the process lives.
func FuzzServer(f *testing.F) {
	f.Add([]byte("* OK [CAPABILITY IMAP4rev1] hi\r\nT1 OK x\r\nT2 OK [READ-ONLY] x\r\n* 1 FETCH (UID 1 INTERNALDATE \"02-Jan-2026 15:04:05 +0000\" RFC822.SIZE 5 BODY[]<0> {5}\r\nhello)\r\nT3 OK x\r\n"))
	// capabilities in the greeting: else go-imap asks for them, and its own goroutines
	// race when the answer and the connection's end come at once (v2.0.0-beta.8)
	f.Add([]byte("* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n* CAPABILITY IMAP4rev1\r\nT1 OK x\r\n* SEARCH 1 2\r\n* ESEARCH UID ALL 1:4294967295\r\n* 1 FETCH (BODYSTRUCTURE (((\"a\" \"b\") \"mixed\")))\r\n"))
	f.Add([]byte("* OK [ALERT] \"x\r\n* LIST (\\a) \"/\" {3}\r\nabc\r\n* THREAD ((1)(2 (3)))\r\n* FLAGS ()\r\n* BYE\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		client, server := net.Pipe()
		var wg sync.WaitGroup
		wg.Go(func() { io.Copy(io.Discard, server) })
		wg.Go(func() { server.Write(in); client.Close() })
		g := newGuard(client, client)
		s := &session{g: g, stop: func() bool { return true }, c: imapclient.New(g, nil)}
		if s.do(commandLimit, s.c.WaitGreeting) == nil {
			s.list(1, 0)
			s.oldest(time.Now(), 7, func() {})
			s.body(1)
		}
		s.close()
		server.Close()
		wg.Wait()
	})
}

// pipe returns a guard and the server's end of its connection.
func pipe(t *testing.T) (*guard, net.Conn) {
	client, server := net.Pipe()
	g := newGuard(client, client)
	t.Cleanup(func() { g.Close(); server.Close() })
	return g, server
}

func TestGuardKeepsItsFirstError(t *testing.T) {
	g, server := pipe(t)
	go server.Write([]byte("* LIST )\r\n"))
	_, err := io.ReadAll(iotest.OneByteReader(g))
	if err != errShape {
		t.Fatalf("%v", err)
	}
	if _, err := g.Read(make([]byte, 1)); err != errShape {
		t.Errorf("read after the error: %v", err)
	}
	if _, err := g.Write([]byte("x")); err != errShape {
		t.Errorf("write after the error: %v", err)
	}
	if _, err := server.Write([]byte("x")); err == nil {
		t.Error("the connection is still open")
	}
}

// TestGuardDeadline: clearing the deadline does not mean waiting for ever, and
// a limit that is set while a read waits counts for that read.
func TestGuardDeadline(t *testing.T) {
	g, _ := pipe(t)
	g.SetReadDeadline(time.Time{})
	done := make(chan error)
	go func() {
		_, err := g.Read(make([]byte, 1))
		done <- err
	}()
	g.setLimit(10 * time.Millisecond)
	select {
	case err := <-done:
		if err == nil || !strings.Contains(err.Error(), "stopped answering") {
			t.Errorf("%v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("still reading")
	}
}

func TestGuardBudget(t *testing.T) {
	g, server := pipe(t)
	go func() {
		for {
			if _, err := io.WriteString(server, strings.Repeat("* 1 EXISTS\r\n", 1000)); err != nil {
				return
			}
		}
	}()
	if _, err := io.Copy(io.Discard, struct{ io.Reader }{g}); err == nil || !strings.Contains(err.Error(), "for one command") {
		t.Errorf("%v", err)
	}
}

func TestGuardEndsAtBye(t *testing.T) {
	g, server := pipe(t)
	go io.WriteString(server, "* BYE Idle for too long\x1b\r\n")
	b, err := io.ReadAll(g)
	if !strings.HasPrefix(string(b), "* BYE") || !errors.Is(err, errBye) || !strings.Contains(err.Error(), "too long ") || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("%q %v", b, err)
	}
}
