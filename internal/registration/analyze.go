package registration

import (
	"cmp"
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"rtmtgrab/internal/evidence"
)

// A Source is one log of one peer, or of several where a syslog server wrote it.
type Source struct {
	Host         string         // empty: as its records name it
	Role         string         // "C", "E" or "": told from the records
	Family, File string         // as shown in evidence
	Zone         *time.Location // of times without one; nil: UTC
	MTime        time.Time      // dates times without a year
	Open         func() (io.ReadCloser, error)
	Offset       int64 // of the first byte that Open gives in File

	// Complete and Missing say how much of Options.Window the source covers, in the
	// collector's time. Neither: that is not known, and so it is not complete.
	Complete bool
	Missing  []evidence.Span
	// ClockOffset is the host's clock minus the collector's; nil: not measured.
	ClockOffset *time.Duration
}

// Options say what is known beside the logs. The zero value knows nothing.
type Options struct {
	Window      evidence.Window // that the logs were asked for; empty: not known, then no coverage is
	Alerts      []evidence.Alert
	PhonesNamed []string // devices, MACs or numbers that somebody asked for
	// Grace is how long CUCM waits beyond Expires; zero: an eighth of Expires, which is
	// 15 s of 120 s.
	Grace time.Duration
	Peers []string // Expressways that the logs name and nobody configured
	// Hops is how many messages are shown one by one, those of affected phones first;
	// zero: 100,000.
	Hops int
}

// Analyze reads the sources, two at a time, and says how the phones registered. The
// order of the sources, and of records up to 5 s, does not matter. A source that
// cannot be read is said in the notes; the error is that of ctx.
//
// Each step returns a value that the next ones take and do not change: messages, what
// they show together, phones with their tales, a ruling on each, and the words for it.
func Analyze(ctx context.Context, sources []Source, o Options) (*Report, error) {
	if o.Hops == 0 {
		o.Hops = 100_000
	}
	sources = slices.Clone(sources)
	slices.SortStableFunc(sources, bySource)
	texts, scans := readAll(ctx, sources)
	if err := ctx.Err(); err != nil {
		return nil, err
	}

	oneName(texts, sources, scans)
	msgs, events := gather(scans)
	logs := newLogs(o.Window, o.Peers, texts, sources, scans, msgs)
	wire := newWire(logs, msgs, events)
	phones := phonesOf(wire, known{o.Alerts, o.PhonesNamed, o.Grace})
	rulings := make([]*ruling, len(phones))
	for i, p := range phones {
		rulings[i] = rule(wire, p)
	}
	return write(o, wire, phones, rulings), nil
}

// readAll reads the sources, two at a time.
func readAll(ctx context.Context, sources []Source) (*texts, []*scan) {
	sc := &scanner{texts: newTexts(), sources: sources}
	scans := make([]*scan, len(sources))
	next := make(chan int)
	var wg sync.WaitGroup
	defects := make(chan any, len(sources))
	read := func(i int) {
		defer func() {
			if p := recover(); p != nil {
				defects <- p
			}
		}()
		scans[i] = sc.read(ctx, i)
	}
	for range 2 {
		wg.Go(func() {
			for i := range next {
				read(i)
			}
		})
	}
	for i := range sources {
		next <- i
	}
	close(next)
	wg.Wait()
	if len(defects) > 0 {
		panic(<-defects) // where the caller can recover
	}
	return sc.texts, scans
}

func bySource(a, b Source) int {
	for _, c := range []int{cmp.Compare(a.Host, b.Host), cmp.Compare(a.File, b.File), cmp.Compare(a.Family, b.Family)} {
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(a.Offset, b.Offset)
}
