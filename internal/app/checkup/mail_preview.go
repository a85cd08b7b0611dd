package checkup

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/human"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/triage"
	"rtmtgrab/internal/mailauth"
	"rtmtgrab/internal/proof"
	"rtmtgrab/internal/wiring"
	"rtmtgrab/mailwatch"
	"rtmtgrab/mailwatch/alertmail"
)

// EMLReport is the JSON of `grab check --mail`.
type EMLReport struct {
	File         string            `json:"file"`
	Outcome      string            `json:"outcome"` // incident, repeat, limited, quarantined, expired, unrouted, …; ignored: it is no alert; own: it is one of ours; seen: it was dealt with before
	Why          string            `json:"why"`
	Received     time.Time         `json:"received"` // when the server got it
	ReceivedFrom string            `json:"received_from"`
	Alert        *evidence.Alert   `json:"alert"`  // null if it is none
	Sender       *evidence.Auth    `json:"sender"` // null: it was not judged
	Looked       []mailauth.Looked `json:"looked"` // header fields that were looked at
	Routed       string            `json:"routed"` // why to these sites, or to none
	Sites        []emlSite         `json:"sites"`
	Notes        []string          `json:"notes"`

	box wiring.Box // that the mail is taken to lie in
}

// boxOf is the first box of that folder, or the first of all.
func boxOf(cfg *config.Config, folder string) (wiring.Box, error) {
	boxes := wiring.Boxes(cfg)
	i := slices.IndexFunc(boxes, func(b wiring.Box) bool { return folder == "" || b.Folder == folder })
	switch {
	case i >= 0:
		return boxes[i], nil
	case folder == "": // there is no mailbox: routes by folder do not match
		return wiring.Box{Mail: &config.Mail{}}, nil
	}
	return wiring.Box{}, fmt.Errorf("--folder: no mailbox of the configuration has %q", folder)
}

// ours reports whether a mail is one of grab's own, or an answer to one, by the key
// in the store.
func ours(cfg *config.Config, raw []byte) bool {
	name := filepath.Join(cfg.Store, "notice.key")
	if _, err := os.Stat(name); err != nil { // LoadKey would make one
		return false
	}
	key, err := proof.LoadKey(name, nil)
	if err != nil {
		return false
	}
	m := proof.Mail{Raw: raw, Field: func(string) string { return "" }}
	if msg, err := mail.ReadMessage(bytes.NewReader(raw)); err == nil {
		m.Field = msg.Header.Get
	}
	var boxes []string
	for i := range cfg.Mails {
		boxes = append(boxes, cfg.Mails[i].Name)
	}
	what, _ := key.Whose(m, boxes)
	return what != proof.Foreign
}

// emlSite is what one site would do.
type emlSite struct {
	Site     string           `json:"site"`
	What     incident.What    `json:"what"`
	Why      incident.Why     `json:"why"`
	Incident string           `json:"incident"` // that is there already
	Window   *evidence.Window `json:"window"`
	Zone     string           `json:"time_zone"`
}

// PreviewMail says what would be done with the mail in a file that came into a folder. It
// contacts nobody but, for alerts.authenticity.check: dkim, the DNS.
func PreviewMail(ctx context.Context, cfg *config.Config, file, folder string) (*EMLReport, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, alertmail.MaxRaw+1))
	if err != nil {
		return nil, err
	}
	rep := &EMLReport{File: file, Looked: []mailauth.Looked{}, Sites: []emlSite{}, Notes: []string{}}
	if rep.box, err = boxOf(cfg, folder); err != nil {
		return nil, advice.Usage(err)
	}
	rep.read(ctx, cfg, raw)
	return rep, nil
}

