package registration

import (
	"context"
	"rtmtgrab/internal/evidence"
	"slices"
	"sync"
)

// read reads the sources, two at a time, of which window is asked for; peers are the
// Expressways that nobody configured. The messages come apart, for they are the caller's
// to sort. A source that cannot be read is said in its scan; the error is that of ctx.
func read(ctx context.Context, sources []Source, window evidence.Window, peers []string) (*logs, []*message, error) {
	sources = slices.Clone(sources)
	slices.SortStableFunc(sources, bySource)
	texts, scans := readAll(ctx, sources)
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}

	oneName(texts, sources, scans)
	msgs, events := gather(scans)

	l := &logs{Window: window, Peers: peers, texts: texts, sources: sources, scans: scans, events: events,
		byName: map[text]*host{}, own: map[uint32]string{}, strangers: map[string][]string{}}
	l.listHosts()
	l.tellRoles(msgs)
	l.findStrangers(msgs)
	l.bodies = l.bodiesLogged()
	l.begin, l.end = l.span()
	return l, msgs, nil
}

// readAll reads each source into a scan.
func readAll(ctx context.Context, sources []Source) (*texts, []*scan) {
	sc := &scanner{texts: newTexts(), sources: sources}
	scans := make([]*scan, len(sources))
	next := make(chan int)
	var wg sync.WaitGroup
	defects := make(chan any, len(sources))
	one := func(i int) {
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
				one(i)
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
