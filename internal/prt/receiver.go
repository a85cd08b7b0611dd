package prt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"rtmtgrab/internal/diskspace"
)

const (
	// senders is how many may upload at once. Behind MRA all of them have one address.
	senders = 64
	// idle is how long a sender may send nothing.
	idle = 30 * time.Second
	// longest is how long an upload may take, and least how many bytes a second come of one that
	// takes more than grace.
	longest = 30 * time.Minute
	grace   = 2 * time.Minute
	least   = 2 << 10
)

// Settings are what is in force.
type Settings struct {
	Networks []netip.Prefix
	Max      int64 // bytes of one report
	Bounds

	unpacks int64 // for tests: in place of unpackAlways
}

// allows reports whether reports may come from an address.
func (s Settings) allows(a netip.Addr) bool {
	return slices.ContainsFunc(s.Networks, func(n netip.Prefix) bool { return n.Contains(a) })
}

// A Receiver answers uploads. Its fields are set before the first and not changed.
type Receiver struct {
	Box      *Box
	Settings func() Settings
	Reserve  *diskspace.Reserve // of the store's disk; nil: uploads may fill it
	Log      *slog.Logger
	Now      func() time.Time
	Came     func(Report) // hears of each that is safe on disk; must not block

	Tally     Tally
	slots     chan struct{}
	unpacking *rate.Limiter // bytes
}

// NewReceiver makes one for a box.
func NewReceiver(box *Box, settings func() Settings, reserve *diskspace.Reserve, log *slog.Logger, came func(Report)) *Receiver {
	return &Receiver{Box: box, Settings: settings, Reserve: reserve, Log: log, Now: time.Now, Came: came, slots: make(chan struct{}, senders), unpacking: rate.NewLimiter(unpackPerSecond, unpackAtOnce)}
}

// ServeHTTP takes one upload. The path does not matter: it is the upload URL's.
func (v *Receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	from := sender(r.RemoteAddr)
	report, repeated, err := v.take(w, r, from)
	if err != nil {
		ref := refusal(err)
		v.refused(from, report.Device, ref)
		w.Header().Set("Connection", "close")
		if ref.Reason == NotPost {
			w.Header().Set("Allow", http.MethodPost)
		}
		text := ref.What
		if ref.Reason == Failed { // its cause is this machine's
			text = "the report could not be stored"
		}
		http.Error(w, text, ref.code())
		return
	}
	v.Tally.took(repeated)
	v.Log.Info("phone's problem report received", "device", report.Device, "from", from, "bytes", report.Bytes, "sha256", report.SHA256, "repeated", repeated)
	if !repeated && v.Came != nil {
		v.Came(report)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, "OK")
}

// take is the way of an upload to the disk. The report names the device as soon as it is known.
func (v *Receiver) take(w http.ResponseWriter, r *http.Request, from netip.Addr) (report Report, repeated bool, err error) {
	set := v.Settings()
	switch {
	case !set.allows(from):
		return report, false, refuse(FromElsewhere, "%s is in none of the networks that reports may come from (prt.networks)", from)
	case r.Method != http.MethodPost:
		return report, false, refuse(NotPost, "only uploads by POST are taken here")
	case r.ContentLength > set.Max+formRoom:
		return report, false, refuse(TooLarge, "the upload has %d bytes, and a report may have %d (prt.max)", r.ContentLength, set.Max)
	}
	select {
	case v.slots <- struct{}{}:
		defer func() { <-v.slots }()
	default:
		return report, false, refuse(Busy, "%d phones are sending at this moment", senders)
	}
	c, err := v.Box.begin(v.Reserve, set, v.unpacking)
	if err != nil {
		return report, false, err
	}
	defer c.drop()
	body := &paced{r: http.MaxBytesReader(w, r.Body, set.Max+formRoom), until: http.NewResponseController(w).SetReadDeadline, began: time.Now()}
	form, err := ReadForm(r.Header.Get("Content-Type"), body, c.save)
	report.Device = form.Device
	if err != nil {
		return report, false, v.bodyError(err, set)
	}
	report, repeated, err = c.finish(r.Context(), form, from, v.Now())
	return report, repeated, err
}

// bodyError is why a body could not be read.
func (v *Receiver) bodyError(err error, set Settings) error {
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return refuse(TooLarge, "the upload is larger than a report may be, %d bytes (prt.max)", set.Max)
	}
	if _, known := errors.AsType[*Refusal](err); known {
		return err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return refuse(TooSlow, "nothing came for %s, or less than %d bytes a second", idle, least)
	}
	if _, lost := errors.AsType[net.Error](err); lost || errors.Is(err, net.ErrClosed) || errors.Is(err, context.Canceled) || errors.Is(err, io.ErrUnexpectedEOF) {
		return refuse(CutOff, "the upload broke off")
	}
	return err
}

func (v *Receiver) refused(from netip.Addr, device string, ref *Refusal) {
	say, more := v.Tally.refuse(Refused{Time: v.Now().UTC().Round(0), From: from.String(), Device: device, Reason: ref.Reason, What: short(ref.What)})
	if say {
		v.Log.Warn("phone's problem report refused", "reason", ref.Reason, "why", ref.What, "from", from, "device", device, "more_since", more)
	}
}

// sender is the address of a peer, of IPv4 in its short form.
func sender(remote string) netip.Addr {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// A paced reader has a deadline for each read, and one for all of them.
type paced struct {
	r     io.Reader
	until func(time.Time) error
	began time.Time
	n     int64
}

func (p *paced) Read(b []byte) (int, error) {
	now := time.Now()
	took := now.Sub(p.began)
	if took > longest || took > grace && p.n < least*int64(took/time.Second) {
		return 0, os.ErrDeadlineExceeded
	}
	if err := p.until(now.Add(idle)); err != nil {
		return 0, err
	}
	n, err := p.r.Read(b)
	p.n += int64(n)
	return n, err
}
