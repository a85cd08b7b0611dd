package logs

import (
	"context"
	"slices"
	"sync"

	"rtmtgrab/internal/evidence"
)

// Read reads the sources, two at a time, of which window is asked for; peers are the
// Expressways that nobody configured, and named are phones of which all is to be kept even
// where there is too much to keep. The messages come apart, for they are the caller's
// to sort. A source that cannot be read is said in its scan; the error is that of ctx.
func Read(ctx context.Context, sources []Source, window evidence.Window, peers, named []string) (*Logs, []*Message, error) {
	sources = slices.Clone(sources)
	slices.SortStableFunc(sources, bySource)
	rations := rations(sources, named)
	texts, scans := readAll(ctx, sources, rations)
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}

	oneName(texts, sources, scans)
	msgs, events := gather(scans)
	more := countMore(texts, rations, msgs)

	l := &Logs{Window: window, Peers: peers, Texts: texts, Sources: sources, Scans: scans, Events: events, More: more,
		ByName: map[Text]*Host{}, Own: map[End]string{}, Strangers: map[string][]string{}}
	for _, s := range scans {
		l.Zones.join(s.zones)
	}
	l.listHosts()
	l.tellRoles(msgs)
	l.findStrangers(msgs)
	l.Bodies = l.bodiesLogged()
	l.Begin, l.End = l.span()
	return l, msgs, nil
}

// readAll reads each source into a scan.
func readAll(ctx context.Context, sources []Source, rations []*ration) (*Texts, []*Scan) {
	sc := &scanner{texts: newTexts(), sources: sources, rations: rations}
	scans := make([]*Scan, len(sources))
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