// read does with a mail what grab watch does, but for writing anything down.
func (r *EMLReport) read(ctx context.Context, cfg *config.Config, raw []byte) {
	now := time.Now()
	m := mailwatch.Mail{Truncated: len(raw) > alertmail.MaxRaw, Raw: raw[:min(len(raw), alertmail.MaxRaw)], Seen: now}
	m.Internal, r.ReceivedFrom = ReceivedAt(m.Raw, now)
	r.Received = m.Internal
	if ours(cfg, m.Raw) {
		r.Outcome, r.Why = "own", "this is grab's own canary or notification, or a reply to one: such mails trigger nothing"
		return
	}
	var ok bool
	if m.Alert, ok = wiring.AlertReader(cfg, r.box.Folder).Read(m.Raw, m.Internal); !ok {
		r.Outcome, r.Why = "ignored", "neither the subject nor the text matches alerts.match or one of alerts.kinds"
		return
	}
	m.Alert.Mailbox, m.Alert.Folder = r.box.Mail.Name, r.box.Folder
	j := wiring.NewSender(cfg, (&wiring.KeyCache{}).LookupTXT)
	d := j.Mail(ctx, m)
	r.Alert, r.Sender = &d.Alert, d.Alert.Auth
	r.Looked = append(r.Looked, d.Verdict.Looked...)
	r.decide(cfg, m, d.Alert, now)
}

// decide tells what becomes of the alert, by the store if that can be read.
func (r *EMLReport) decide(cfg *config.Config, m mailwatch.Mail, alert evidence.Alert, now time.Time) {
	st, p := &incident.Store{Dir: cfg.Store}, wiring.Policy(cfg)
	rec := triage.Draft(alert, m.Truncated, m.Seen, wiring.Sites(cfg), p)
	r.Alert, r.Routed = &rec.Alert, rec.Routed
	r.Outcome = string(rec.What)
	switch rec.What {
	case incident.Expired:
		r.Why = fmt.Sprintf("it happened %s, longer ago than mail.max_age (%s)", human.Ago(now.Sub(rec.Alert.Time)), human.Span(p.MaxAge))
	case incident.Unrouted:
		r.Why = rec.Routed
	case incident.Quarantined:
		r.Why = rec.Alert.Auth.Why
	}
	if rec.What == incident.Expired || rec.What == incident.Quarantined { // and if it were not?
		free, always := alert, p
		free.Auth, always.MaxAge = nil, 0
		then := triage.Draft(free, m.Truncated, m.Seen, wiring.Sites(cfg), always)
		for _, d := range then.Sites {
			w := p.WindowOf(then.Alert.Kind, then.Alert.Time)
			r.add(cfg, triage.Preview{Decision: incident.Decision{Site: d.Site, What: rec.What}, Window: w})
		}
		if then.What == incident.Unrouted {
			r.Notes = append(r.Notes, then.Routed)
		}
	}
	judged := rec
	if was, err := st.Alert(alert.ID); err == nil && rec.What == "" && was.What != incident.Quarantined { // else this copy lets it out
		judged = was
		if judged.Sites = triage.Further(was, alert, m.Seen, wiring.Sites(cfg), p); len(judged.Sites) == 0 {
			r.seen(cfg, was, p)
			return
		}
		r.Notes = append(r.Notes, "a copy of it was read at "+was.Seen.Format(time.RFC3339)+": this copy is for the sites that no earlier copy named")
	}
	if rec.What != "" {
		return
	}
	r.Notes = append(r.Notes, wiring.PauseNotes(st, cfg, judged, now)...)
	list, err := triage.PreviewAlert(st, judged, p, now)
	if err != nil {
		r.Notes = append(r.Notes, "the store cannot be read; this is the result for an empty store: "+err.Error())
		for _, d := range judged.Sites {
			list = append(list, triage.Preview{Decision: incident.Decision{Site: d.Site, What: incident.InIncident, Why: incident.WhyNews}, Window: p.WindowOf(rec.Alert.Kind, rec.Alert.Time)})
		}
	}
	for i, pre := range list {
		r.add(cfg, pre)
		if i == 0 || pre.What == incident.InIncident {
			r.Outcome = string(pre.What)
		}
	}
}

// seen reports a mail that was dealt with before.
func (r *EMLReport) seen(cfg *config.Config, was incident.AlertRecord, p incident.Policy) {
	r.Outcome, r.Why = "seen", "a mail with this Message-ID was read at "+was.Seen.Format(time.RFC3339)
	for _, d := range was.Sites {
		r.add(cfg, triage.Preview{Decision: d, Window: p.WindowOf(was.Alert.Kind, was.Alert.Time)})
	}
	if was.What != "" {
		r.Why += " and is " + string(was.What)
	}
}

