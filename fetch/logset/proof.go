package logset

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/expressway"
	"rtmtgrab/internal/human"
)

const (
	proofWait  = 10 * time.Second // for one proof of a host: what is slower is no proof, and is told within two periods
	proofFiles = 4                // of a family that are opened at least, the newest
	proofMost  = 64               // and at most
	proofTail  = 4 << 10          // of a file in which its newest record is looked for first
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
	if s, ok := h.conn.(sharer); ok { // a read knows no context
		mine := s.Share()
		defer mine.Close(false)
		defer context.AfterFunc(ctx, func() { mine.Close(false) })()
		h.conn = mine
	}
	proof = p.look(ctx, h, deep)
	if ctx.Err() != nil {
		return Proof{At: proof.At, slow: true, Err: fmt.Errorf("the logs cannot be read: %w", context.Cause(ctx))}
	}
	return proof
}

// A sharer is a hostconn.Conn that gives a further share of its session, with files of its own.
type sharer interface{ Share() hostconn.Conn }

func (p *Prover) look(ctx context.Context, h *Holder, deep bool) Proof {
	proof := Proof{At: h.now()}
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
	proof.Families = make([]FamilyProof, len(h.Host.Families))
	each(len(proof.Families), func(i int) { proof.Families[i] = p.proveFamily(ctx, h, h.Host.Families[i]) })
	if proof.Depths, err = p.depthsOf(ctx, h, deep); err != nil {
		proof.Err = fmt.Errorf("how far back the logs go cannot be seen: %w", err)
	}
	return proof
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
	all, err := h.Retentions(ctx, <-h.Measure(ctx))()
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
