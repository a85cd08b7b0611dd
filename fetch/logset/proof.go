package logset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"strings"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
	"rtmtgrab/internal/human"
)

const (
	proofWait  = 30 * time.Second // for one proof of a host: what is slower is no proof, and is told within two periods
	proofFiles = 4                // of a family that are opened at least, the newest
	proofMost  = 64               // and at most
	proofTail  = 8 << 10          // of a file in which its newest record is looked for first
)

// A Proof is what a look at a host's logs has shown: whether they could be had now. Times
// of records are the host's.
type Proof struct {
	At       time.Time
	Err      error                // of the host: its folder cannot be listed, or holds none of its logs
	Families []FamilyProof        // in the order of Host.Families; none after an error of the folder
	Depths   map[string]Retention // how far back they go, as far as that is known

	slow bool // its time was over before it was made
}

// A FamilyProof is what was seen of one family.
type FamilyProof struct {
	Family string
	Newest time.Time // of the newest record; zero: there is none
	Size   int64     // of all its files as listed
	Err    error     // there is no file, or the newest cannot be read
}

// OK reports whether nothing is in the way.
func (p Proof) OK() bool {
	ok := p.Err == nil
	for _, f := range p.Families {
		ok = ok && f.Err == nil
	}
	return ok
}

// A Prover looks at the logs of hosts over the session of a hostconn.Keeper, whose Prove it
// gives; the next Holder then knows which files there are. It is not for concurrent use.
type Prover struct {
	Hosts  []hostconn.Host // whose logs are read over the session
	Proven func(host string, p Proof)
	Reach  func() time.Duration // how far back an alert asks: files that old are opened; nil: the newest few are

	depths map[string]knownDepths // by host
}

// knownDepths are how far back a host's logs went, and the files that tell it: while they
// are the oldest nothing new is to be learnt from reading them.
type knownDepths struct {
	at     time.Time
	oldest string
	all    map[string]Retention
}

// Prove proves each host. A host with a fault is not told of before the last look, but for
// one that took too long: it would do so again.
func (p *Prover) Prove(ctx context.Context, conn hostconn.Conn, l hostconn.Look) (ok bool) {
	ok = true
	for _, host := range p.Hosts {
		proof := p.prove(ctx, &Holder{Host: host, conn: conn}, l.Deep)
		if ctx.Err() != nil {
			return true // nobody waits for it any more
		}
		known := proof.OK() || proof.slow
		ok = ok && known
		if known || l.Last {
			p.Proven(host.Name, proof)
		}
	}
	return ok
}

func (p *Prover) prove(ctx context.Context, h *Holder, deep bool) (proof Proof) {
	ctx, cancel := context.WithTimeoutCause(ctx, proofWait, fmt.Errorf("no answer in %s", human.Span(proofWait)))
	defer cancel()
	proof.At = h.now()
	defer func() { proof.slow = ctx.Err() != nil }()
	entries, err := h.list(ctx)
	if err != nil {
		proof.Err = fmt.Errorf("the logs cannot be listed: %w", err)
		return proof
	}
	if r, ok := h.conn.(rememberer); ok {
		r.Remember(h.Host, entries)
	}
	if len(entries) == 0 && len(h.irregular) == 0 {
		err := fmt.Errorf("the folder %s holds no log: none of %s", h.Host.Dir, strings.Join(h.Host.Families, ", "))
		proof.Err = &hostconn.Fault{Why: evidence.ReasonAbsent, Err: err}
		return proof
	}
	reach := time.Duration(0)
	if p.Reach != nil {
		reach = p.Reach()
	}
	proof.Families = make([]FamilyProof, len(h.Host.Families))
	each(len(proof.Families), func(i int) { proof.Families[i] = proveFamily(ctx, h, h.Host.Families[i], reach) })
	if proof.Depths, err = p.depthsOf(ctx, h, deep); err != nil {
		proof.Err = fmt.Errorf("how far back the logs go cannot be seen: %w", err)
	}
	return proof
}

// proveFamily opens the files of a family for which an alert would ask and finds its newest
// record.
func proveFamily(ctx context.Context, h *Holder, name string, reach time.Duration) FamilyProof {
	p := FamilyProof{Family: name}
	var mine []hostconn.Entry // in opening order: the live one first, then the newest
	for _, e := range h.listing {
		if expressway.FamilyOf(e.Name, h.Host.Families) == name {
			mine = append(mine, e)
			p.Size += e.Size
		}
	}
	if p.Err = notRegular(h, name, mine, reach); p.Err != nil {
		return p
	}
	if len(mine) == 0 {
		p.Err = &hostconn.Fault{Why: evidence.ReasonAbsent, Err: fmt.Errorf("no file of %s in %s", name, h.Host.Dir)}
		return p
	}
	opened, silent := 0, ""
	for _, e := range asked(mine, reach) {
		t, bytes, err := newestIn(ctx, h, e, p.Newest.IsZero())
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, hostconn.ErrShort) {
			continue // it was rotated a moment ago
		}
		if err != nil {
			p.Err = fmt.Errorf("%s cannot be read: %w", evidence.Printable(e.Name, 80), err)
			return p
		}
		opened++
		if p.Newest.IsZero() {
			p.Newest = t
		}
		if bytes && silent == "" {
			silent = e.Name
		}
	}
	switch {
	case opened == 0:
		p.Err = &hostconn.Fault{Why: evidence.ReasonVanished, Err: fmt.Errorf("no file of %s in %s could be opened: each was gone", name, h.Host.Dir)}
	case p.Newest.IsZero() && silent != "":
		p.Err = &hostconn.Fault{Why: evidence.ReasonRead, Err: fmt.Errorf("no record can be found at the end of %s", evidence.Printable(silent, 80))}
	}
	return p
}

