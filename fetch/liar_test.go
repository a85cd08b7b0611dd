package fetch

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/fetch/internal/fetchtest"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/internal/testrace"
	"rtmtgrab/internal/testserver"
)

// liarFiles are half an hour of logs in three files.
func liarFiles(w *fetchtest.World) (files []testserver.LiarFile) {
	for i, name := range []string{"network_log.2", "network_log.1", "network_log"} {
		from := time.Duration(3-i) * 10 * time.Minute
		files = append(files, testserver.LiarFile{Name: name, Data: []byte(w.Text(from, from-10*time.Minute)), MTime: uint32(w.Now.Add(10*time.Minute - from).Unix())})
	}
	return files
}

// liarGrab is a grab of a server that lies.
func liarGrab(t *testing.T, l *testserver.Liar) *Grab {
	testserver.StartLiar(t, l)
	pool := &hostconn.Pool{}
	g := newGrab(t, "/logs", nil)
	g.Host.Dial = func(ctx context.Context) (hostconn.Conn, error) {
		return pool.Get(ctx, "key", hostconn.Commands{Allowed: true}, func(ctx context.Context) (*sshdial.Client, error) {
			return sshdial.Dial(ctx, sshdial.Config{Address: l.Addr(), User: "root", HostKey: l.HostKey(),
				Auth: sshdial.Auth{Kind: sshdial.AuthPassword, Password: func() (string, error) { return "secret", nil }}})
		})
	}
	return g
}

// lies are answers that can be seen to be wrong, to one request of many.
var lies = map[string]func(f testserver.LiarFile, r testserver.LiarRequest, w *testserver.LiarWriter) bool{
	"refusals": func(_ testserver.LiarFile, r testserver.LiarRequest, w *testserver.LiarWriter) bool {
		w.Status(uint32(r.N % 40))
		return true
	},
	"short data": func(f testserver.LiarFile, r testserver.LiarRequest, w *testserver.LiarWriter) bool {
		if r.Type != testserver.LiarRead || r.Off+1 >= uint64(len(f.Data)) {
			return false
		}
		w.Data(f.Data[r.Off : r.Off+1])
		return true
	},
	"no data": func(f testserver.LiarFile, r testserver.LiarRequest, w *testserver.LiarWriter) bool {
		if r.Type == testserver.LiarRead {
			w.Data(nil)
		}
		return r.Type == testserver.LiarRead
	},
	"long data": func(f testserver.LiarFile, r testserver.LiarRequest, w *testserver.LiarWriter) bool {
		if r.Type != testserver.LiarRead || r.Off >= uint64(len(f.Data)) {
			return false
		}
		data := slices.Clone(f.Data[r.Off:min(r.Off+uint64(r.Len), uint64(len(f.Data)))])
		w.Data(append(data, make([]byte, 1000)...))
		return true
	},
	"the end": func(f testserver.LiarFile, r testserver.LiarRequest, w *testserver.LiarWriter) bool {
		if r.Type == testserver.LiarRead {
			w.Status(1)
		}
		return r.Type == testserver.LiarRead
	},
	"size": func(f testserver.LiarFile, r testserver.LiarRequest, w *testserver.LiarWriter) bool {
		if r.Type == testserver.LiarFstat {
			f.Size = 1 << 60
			w.Attrs(f)
		}
		return r.Type == testserver.LiarFstat
	},
	"negative size": func(f testserver.LiarFile, r testserver.LiarRequest, w *testserver.LiarWriter) bool {
		if r.Type == testserver.LiarFstat {
			f.Size = 1 << 63
			w.Attrs(f)
		}
		return r.Type == testserver.LiarFstat
	},
	"another type": func(_ testserver.LiarFile, r testserver.LiarRequest, w *testserver.LiarWriter) bool {
		w.Packet(byte(90+r.N%20), []byte{0xff, 0xff, 0xff, 0xff, 1, 2, 3}, 0)
		return true
	},
	"nothing": func(_ testserver.LiarFile, r testserver.LiarRequest, w *testserver.LiarWriter) bool {
		w.Packet(105, nil, 0)
		return true
	},
}

// Whatever a server answers that can be seen to be wrong, a pass ends, and every record of
// the window is in the slice or said to be missing.
func TestLyingServer(t *testing.T) {
	for name, lie := range lies {
		for seed := range uint64(6) {
			if testrace.Skips(int(seed), 5) {
				continue
			}
			t.Run(fmt.Sprintf("%s %d", name, seed), func(t *testing.T) {
				t.Parallel()
				w := fetchtest.NewWorld(t)
				l := &testserver.Liar{Files: liarFiles(w)}
				rnd, mu := rand.New(rand.NewPCG(seed, 3)), sync.Mutex{}
				often, about := 1+rnd.IntN(12), l.Files[rnd.IntN(3)].Name
				l.Answer = func(r testserver.LiarRequest, to *testserver.LiarWriter) bool {
					mu.Lock()
					now := rnd.IntN(often) == 0
					mu.Unlock()
					for _, f := range l.Files {
						if now && f.Name == about && r.Path == "/logs/"+about && r.Type != testserver.LiarClose {
							return lie(f, r, to)
						}
					}
					return false
				}
				g := liarGrab(t, l)
				asked := w.Window(25*time.Minute, 0)
				row, err := g.Pass(t.Context(), asked, nil)
				w.Honest(row, asked, func(f string) string { return slice(t, g, f) })
				if t.Failed() {
					t.Logf("1 of %d about %s: %v, %s %v", often, about, err, row.Coverage, row.Files[0].Missing)
				}
			})
		}
	}
}

// What the folder says of a log's type counts, and a listing that ends in an error is none.
func TestLyingFolder(t *testing.T) {
	for mode, want := range map[uint32]evidence.Coverage{0o100644: evidence.Complete, 0o120777: evidence.Partial, 0o040755: evidence.Partial, 0o010644: evidence.Partial,
		0o020644: evidence.Partial, 0o060644: evidence.Partial, 0o140644: evidence.Partial} {
		w := fetchtest.NewWorld(t)
		l := &testserver.Liar{Files: liarFiles(w)}
		l.Files[2].Mode = mode
		g := liarGrab(t, l)
		asked := w.Window(15*time.Minute, time.Minute)
		row, err := g.Pass(t.Context(), asked, nil)
		if err != nil || row.Coverage != want {
			t.Errorf("mode %o: %v %s %v", mode, err, row.Coverage, row.Files[0].Missing)
		}
		w.Honest(row, asked, func(f string) string { return slice(t, g, f) })
	}
}
