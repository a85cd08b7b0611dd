package testserver

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// An IMAP is an IMAP server, in this process and in the clear, that serves one mailbox
// and lies where it is told to.
type IMAP struct {
	Addr string

	mu       sync.Mutex
	validity uint32
	next     uint32
	mails    []imapMail
	conns    map[*IMAPConn]bool
	count    int
	answer   IMAPAnswer
	wg       sync.WaitGroup
	listener net.Listener
}

type imapMail struct {
	uid uint32
	at  time.Time
	raw string
}

// An IMAPConn is one connection to an IMAP.
type IMAPConn struct {
	net.Conn
	N int // which one it is, from 1 on

	server *IMAP
	lines  *bufio.Reader
	write  sync.Mutex
}

// An IMAPAnswer answers a command in place of the honest server, if it returns true.
// The command is "GREETING" before the first one, and "DONE" at the end of IDLE.
type IMAPAnswer func(c *IMAPConn, tag, command string) bool

// StartIMAP starts a server that asks answer, which may be nil, at every command.
// Whoever logs in is let in.
func StartIMAP(tb testing.TB, answer IMAPAnswer) *IMAP {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("listen: %v", err)
	}
	s := &IMAP{Addr: l.Addr().String(), validity: 1, next: 1, conns: map[*IMAPConn]bool{}, answer: answer, listener: l}
	s.wg.Go(s.accept)
	tb.Cleanup(s.stop)
	return s
}

func (s *IMAP) stop() {
	s.listener.Close()
	s.mu.Lock()
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

func (s *IMAP) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.count++
		c := &IMAPConn{Conn: conn, N: s.count, server: s, lines: bufio.NewReader(conn)}
		s.conns[c] = true
		s.mu.Unlock()
		s.wg.Go(func() {
			defer conn.Close()
			c.serve()
			s.mu.Lock()
			delete(s.conns, c)
			s.mu.Unlock()
		})
	}
}

// Connections is how many there have been.
func (s *IMAP) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// Add puts a mail that came at a time into the mailbox and announces it.
func (s *IMAP) Add(raw string, at time.Time) {
	s.mu.Lock()
	s.mails = append(s.mails, imapMail{s.next, at, raw})
	s.next++
	n, conns := len(s.mails), []*IMAPConn{}
	for c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	for _, c := range conns {
		c.Say("* %d EXISTS\r\n", n)
	}
}

// Renumber gives all mails other UIDs, from 1 on, and the mailbox another UIDVALIDITY,
// of which nobody who has it open is told.
func (s *IMAP) Renumber() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.validity++
	for i := range s.mails {
		s.mails[i].uid = uint32(i + 1)
	}
	s.next = uint32(len(s.mails) + 1)
}

// Say writes to the client.
func (c *IMAPConn) Say(format string, args ...any) error {
	c.write.Lock()
	defer c.write.Unlock()
	_, err := fmt.Fprintf(c.Conn, format, args...)
	return err
}

// Send writes text as it is to the client.
func (c *IMAPConn) Send(text []byte) error {
	c.write.Lock()
	defer c.write.Unlock()
	_, err := c.Conn.Write(text)
	return err
}

func (c *IMAPConn) lies(tag, command string) bool {
	return c.server.answer != nil && c.server.answer(c, tag, command)
}

func (c *IMAPConn) serve() {
	if !c.lies("", "GREETING") && c.Say("* OK ready\r\n") != nil {
		return
	}
	for {
		line, err := c.lines.ReadString('\n')
		if err != nil {
			return
		}
		tag, command, _ := strings.Cut(strings.TrimSpace(line), " ")
		if c.lies(tag, command) {
			continue
		}
		if c.honest(tag, command) != nil {
			return
		}
	}
}

// honest answers as it should be.
func (c *IMAPConn) honest(tag, command string) error {
	s := c.server
	words := strings.Fields(command + " x x x")
	switch strings.ToUpper(words[0]) {
	case "CAPABILITY":
		c.Say("* CAPABILITY IMAP4rev1 IDLE\r\n")
	case "SELECT", "EXAMINE":
		s.mu.Lock()
		text := fmt.Sprintf("* %d EXISTS\r\n* OK [UIDVALIDITY %d] x\r\n* OK [UIDNEXT %d] x\r\n", len(s.mails), s.validity, s.next)
		s.mu.Unlock()
		c.Say("%s", text)
	case "UID":
		c.Say("%s", s.uid(strings.ToUpper(words[1]), words[2], command))
	case "IDLE":
		c.Say("+ idling\r\n")
		if _, err := c.lines.ReadString('\n'); err != nil {
			return err
		}
		if c.lies(tag, "DONE") {
			return nil
		}
	}
	return c.Say("%s OK done\r\n", tag)
}

// uid answers UID SEARCH, with all mails, and UID FETCH.
func (s *IMAP) uid(verb, set, command string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out strings.Builder
	if verb == "SEARCH" {
		out.WriteString("* SEARCH")
	}
	for i, m := range s.mails {
		switch {
		case verb == "SEARCH":
			fmt.Fprintf(&out, " %d", m.uid)
		case verb != "FETCH" || !inSet(set, m.uid, i == len(s.mails)-1):
		case strings.Contains(command, "BODY"):
			fmt.Fprintf(&out, "* %d FETCH (UID %d BODY[]<0> {%d}\r\n%s)\r\n", i+1, m.uid, len(m.raw), m.raw)
		default:
			fmt.Fprintf(&out, "* %d FETCH (UID %d INTERNALDATE %q RFC822.SIZE %d)\r\n", i+1, m.uid, m.at.Format("02-Jan-2006 15:04:05 -0700"), len(m.raw))
		}
	}
	if verb == "SEARCH" {
		out.WriteString("\r\n")
	}
	return out.String()
}

// inSet reports whether a set of UIDs has one, which may be that of the last mail.
func inSet(set string, uid uint32, last bool) bool {
	for part := range strings.SplitSeq(set, ",") {
		from, to, isRange := strings.Cut(part, ":")
		lo, _ := strconv.ParseUint(from, 10, 32)
		hi, _ := strconv.ParseUint(to, 10, 32)
		switch {
		case !isRange:
			hi = lo
		case to == "*":
			if hi = uint64(uid); last {
				lo = min(lo, hi)
			}
		}
		if uint64(uid) >= lo && uint64(uid) <= hi {
			return true
		}
	}
	return false
}