// asked are those of a family's files, in opening order, for which an alert would ask that
// reaches so far back: the one that has the window's start is the last.
func asked(files []hostconn.Entry, reach time.Duration) []hostconn.Entry {
	n := min(len(files), proofFiles)
	for n < min(len(files), proofMost) && !files[n-1].MTime.Before(newestOf(files).Add(-reach)) {
		n++
	}
	return files[:n]
}

// newestOf is when one of the files was written last; zero without any.
func newestOf(files []hostconn.Entry) (t time.Time) {
	for _, e := range files {
		t = evidence.Later(t, e.MTime)
	}
	return t
}

// notRegular is the error of what stands in the place of one of the files for which an
// alert would ask: a folder, a link, a pipe. Nothing is read from it.
func notRegular(h *Holder, family string, files []hostconn.Entry, reach time.Duration) error {
	oldest := newestOf(files).Add(-reach)
	for _, e := range h.irregular {
		if e.Name == family || h.setOf(e.Name).Family == family && !e.MTime.Before(oldest) {
			return &hostconn.Fault{Why: evidence.ReasonRead, Err: fmt.Errorf("%s is no regular file: it is not read", evidence.Printable(e.Name, 80))}
		}
	}
	return nil
}

// newestIn is the time of the last record of a listed file, if that is wanted, zero if none
// is within reach; and whether the file has bytes that should have told it.
func newestIn(ctx context.Context, h *Holder, e hostconn.Entry, wanted bool) (t time.Time, bytes bool, err error) {
	handle, err := h.conn.Open(ctx, path.Join(h.Host.Dir, e.Name))
	if err != nil {
		return t, false, err
	}
	defer handle.Close()
	if !wanted || e.Size == 0 || strings.HasSuffix(e.Name, ".gz") {
		return t, false, nil
	}
	size, mtime, err := handle.Stat()
	if err != nil {
		return t, false, err
	}
	ref := h.setOf(e.Name).Ref(mtime)
	for n := int64(proofTail); ; n *= 8 {
		n = min(n, size, inspectTail)
		tail := make([]byte, max(n, 0))
		if err := hostconn.ReadFull(handle, tail, size-n); err != nil {
			return t, false, err
		}
		if t = lastHead(tail, size-n, ref); !t.IsZero() || n == min(size, inspectTail) {
			return t, size > 0, nil
		}
	}
}

// lastHead is the time of the last record that begins in b, which stands at from in its
// file; zero if none does.
func lastHead(b []byte, from int64, ref expressway.Ref) (t time.Time) {
	if from > 0 {
		b = b[expressway.LineBreak(b)+1:]
	}
	lines := expressway.NewLineReader(strings.NewReader(string(b)), from, ref)
	for {
		line, err := lines.Next()
		if err != nil {
			return t
		}
		if line.Head {
			t = line.Time
		}
	}
}

// depthsOf is how far back each family goes, read anew if that is wanted or an oldest file
// is another one.
func (p *Prover) depthsOf(ctx context.Context, h *Holder, deep bool) (map[string]Retention, error) {
	known, now, oldest := p.depths[h.Host.Name], h.now(), oldestFiles(h)
	if !deep && oldest != "" && oldest == known.oldest {
		all := maps.Clone(known.all)
		for name, r := range all {
			r.Seen = r.Seen.Add(now.Sub(known.at))
			all[name] = r
		}
		return all, nil
	}
	all, err := h.Retentions(ctx, <-h.Measure(ctx))
	if err != nil {
		return nil, err
	}
	if p.depths == nil {
		p.depths = map[string]knownDepths{}
	}
	p.depths[h.Host.Name] = knownDepths{now, oldest, all}
	return all, nil
}

// oldestFiles tells apart what the oldest files of the families are. One that is alone tells
// nothing: it grows, and another one has its name when it was rotated away. It is "" then.
func oldestFiles(h *Holder) string {
	var b strings.Builder
	for _, name := range h.Host.Families {
		var oldest hostconn.Entry
		n := 0
		for _, e := range h.listing {
			if e.Size == 0 || expressway.FamilyOf(e.Name, h.Host.Families) != name {
				continue
			}
			if n++; n == 1 || e.MTime.Before(oldest.MTime) {
				oldest = e
			}
		}
		if n == 1 {
			return ""
		}
		fmt.Fprintf(&b, "%d %d %d,", n, oldest.Size, oldest.MTime.UnixNano())
	}
	return b.String()
}
