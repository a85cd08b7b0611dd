package fetch

import (
	"io/fs"
	"strings"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/conntest"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/fetch/logset"
	"rtmtgrab/internal/evidence"
)

// A row tells how far back the log goes, also before the window, how fast it
// grows, and when the minutes asked for would go.
func TestRetention(t *testing.T) {
	w := fetchtest.NewWorld(t)
	w.Put("network_log.2", w.Text(90*time.Minute, 60*time.Minute), 60*time.Minute)
	w.Put("network_log.1", w.Text(60*time.Minute, 20*time.Minute), 20*time.Minute)
	w.Put("network_log", w.Text(20*time.Minute, 0), 0)
	w.Put("messages", w.Text(10*time.Minute, 0), 0) // never rotated
	conn := &conntest.Local{Offset: 3 * time.Second}
	g := newGrab(t, w.Dir, conn)
	g.Host.Families = []string{"network_log", "messages", "developer_log"}
	g.now = func() time.Time { return w.Now.Add(-3 * time.Second) } // the host is 3 s ahead
	asked := w.Window(15*time.Minute, time.Minute)
	row := passOf(w, g, asked)
	f := row.Files[0]
	perMin := int64(len(w.Text(time.Minute, 0)))
	if f.Oldest == nil || f.DepthS/60 != 90 || f.Overwritten == nil || f.Overwritten.Sub(asked.Since).Round(time.Minute) != 90*time.Minute ||
		!f.Oldest.Equal(w.Now.Add(-90*time.Minute-3*time.Second)) || f.BytesPerMinute < perMin*9/10 || f.BytesPerMinute > perMin {
		t.Errorf("%+v, want about %d bytes a minute", f, perMin)
	}
	if m := row.Files[1]; m.DepthS/60 != 10 || m.Overwritten != nil {
		t.Errorf("of a log that never rotated: %+v", m)
	}
	if d := row.Files[2]; d.Oldest != nil || d.DepthS != 0 {
		t.Errorf("of a log that is not there: %+v", d)
	}
	all, err := retentions(t, g.Host)
	if err != nil || len(all) != 2 || all["network_log"].PerMin < perMin*9/10 || all["messages"].Young == false {
		t.Errorf("%+v, %v", all, err)
	}
}

// The oldest file goes when it is looked at: what was copied does not suffer.
func TestRetentionGone(t *testing.T) {
	w := fetchtest.NewWorld(t)
	w.Put("network_log.2", w.Text(90*time.Minute, 60*time.Minute), 60*time.Minute)
	w.Put("network_log.1", w.Text(60*time.Minute, 20*time.Minute), 20*time.Minute)
	w.Put("network_log", w.Text(20*time.Minute, 0), 0)
	c, asked := &conntest.Hook{}, w.Window(5*time.Minute, 0)
	gone := 0
	c.OnOpen = func(name string) error {
		if strings.HasSuffix(name, ".2") { // too old for the window: only the look at the retention asks for it
			gone++
			return fs.ErrNotExist
		}
		return nil
	}
	g := newGrab(t, w.Dir, c)
	f := passOf(w, g, asked).Files[0]
	if f.Coverage != evidence.Complete || f.DepthS/60 != 60 || gone == 0 {
		t.Errorf("%+v, asked for %d times", f, gone)
	}
}

// retentions looks at how far back a host's logs go, as a keeper does.
func retentions(t *testing.T, host hostconn.Host) (all map[string]logset.Retention, err error) {
	conn, err := host.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	prover := logset.Prover{Hosts: []hostconn.Host{host}, Proven: func(_ string, p logset.Proof) { all, err = p.Depths, p.Err }}
	prover.Prove(t.Context(), conn, hostconn.Look{Deep: true, Last: true})
	return all, err
}
