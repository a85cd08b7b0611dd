package registration

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/registration/hear"
	"rtmtgrab/internal/registration/judge"
	"rtmtgrab/internal/registration/logs"
	"rtmtgrab/internal/registration/phone"
	"rtmtgrab/internal/registration/wire"
)

// write makes the report of what was found: the last step.
func write(o Options, h *hear.Heard, w *wire.Wire, phones []*phone.Phone, rulings []*judge.Ruling, stories []*hear.Story) *Report {
	r := &Report{BodiesLogged: w.Bodies, Notes: []string{}, Files: []File{}, Alerts: o.Alerts, Connections: []Connection{}, Groups: []Group{}, Phones: []Phone{}}
	if !w.Window.Empty() {
		r.Window = &w.Window
	}
	for i, s := range w.Scans {
		r.Records, r.Unread = r.Records+s.Records, r.Unread+s.Unread
		r.Files = append(r.Files, fileOf(w, i, s))
	}

	r.Before = before(o, phones, rulings)
	all := make([]told, len(phones))
	for i, p := range phones {
		ruling, past := remember(rulings[i], r.Before, p)
		all[i] = tellOf(w, p, ruling)
		all[i].hears(h, stories[i])
		if all[i].out.Before = past; past != nil && all[i].out.Advice == "" {
			all[i].out.Advice = AdviceBefore
		}
	}
	slices.SortFunc(all, byRank)
	all, left := fit(all)
	r.MorePhones = left + w.More.Devices
	problemReports(w, all)
	r.PRTs, r.Resets = o.Taken.PRTs, o.Taken.Resets
	for i := range all {
		keeper{&all[i], o, h, w}.protect()
	}
	groups := groupsOf(w, all)
	shareOf(all)
	hidden := writeHops(w, h, all, o.Hops)
	for _, t := range all {
		r.Phones = append(r.Phones, t.out)
	}
	for _, g := range groups {
		r.Groups = append(r.Groups, g.out)
	}
	r.Connections = connections(w, all)
	r.Verdict, r.Summary = conclude(w, o, all, groups, r.Before)
	r.Notes = append(r.Notes, notes(o, w, all, left, hidden)...)
	r.CUCM, r.Contradictions = nodesOf(h), contradictions(all)
	r.Notes = append(r.Notes, heardNotes(o, h, all)...)
	return r
}

// A told is a phone with the ruling on it, and what the report says of it.
type told struct {
	*phone.Phone
	*judge.Ruling
	story *hear.Story
	out   Phone
}

// tellOf puts a ruling into the words of the report.
func tellOf(w *wire.Wire, p *phone.Phone, r *judge.Ruling) told {
	o := Phone{Device: p.Device, MAC: p.MAC, Numbers: list(p.Numbers), MoreNumbers: p.More, Model: w.Texts.Of(p.Traits.Model), User: w.Texts.Of(p.Traits.User), Software: softwareOf(w, p),
		Named: p.Named, CallIDs: p.CallIDs(w), Transactions: []Transaction{}, Verdict: r.Verdict, VerdictConfidence: r.Confidence, Confidence: r.Confidence}
	if o.MoreCallIDs = max(0, len(o.CallIDs)-logs.MaxCallIDs); o.MoreCallIDs > 0 {
		o.CallIDs = slices.Clone(o.CallIDs[:logs.MaxCallIDs])
	}
	proofs := r.Proofs
	if r.About != nil && (r.Verdict == VerdictPartial || r.Verdict == PhoneCameBack || r.About.Marks.NewReg && r.About.Kind == KindKeepAlive) {
		o.At = stamp(r.About.Sent)
	}
	if r.Back != 0 {
		o.BackAt = stamp(r.Back)
	}
	claims := statements(r.Claims)
	if r.Reason != nil {
		o.Cause, o.CauseConfidence, o.Confidence = r.Reason.Cause, r.Reason.Confidence, r.Reason.Confidence
		proofs = append(slices.Clone(proofs), r.Reason.Proofs...)
		if r.Reason.Lost != 0 {
			o.LostAt = stamp(r.Reason.Lost)
		}
		if o.Advice = r.Advice; o.Advice == "" {
			o.Advice = advice(o.Verdict, r.Reason)
		}
		o.LateAt = r.Reason.Where
		cause := Statement{"cause: " + causeWords(r.Reason) + ": " + r.Reason.Why, r.Reason.Confidence}
		claims = slices.Insert(claims, min(1, len(claims)), cause)
	}
	o.RegisteredAt = registeredAt(p)
	lateNumbers(w, r, &o)
	o.Statements = claims
	for i := range o.Statements {
		o.Statements[i].Text = sentence(o.Statements[i].Text)
	}
	o.Proofs = distinct(proofsOf(w, proofs))
	t := told{Phone: p, Ruling: r, out: o}
	t.out.Summary = t.summary()
	return t
}

