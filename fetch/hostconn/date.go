package hostconn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/redact"
)

// Clock runs `date` on the host and compares. The answer was made at some moment
// of the round trip: half of it either way is in doubt, and half a second more
// where the host's date knows whole seconds only.
func (s *Session) Clock(ctx context.Context) (offset, doubt time.Duration, err error) {
	if !s.allowed.Allowed {
		return 0, 0, errors.New("commands are not allowed")
	}
	ctx, cancel := context.WithTimeout(ctx, clockWait)
	defer cancel()
	type answer struct {
		before time.Time
		trip   time.Duration
		out    string
		err    error
	}
	answers := make(chan answer, 1)
	s.calls.Go(func() { // a host that never answers must not stop the caller
		out, before, err := s.run(ctx, "date -u +%s.%N")
		answers <- answer{before, time.Since(before), out, err}
	})
	var a answer
	select {
	case a = <-answers:
	case <-ctx.Done():
		return 0, 0, context.Cause(ctx)
	}
	if a.err != nil {
		return 0, 0, fmt.Errorf("run date: %w", a.err)
	}
	text := strings.TrimSpace(a.out) // a login script may print lines before
	host, coarse, err := parseDate(text[strings.LastIndexByte(text, '\n')+1:])
	if err != nil {
		return 0, 0, err
	}
	if host.Sub(a.before).Abs() > maxClock {
		return 0, 0, fmt.Errorf("date answered %s, which is no clock to reckon with", host.UTC().Format(time.DateOnly))
	}
	return host.Sub(a.before.Add(a.trip / 2)), a.trip/2 + coarse, nil
}

// maxClock is how far a host's clock may be from this machine's to be reckoned with: what
// a battery that is empty makes of it, and less than a time.Duration can hold.
const maxClock = 100 * 365 * 24 * time.Hour

// run runs a command that prints little.
func (s *Session) run(ctx context.Context, command string) (out string, began time.Time, err error) {
	var c *ssh.Session
	open := func() (err error) { c, err = s.ssh.NewSession(); return err }
	if s.commands == nil {
		err = open()
	} else {
		var release func()
		if release, err = s.commands.slot(open); err == nil {
			defer release()
		}
	}
	if err != nil {
		return "", began, err
	}
	defer context.AfterFunc(ctx, func() { c.Close() })()
	defer c.Close()
	b := &capped{left: 256}
	c.Stdout = b
	began = time.Now()
	err = c.Run(command)
	return b.String(), began, err
}

// parseDate reads seconds and, where the host's date knows %N, nanoseconds;
// coarse is by how much the answer may be off for want of them.
func parseDate(s string) (t time.Time, coarse time.Duration, err error) {
	sec, frac, _ := strings.Cut(strings.TrimSpace(s), ".")
	n, err := strconv.ParseInt(sec, 10, 64)
	if err != nil || !evidence.Believable(time.Unix(n, 0)) {
		return time.Time{}, 0, fmt.Errorf("date answered %q", redact.Foreign(s, 40))
	}
	ns, err := strconv.ParseInt(frac, 10, 64)
	if err != nil || ns < 0 || len(frac) != 9 {
		return time.Unix(n, int64(time.Second/2)), time.Second / 2, nil
	}
	return time.Unix(n, ns), 0, nil
}

// capped keeps the first bytes of what a host prints.
type capped struct {
	strings.Builder
	left int
}

// ReadFrom reads all that a host prints, in little memory: it is asked each minute.
func (c *capped) ReadFrom(r io.Reader) (all int64, err error) {
	var b [64]byte
	for {
		n, err := r.Read(b[:])
		all += int64(n)
		c.Write(b[:n])
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

func (c *capped) Write(b []byte) (int, error) {
	n := min(len(b), c.left)
	c.left -= n
	c.Builder.Write(b[:n])
	return len(b), nil
}
