package export

import (
	"fmt"
	"io"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
)

// Write writes what came of an export for a person, times in zone.
func (r *Result) Write(w io.Writer, file string, zone *time.Location) error {
	fmt.Fprintf(w, "%s of SIP, %s\n", human.Plural(int(r.Messages), "message"), human.Clock{Zone: zone}.Span(*r.First, *r.Last))
	for _, h := range r.Hosts {
		fmt.Fprintf(w, "  %s: %d\n", evidence.Printable(h.Host, 100), h.Messages)
	}
	for _, n := range r.remarks() {
		fmt.Fprintf(w, "  %s\n", evidence.Printable(n, 500))
	}
	_, err := fmt.Fprintf(w, "\npcapng    %s\n          open it with Wireshark, `tshark -r` or `sngrep -I`\n", file)
	return err
}

// remarks are sentences on what is not as a reader expects it.
func (r *Result) remarks() (notes []string) {
	add := func(n int64, format string, args ...any) {
		if n > 0 {
			notes = append(notes, fmt.Sprintf(format, args...))
		}
	}
	add(r.Masked, "credentials replaced: %d", r.Masked)
	add(r.Padded, "cut in the log: %d, padded with %d bytes; the packet comments say how many", r.Padded, r.PaddedSize)
	add(r.Duplicates, "duplicates, written once: %d", r.Duplicates)
	for _, l := range r.LeftOut {
		add(l.Messages, "left out: %d, reason: %s", l.Messages, l.Reason)
	}
	add(r.Foreign, "on ports where Wireshark expects another protocol: %d; Preferences > Protocols > TCP > Try heuristic sub-dissectors first"+
		" (tshark -o tcp.try_heuristic_first:TRUE) shows them as SIP", r.Foreign)
	return append(notes, r.Notes...)
}
