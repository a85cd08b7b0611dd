package logset

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
)

// countedConn counts the bytes that are read.
type countedConn struct {
	conntest.Local
	bytes atomic.Int64
}

type countedHandle struct {
	hostconn.Handle
	c *countedConn
}

func (c *countedConn) Open(ctx context.Context, name string) (hostconn.Handle, error) {
	h, err := c.Local.Open(ctx, name)
	return countedHandle{h, c}, err
}

func (h countedHandle) ReadAt(b []byte, off int64) (int, error) {
	n, err := h.Handle.ReadAt(b, off)
	h.c.bytes.Add(int64(n))
	return n, err
}

func inspect(t *testing.T, dir string, c hostconn.Conn) (Depths, error) {
	t.Helper()
	return Inspect(t.Context(), hostconn.Host{Name: "expc01", Dir: dir, Families: []string{"network_log", "messages", "developer_log"},
		Dial: func(context.Context) (hostconn.Conn, error) { return c, nil }})
}

func put(t *testing.T, name string, text []byte, mtime time.Time) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, mtime, mtime); err != nil {
		t.Fatal(err)
	}
}

func TestInspect(t *testing.T) {
	dir := t.TempDir()
	now := time.Now().Truncate(time.Second)
	n := 0
	// network_log: gzip of an hour ago, then two plain files of ten minutes each
	old := fetchtest.Logs(t, filepath.Join(dir, "x"), now.Add(-80*time.Minute), now.Add(-20*time.Minute), &n)
	os.Remove(filepath.Join(dir, "x"))
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write([]byte(" |the end of a message\n " + strings.Repeat("y", 9000) + "\n" + old)) // no record in the first 4 KiB
	w.Close()
	put(t, filepath.Join(dir, "network_log.2"), z.Bytes(), now.Add(-20*time.Minute))
	fetchtest.Logs(t, filepath.Join(dir, "network_log.1"), now.Add(-20*time.Minute), now.Add(-10*time.Minute), &n)
	os.Chtimes(filepath.Join(dir, "network_log.1"), now.Add(-10*time.Minute), now.Add(-10*time.Minute))
	fetchtest.Logs(t, filepath.Join(dir, "network_log"), now.Add(-10*time.Minute), now, &n)
	os.Chtimes(filepath.Join(dir, "network_log"), now, now)
	// messages: large, its first record after 100 KiB of a message's end; nothing else is held whole
	big := " " + strings.Repeat("z", 100<<10) + "\n" + fetchtest.Line(now.Add(-time.Hour), 1) + strings.Repeat(fetchtest.Line(now.Add(-time.Minute), 2), 20000)
	put(t, filepath.Join(dir, "messages"), []byte(big), now)
	put(t, filepath.Join(dir, "messages.bak"), nil, now)
	put(t, filepath.Join(dir, "unrelated"), []byte("x"), now)

	c := &countedConn{Local: conntest.Local{Offset: 3 * time.Second}}
	d, err := inspect(t, dir, c)
	if err != nil {
		t.Fatal(err)
	}
	net, mess, dev := d.Families[0], d.Families[1], d.Families[2]
	if net.Files != 3 || net.Gzip != 1 || !net.Oldest.Equal(now.Add(-80*time.Minute)) || !net.Written.Equal(now) {
		t.Errorf("%+v", net)
	}
	plain := fileSize(t, dir, "network_log") + fileSize(t, dir, "network_log.1")
	if want := plain / 20; net.PerMin < want*99/100 || net.PerMin > want*101/100 {
		t.Errorf("%d bytes a minute, want %d", net.PerMin, want)
	}
	if mess.Files != 2 || mess.Bytes != int64(len(big)) || !mess.Oldest.Equal(now.Add(-time.Hour)) {
		t.Errorf("%+v", mess)
	}
	if dev.Files != 0 || dev.Bytes != 0 || !dev.Oldest.IsZero() || dev.PerMin != 0 {
		t.Errorf("%+v", dev)
	}
	if d.Clock != 3*time.Second || d.ClockErr != nil || d.HostKey != "SHA256:local" || d.BodiesLogged != "unknown" {
		t.Errorf("%+v", d)
	}
	// heads of 16 KiB, two further heads, the tail: far less than the files
	if got := c.bytes.Load(); got > inspectTail+2*inspectHead+6*4*hostconn.HeadSize {
		t.Errorf("%d bytes were read", got)
	}
}

