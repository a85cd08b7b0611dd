//go:build linux

package bench

import (
	"archive/zip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rtmtgrab/internal/lab"
)

// BenchmarkRotation: a log grows and rotates, and meanwhile every program copies it
// again and again, all of them at the same time. A copy is bad if it lacks a record
// that was on disk when the copy began and is of the seconds before, or has one
// twice, or something that nobody wrote; then the rotations that fell into it count
// as lost.
func BenchmarkRotation(b *testing.B) {
	r := newRig(b, 1)
	r.setRoundTrip(30 * time.Millisecond)
	programs := []rival{{"grab now", nil}, {"scp -r", scp("-r")}, {"rsync -az", rsync}, {"lftp mirror", lftp}}
	var out strings.Builder
	fmt.Fprintf(&out, "\n### 4. %d rotations under load, one a second, at 30 ms\n\n| rotation | program | copies | of them bad | rotations during bad copies | records lost | twice | foreign |\n|---|---|---|---|---|---|---|---|\n", rotations)
	for _, style := range []lab.Rotation{lab.Numbered, lab.CopyTruncate} {
		for i, s := range r.race(programs, style) {
			fmt.Fprintf(&out, "| %s | %s | %d | %d | %d | %d | %d | %d |\n", style, programs[i].name, s.copies, s.bad, s.rotations, s.lost, s.twice, s.foreign)
			fmt.Fprintf(&summary, "| 4. %s, %s: %d of %d copies bad | 30ms | | | | |\n", style, programs[i].name, s.bad, s.copies)
			if programs[i].args == nil && s.bad > 0 {
				b.Errorf("%s: %d of %d grabs have lost or damaged records", style, s.bad, s.copies)
			}
		}
	}
	fmt.Println(out.String())
}

// score is how a program has done.
type score struct {
	copies, bad, rotations int
	lost, twice, foreign   int // records
}

const (
	raceWindow = 20 * time.Second
	raceEvery  = time.Second
)

// race lets programs copy while the log rotates.
func (r *rig) race(programs []rival, style lab.Rotation) []score {
	e, err := lab.NewExpressway(r.tb.Context(), lab.ExpresswayConfig{Dir: r.fresh(),
		Logs: lab.LogConfig{Families: []string{lab.NetworkLog}, Rate: 3000, RotateSize: -1, RotateKeep: 30, Style: style, Odd: -1, Disorder: -1}})
	must(r.tb, err)
	defer os.RemoveAll(e.Dir())
	defer e.Close()
	e.Backfill(time.Now().Add(-raceWindow))
	e.Start()
	var turns atomic.Int64
	scores := make([]score, len(programs))
	var wg sync.WaitGroup
	for i, p := range programs {
		dir := r.fresh()
		wg.Go(func() {
			for turns.Load() < int64(rotations) && !r.tb.Failed() {
				r.lap(p, dir, e, &turns, &scores[i])
			}
		})
	}
	for tick := time.NewTicker(raceEvery); turns.Load() < int64(rotations) && !r.tb.Failed(); turns.Add(1) {
		<-tick.C
		if err := e.Rotate(lab.NetworkLog); err != nil {
			r.tb.Error(err)
		}
	}
	wg.Wait()
	return scores
}

// lap copies once into dir, compares with what the writer has written, and empties
// dir.
func (r *rig) lap(p rival, dir string, e *lab.Expressway, turns *atomic.Int64, s *score) {
	began, first := time.Now(), turns.Load()
	since := began.Add(-raceWindow / 2)
	var texts [][]byte
	var err error
	if p.args == nil {
		texts, err = r.grabbed(dir, e.Dir(), began)
	} else {
		texts, err = r.mirrored(p, dir, e.Dir())
	}
	if err = errors.Join(err, empty(dir)); err != nil {
		r.tb.Errorf("%s: %v", p.name, err)
		return
	}
	n := turns.Load() - first
	have := map[[32]byte]int{}
	for _, text := range texts {
		for _, rec := range lab.SplitRecords(text) {
			have[sha256.Sum256(rec)]++
		}
	}
	lost, twice, foreign := 0, 0, 0
	known := map[[32]byte]bool{}
	for _, rec := range e.Truth(lab.NetworkLog) {
		known[rec.Sum] = true
		if rec.Time.Before(since) || !rec.Time.Before(began) || rec.WrittenAt.IsZero() || rec.WrittenAt.After(began) {
			continue
		}
		switch have[rec.Sum] {
		case 0:
			lost++
		case 1:
		default:
			twice++
		}
	}
	for sum := range have {
		if !known[sum] {
			foreign++
		}
	}
	if p.args != nil && foreign > 0 {
		foreign-- // a copy of a growing file may end within a record: no damage
	}
	s.copies++
	s.lost, s.twice, s.foreign = s.lost+lost, s.twice+twice, s.foreign+foreign
	if lost+twice+foreign > 0 {
		s.bad++
		s.rotations += int(n)
	}
}

func empty(dir string) error {
	return errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700))
}

// grabbed is the slice that grab takes.
func (r *rig) grabbed(dir, logs string, at time.Time) ([][]byte, error) {
	conf := r.config(dir, logs, []string{lab.NetworkLog}, dir+"/store")
	cmd := exec.Command(r.grab, "now", "-c", conf, "--out", dir, "--at", at.UTC().Format(time.RFC3339Nano), "--before", raceWindow.String())
	if out, err := cmd.CombinedOutput(); err != nil && cmd.ProcessState.ExitCode() != 3 { // partial is judged by its records
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	names, err := filepath.Glob(dir + "/*.zip")
	if err != nil || len(names) != 1 {
		return nil, fmt.Errorf("%d bundles, %v", len(names), err)
	}
	z, err := zip.OpenReader(names[0])
	if err != nil {
		return nil, err
	}
	defer z.Close()
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "hosts/h0/"+lab.NetworkLog+".txt") {
			in, err := f.Open()
			if err != nil {
				return nil, err
			}
			b, err := io.ReadAll(in)
			return [][]byte{b}, err
		}
	}
	return nil, errors.New("the bundle has no slice")
}

// mirrored is the files that a rival copies, whatever it says: that a file vanished
// under it is what is being measured.
func (r *rig) mirrored(p rival, dir, logs string) (texts [][]byte, err error) {
	args := p.args(r, 0, logs, dir)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = r.dir
	cmd.Run()
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		texts = append(texts, b)
		return err
	})
	return texts, err
}
