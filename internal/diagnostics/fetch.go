package diagnostics

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident/material"
)

// stop stops what was started here, if it is still that.
func (j *job) stop(ctx context.Context, a Appliance) {
	for began := time.Now(); ; {
		h := j.host(a.Name)
		if h.Phase != phaseStarted && h.Phase != phaseStarting {
			return
		}
		err := j.stopOnce(ctx, a)
		e, ok := errors.AsType[*Error](err)
		switch {
		case err == nil || ctx.Err() != nil:
			return
		case ok && e.Permanent() || time.Since(began) > stopFor:
			j.done(a, "it could not be stopped: "+err.Error(), true)
			return
		case !sleep(ctx, j.t.every(2*lookEvery)):
			return
		}
	}
}

func (j *job) stopOnce(ctx context.Context, a Appliance) error {
	s, err := a.API.Status(ctx)
	if err != nil || !j.judge(a, s) {
		return err
	}
	if err := a.API.Stop(ctx); err != nil {
		return err
	}
	now := time.Now().UTC()
	j.change(a.Name, func(h *Host) { h.Phase, h.Stopped = phaseStopped, now })
	j.t.log().Info("the diagnostic log was stopped", "incident", j.note.Incident, "host", a.Name)
	return nil
}

// fetch collects and downloads a log that was stopped.
func (j *job) fetch(ctx context.Context, a Appliance) {
	if p := j.host(a.Name).Phase; p != phaseStopped && p != phaseJoined {
		j.done(a, "grab ended before it was started", false)
		return
	}
	if s, err := a.API.Status(ctx); err == nil && s.Run() != Idle && ctx.Err() == nil {
		j.done(a, "a run is under way, which was left alone: it shows "+s.String(), false)
		return
	}
	in, named, err := j.download(ctx, a)
	if ctx.Err() != nil {
		in.Drop()
		return
	}
	if err != nil {
		j.done(a, "it was written, and could not be taken: "+err.Error(), false)
		return
	}
	row := j.row(a, evidence.DiagnosticGot)
	row.Named, row.Path, row.Bytes, row.SHA256 = named, in.Name, in.Bytes, in.SHA256
	j.tell(a, row, &in)
	j.change(a.Name, func(h *Host) { h.Phase = phaseDone })
}

// download is the log as it came.
func (j *job) download(ctx context.Context, a Appliance) (in material.Incoming, named string, err error) {
	if err := a.API.Collect(ctx); err != nil {
		return in, "", err
	}
	if err := j.ready(ctx, a); err != nil {
		return in, "", err
	}
	if j.t.Room != nil {
		if err := j.t.Room(a.Max); err != nil {
			return in, "", err
		}
	}
	body, named, err := a.API.Download(ctx)
	if err != nil {
		return in, "", err
	}
	defer body.Close()
	w, err := material.Of(j.t.Store, j.note.Key).Create("diagnostics/" + a.Name + ".tar.gz")
	if err != nil {
		return in, named, err
	}
	if err := copyGzip(w, body, a.Max); err != nil {
		w.Abort()
		return in, named, err
	}
	in, err = w.Finish()
	return in, named, err
}

// ready waits until what was collected can be downloaded.
func (j *job) ready(ctx context.Context, a Appliance) error {
	for end := time.Now().Add(readyIn); ; {
		s, err := a.API.Status(ctx)
		if e, ok := errors.AsType[*Error](err); ok && (e.Permanent() || e.Kind == KindLocal) {
			return err
		}
		if err == nil && s.Ready() {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("it was not collected within %s; it shows %s", readyIn, s)
		}
		if !sleep(ctx, j.t.every(3*time.Second)) {
			return context.Cause(ctx)
		}
	}
}

// unpackRatio is by how much a log may shrink, once unpackFree is passed: a stream that unpacks to
// more than so many times what has come of it is none.
const (
	unpackRatio = 200
	unpackFree  = 64 << 20
)

// copyGzip copies a gzip stream as it comes, at most so many bytes of it, and reports whether it
// is whole: an appliance may close the connection in the middle of it.
func copyGzip(to io.Writer, from io.Reader, most int64) error {
	r, w := io.Pipe()
	looked := make(chan error, 1)
	go func() { // ends with the pipe
		err := wholeGzip(r)
		r.CloseWithError(err) // of what follows nothing is looked at
		looked <- err
	}()
	n, err := io.Copy(to, io.TeeReader(io.LimitReader(from, most+1), &deaf{w: w}))
	w.Close()
	bad := <-looked
	switch {
	case atomicfile.Full(err):
		return errors.New("no room on this machine's disk")
	case err != nil:
		return fmt.Errorf("it broke off after %d bytes: %w", n, err)
	case n > most:
		return fmt.Errorf("it is larger than diagnostics.max, %d bytes", most)
	case bad != nil:
		return fmt.Errorf("of %d bytes that came: %w", n, bad)
	}
	return nil
}

// deaf writes until somebody does not listen any more.
type deaf struct {
	w    io.Writer
	gone bool
}

func (d *deaf) Write(b []byte) (int, error) {
	if !d.gone {
		_, err := d.w.Write(b)
		d.gone = err != nil
	}
	return len(b), nil
}

func wholeGzip(r io.Reader) error {
	came := &counted{r: r}
	z, err := gzip.NewReader(came)
	if err != nil {
		return errors.New("it is no gzip file")
	}
	z.Multistream(false) // what follows is as it was sent
	for n := int64(0); ; {
		part, err := io.CopyN(io.Discard, z, 1<<20)
		n += part
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("it is cut off or damaged: %w", err)
		case n > unpackFree && n > unpackRatio*came.n:
			return errors.New("it unpacks to more than logs ever do")
		}
	}
}

// counted counts what is read of r.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}