func (r *EMLReport) add(cfg *config.Config, p triage.Preview) {
	s := emlSite{Site: p.Site, What: p.What, Why: p.Why, Incident: p.Incident}
	if !p.Window.Empty() {
		s.Window = &p.Window
	}
	if site := cfg.Site(p.Site); site != nil {
		s.Zone = site.Zone().String()
	}
	r.Sites = append(r.Sites, s)
}

// ReceivedAt is when a server got a mail, as far as the mail tells.
func ReceivedAt(raw []byte, now time.Time) (t time.Time, from string) {
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return now.UTC(), "now: its header cannot be read"
	}
	line := msg.Header.Get("Received")
	if t, err := mail.ParseDate(strings.TrimSpace(line[strings.LastIndexByte(line, ';')+1:])); err == nil && evidence.Believable(t) {
		return t.UTC(), "its first Received"
	}
	if t, err := msg.Header.Date(); err == nil && evidence.Believable(t) {
		return t.UTC(), "its Date"
	}
	return now.UTC(), "now: it has no date"
}

// Text is the report for people.
func (r *EMLReport) Text() string {
	var b strings.Builder
	line := func(what, format string, args ...any) {
		fmt.Fprintf(&b, "%-9s  %s\n", what, human.Local().Say(evidence.Printable(fmt.Sprintf(format, args...), 900)))
	}
	line("mail", "%s, received %s (%s)", r.File, human.Local().At(r.Received.Truncate(time.Second)), r.ReceivedFrom)
	if al := r.Alert; al != nil {
		found := func(what, value string) {
			if where := al.From[what]; where != "" {
				value += " (" + where + ")"
			}
			line(what, "%s", human.Dash(value))
		}
		found("name", al.Name)
		line("kind", "%s", al.Kind)
		line("to", "%s", human.Dash(strings.Join(al.Recipients, ", ")))
		found("cluster", al.Cluster)
		found("node", al.Node)
		if al.Count != nil {
			found("count", fmt.Sprint(*al.Count))
		}
		found("time", human.Local().At(al.Time))
		for _, n := range al.Notes {
			line("note", "%s", n)
		}
		r.textSender(line)
	}
	if r.Routed != "" {
		line("route", "%s", r.Routed)
	}
	for _, s := range r.Sites {
		line("site", "%s", s.words())
	}
	for _, n := range r.Notes {
		line("note", "%s", n)
	}
	end := r.Outcome
	if r.Why != "" {
		end += ": " + r.Why
	}
	line("outcome", "%s", end)
	return b.String()
}

func (r *EMLReport) textSender(line func(string, string, ...any)) {
	switch au := r.Sender; {
	case au == nil:
		line("sender", "any sender may trigger (alerts.from and alerts.authenticity are not set)")
	case au.OK:
		line("sender", "%s may trigger: %s", human.Dash(au.Sender), au.Why)
	default:
		line("sender", "%s may not trigger: %s", human.Dash(au.Sender), au.Why)
	}
	for _, l := range r.Looked {
		line("", "%s", l.Field)
		line("", "  -> %s", l.What)
	}
}

// words says what a site would do.
func (s emlSite) words() string {
	text := s.Site + ": "
	switch {
	case s.What == incident.Repeat:
		text += "a repeat of an earlier alert, nothing is grabbed"
	case s.What == incident.Limited:
		text += "alerts.limit is reached, nothing is grabbed"
	case s.What != incident.InIncident:
		text += "would open or join an incident if it were not " + string(s.What)
	case s.Incident == "":
		text += "opens an incident (" + string(s.Why) + ")"
	default:
		text += "is part of incident " + s.Incident + " (" + string(s.Why) + ")"
	}
	if s.Window != nil {
		text += "; window " + human.Clock{Zone: wiring.ZoneNamed(s.Zone)}.Span(s.Window.Since, s.Window.Until)
	}
	return text
}