func statements(claims []judge.Claim) []Statement {
	out := make([]Statement, len(claims))
	for i, c := range claims {
		out[i] = Statement(c)
	}
	return out
}

// summary is the verdict, and why, in one sentence.
func (t told) summary() string {
	s := t.name() + " " + t.Claims[0].Text
	if t.Reason != nil {
		s += "; cause: " + causeWords(t.Reason) + " (" + sure[t.Reason.Confidence] + "): " + t.Reason.Why
	}
	return strings.TrimSuffix(s, ".") + "."
}

// sentence begins with a capital letter and ends with a full stop.
func sentence(s string) string {
	parts := strings.Split(s, ". ")
	for i, p := range parts {
		if p != "" {
			parts[i] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.TrimSuffix(strings.Join(parts, ". "), ".") + "."
}

// lateNumbers enters the three numbers of the late REGISTER that counts. There is none
// where the phone was refused, where a connection or the traversal zone is the cause,
// or where the first attempt is not in the logs.
func lateNumbers(w *wire.Wire, r *judge.Ruling, o *Phone) {
	if r.Late == nil || r.Late.To == nil || r.Verdict == PhoneRefused || o.Cause == CauseTCP || o.Cause == CauseTraversal {
		return
	}
	l := *r.Late
	if l.First().FirstAt(logs.ToCUCM) == nil || l.To.Kind == KindFull {
		return
	}
	if l.Cadence > 0 && l.Gap() > l.Cadence && l.SteadyKind() {
		late := l.Gap() - l.Cadence
		o.LateByS = floats(&late)
	}
	o.BeyondExpiresS, o.BeyondGraceS = floats(l.BeyondExpires()), floats(l.BeyondGrace())
	if o.LateAt == judge.Nowhere {
		o.LateAt = judge.LostAt(w, l).Where
	}
}

func softwareOf(w *wire.Wire, p *phone.Phone) string {
	s, load := w.Texts.Of(p.Traits.Software), w.Texts.Of(p.Traits.Load)
	if s != "" && load != "" {
		return s + ", " + load
	}
	return s + load
}

// name is how the phone is spoken of.
func (t told) name() string {
	who := ""
	if len(t.Numbers) > 0 {
		who = " (" + phone.Few(t.Numbers, t.More) + ")"
	}
	switch {
	case t.Device != "":
		return t.Device + who
	case t.MAC != "":
		return "MAC " + t.MAC + " (read from its Call-ID, which is a guess)" + who
	default:
		return "the phone of Call-ID " + t.out.CallIDs[0] + who
	}
}

// short is what the phone is called in lists.
func (t told) short() string {
	switch {
	case t.Device != "":
		return t.Device
	case t.MAC != "":
		return t.MAC
	}
	return t.out.CallIDs[0]
}

// byRank orders phones: those named, then the affected ones, then the rest.
func byRank(x, y told) int {
	named := func(t told) int {
		if t.Named {
			return 0
		}
		return 1
	}
	past := func(t told) int {
		if t.out.Before != nil {
			return 0
		}
		return 1
	}
	late := func(t told) int {
		if t.out.LateByS != nil || t.out.Cause != "" {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(named(x), named(y)), cmp.Compare(judge.Rank(x.Verdict), judge.Rank(y.Verdict)), cmp.Compare(past(x), past(y)), cmp.Compare(late(x), late(y)), cmp.Compare(x.short(), y.short()),
		slices.Compare(x.out.CallIDs, y.out.CallIDs))
}

// proofsOf are records as the report names them.
func proofsOf(w *wire.Wire, in []logs.Proof) []Proof {
	out := make([]Proof, len(in))
	for i, p := range in {
		out[i] = proofOf(w, p)
	}
	return out
}

func proofOf(w *wire.Wire, p logs.Proof) Proof {
	return Proof{Host: w.Texts.Of(p.Host), File: w.Sources[p.Place.Source].File, Offset: p.Place.Offset, Length: int64(p.Place.Length), Time: time.Unix(0, p.At).UTC(), What: p.What}
}

// distinct drops records that are named twice.
func distinct(in []Proof) []Proof {
	type key struct {
		host, file string
		offset     int64
	}
	seen := map[key]bool{}
	out := []Proof{}
	for _, p := range in {
		k := key{p.Host, p.File, p.Offset}
		if !seen[k] {
			seen[k] = true
			out = append(out, p)
		}
	}
	return out
}

func floats(ns *int64) *float64 {
	if ns == nil {
		return nil
	}
	f := math.Round(float64(*ns)/1e6) / 1e3
	return &f
}

func stamp(at int64) *time.Time {
	t := time.Unix(0, at).UTC()
	return &t
}

func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