func fileSize(t *testing.T, dir, name string) int64 {
	t.Helper()
	i, err := os.Stat(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return i.Size()
}

// The tail is read across a rotation, and tells the level and the peers.
func TestInspectTail(t *testing.T) {
	dir := t.TempDir()
	now := time.Now().Truncate(time.Second)
	note := func(at time.Time, ip, port string) string {
		return at.UTC().Format("2006-01-02T15:04:05.000-07:00") + ` expc01 tvcs: Module="network.sip" Level="INFO":  Action="Sent" Local-ip="10.0.30.2" Dst-ip="` + ip + `" Dst-port="` + port + `" Detail="Sending Request Method=REGISTER, CSeq=1"` + "\n"
	}
	body := func(at time.Time) string {
		return at.UTC().Format("2006-01-02T15:04:05.000-07:00") + ` expc01 tvcs: Module="network.sip" Level="DEBUG":  Action="Sent" Local-ip="10.0.30.2"` + "\n SIPMSG:\n |REGISTER sip:x SIP/2.0\n |\n\n"
	}
	long := strings.Repeat(note(now.Add(-time.Hour), "10.9.9.9", "7001"), 3000) // beyond 256 KiB: not seen
	var recent strings.Builder
	for range 300 {
		recent.WriteString(note(now.Add(-time.Minute), "10.0.40.5", "7001") + body(now.Add(-time.Minute)))
	}
	pad := strings.Repeat(" pad\n", (inspectTail-recent.Len())/5)
	put(t, filepath.Join(dir, "network_log.1"), []byte(long+pad+recent.String()), now.Add(-time.Minute))
	put(t, filepath.Join(dir, "network_log"), []byte(note(now, "198.51.100.7", "5061")+body(now)), now)
	d, err := inspect(t, dir, &conntest.Local{NoClock: true})
	if err != nil {
		t.Fatal(err)
	}
	if d.BodiesLogged != "yes" || len(d.Peers) != 1 || d.Peers[0] != "10.0.40.5" || len(d.Own) != 1 || d.ClockErr == nil {
		t.Errorf("bodies %s, peers %v, own %v, clock %v", d.BodiesLogged, d.Peers, d.Own, d.ClockErr)
	}
}

func TestInspectFailures(t *testing.T) {
	_, err := inspect(t, filepath.Join(t.TempDir(), "none"), &conntest.Local{})
	if f, ok := errors.AsType[*hostconn.Fault](err); !ok || f.Why != evidence.ReasonAbsent {
		t.Errorf("no folder: %v", err)
	}
	dir := t.TempDir()
	n := 0
	fetchtest.Logs(t, filepath.Join(dir, "network_log"), time.Now().Add(-time.Hour), time.Now(), &n)
	if _, err := inspect(t, dir, &conntest.Local{FailAfter: 1}); !errors.Is(err, conntest.ErrCut) {
		t.Errorf("cut: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c := &conntest.Local{OnRead: cancel}
	_, err = Inspect(ctx, hostconn.Host{Name: "expc01", Dir: dir, Families: []string{"network_log"}, Dial: func(context.Context) (hostconn.Conn, error) { return c, nil }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	// a gzip file that is none, and one that is cut off
	put(t, filepath.Join(dir, "messages.1.gz"), []byte{0x1f, 0x8b, 8, 0xff, 1, 2, 3}, time.Now())
	d, err := inspect(t, dir, &conntest.Local{})
	if err != nil || len(d.Families) != 3 || d.Families[1].Files != 1 || !d.Families[1].Oldest.IsZero() {
		t.Errorf("%+v %v", d, err)
	}
}
