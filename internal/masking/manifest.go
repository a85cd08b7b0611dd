package masking

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/mask"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/evidence"
)

const manifestName = "manifest.json"

// identities reports whether who and where is to be taken out too.
func (j *job) identities() bool { return j.how.Strength == evidence.MaskedIdentities }

// maxSaid is how many names and texts a manifest may have: one of ten thousand alerts has
// 60,000.
const maxSaid = 100_000

// tooMuch says what is wrong with a manifest that has more than that.
func tooMuch(m *evidence.Manifest) error {
	n := 3 * len(m.Alerts)
	for i := range m.Hosts {
		n += 1 + len(m.Hosts[i].OwnAddresses) + len(m.Hosts[i].PeersNamed)
	}
	count := func(*string) { n++ }
	eachThing(m, count)
	eachText(m, count)
	if n <= maxSaid {
		return nil
	}
	return advice.WithHint(fmt.Errorf("%s: it has %d names and texts (%d alerts, %d notes, %d hosts), and no bundle that grab makes has more than %d", manifestName, n, len(m.Alerts), len(m.Notes), len(m.Hosts), maxSaid),
		"look at it: `grab show` and `grab verify` read it; nothing was written")
}

// learnManifest tells the masker what the manifest knows.
func (j *job) learnManifest() error {
	m := j.src.manifest
	if err := tooMuch(&m); err != nil {
		return err
	}
	j.masker.LearnHost(m.Site)
	for _, h := range m.Hosts {
		j.masker.LearnHost(h.Host)
		for _, name := range slices.Concat(h.OwnAddresses, h.PeersNamed) {
			j.masker.LearnHost(name)
		}
	}
	for _, a := range m.Alerts {
		j.masker.LearnHost(a.Cluster)
		j.masker.LearnHost(a.Node)
		j.masker.LearnUser(a.Mailbox)
	}
	for _, name := range collectorsOf(m) {
		j.masker.LearnHost(name)
	}
	learnCUCM(j)
	for _, name := range people(m.RequestedBy) {
		j.masker.LearnUser(name)
	}
	for _, name := range machinesOf(m) {
		if number(name) { // as branches are called
			j.masker.LearnUser(name)
		}
	}
	eachThing(&m, func(s *string) { j.masker.LearnUser(*s) })
	var all strings.Builder
	eachText(&m, func(s *string) { all.WriteString(*s + "\n") })
	return j.masker.Learn(manifestName, mask.Text, strings.NewReader(all.String()))
}

// people are the accounts in the words for who asked: "root (sudo by alice)".
func people(by string) []string {
	return strings.FieldsFunc(by, func(r rune) bool { return r == ' ' || r == '(' || r == ')' })
}

// A manifestMasker makes the manifest of the masked bundle.
type manifestMasker struct {
	*job
	manifest evidence.Manifest
	logs     map[string]written // by the name in the masked bundle
	extra    map[string]string  // what files of CUCM are called there, by their names
	mails    map[string]string  // what they are called there, by their names
	said     said               // the hosts, clusters and the site, in texts of ours
	err      error
}

// maskManifest masks the manifest. What it says of the logs is of those that were masked.
func (j *job) maskManifest() (*manifestMasker, error) {
	k := &manifestMasker{job: j, manifest: j.src.manifest, logs: map[string]written{}, mails: map[string]string{}, extra: map[string]string{}}
	m := &k.manifest
	m.SignedBy, m.Registration, m.NoReport = "", nil, ""
	k.copyLists()
	if k.identities() {
		k.leavePeople()
	}
	k.said, k.err = saidNames(j.masker, machinesOf(*m))
	was := m.Site
	m.Site = k.name(m.Site)
	m.Incident = k.incident(m.Incident, was)
	for i := range m.Before {
		m.Before[i].Incident = k.incident(m.Before[i].Incident, was)
	}
	for i := range m.Alerts {
		k.alert(&m.Alerts[i])
	}
	for i := range m.Hosts {
		k.host(&m.Hosts[i])
	}
	k.cucm()
	eachThing(m, func(s *string) { *s = k.name(*s) })
	eachText(m, func(s *string) { *s = k.text(*s) })
	m.RequestedBy = k.name(m.RequestedBy)
	m.Masked = &j.how
	return k, k.err
}

// copyLists makes what is to be changed the manifest's own.
func (k *manifestMasker) copyLists() {
	m := &k.manifest
	m.PhonesNamed, m.Notes, m.Before = slices.Clone(m.PhonesNamed), slices.Clone(m.Notes), slices.Clone(m.Before)
	m.Alerts, m.Hosts = slices.Clone(m.Alerts), slices.Clone(m.Hosts)
	for i := range m.Alerts {
		a := &m.Alerts[i]
		a.Devices, a.Notes, a.Recipients, a.From = slices.Clone(a.Devices), slices.Clone(a.Notes), slices.Clone(a.Recipients), maps.Clone(a.From)
		if a.Auth != nil {
			auth := *a.Auth
			a.Auth = &auth
		}
		if a.Relay != nil {
			relay := *a.Relay
			a.Relay = &relay
		}
	}
	for i := range m.Hosts {
		h := &m.Hosts[i]
		h.Via, h.OwnAddresses, h.PeersNamed, h.Notes, h.Legacy = slices.Clone(h.Via), slices.Clone(h.OwnAddresses), slices.Clone(h.PeersNamed), slices.Clone(h.Notes), slices.Clone(h.Legacy)
		h.Files = slices.Clone(h.Files)
		for f := range h.Files {
			h.Files[f].Sources = slices.Clone(h.Files[f].Sources)
		}
	}
	m.CUCM, m.Resets, m.Diagnostics = copyOfCUCM(m.CUCM), copyOfResets(m.Resets), slices.Clone(m.Diagnostics)
}

// eachThing visits what is a phone, a number or an address of mail.
func eachThing(m *evidence.Manifest, visit func(*string)) {
	for i := range m.PhonesNamed {
		visit(&m.PhonesNamed[i])
	}
	for i := range m.Before {
		visit(&m.Before[i].Device)
	}
	for i := range m.PRTs {
		visit(&m.PRTs[i].Device)
	}
	eachReset(m.Resets, visit)
	for i := range m.Alerts {
		a := &m.Alerts[i]
		for d := range a.Devices {
			visit(&a.Devices[d])
		}
		for r := range a.Recipients {
			visit(&a.Recipients[r])
		}
		if a.Auth != nil {
			visit(&a.Auth.Sender)
		}
	}
}

// eachText visits the texts.
func eachText(m *evidence.Manifest, visit func(*string)) {
	all := func(list []string) {
		for i := range list {
			visit(&list[i])
		}
	}
	visit(&m.Reason)
	all(m.Notes)
	for i := range m.Before {
		visit(&m.Before[i].Summary)
	}
	for i := range m.Alerts {
		a := &m.Alerts[i]
		for _, s := range []*string{&a.Name, &a.Subject, &a.Folder} {
			visit(s)
		}
		all(a.Notes)
		if a.Auth != nil {
			visit(&a.Auth.Why)
		}
	}
	for i := range m.Hosts {
		h := &m.Hosts[i]
		visit(&h.Address)
		visit(&h.Error)
		all(h.Via)
		all(h.Legacy)
		all(h.Notes)
	}
	eachTextOfCUCM(m.CUCM, visit)
}

// leavePeople takes out what a person wrote as he liked. That an alert is the reason this
// program has written.
func (k *manifestMasker) leavePeople() {
	if m := &k.manifest; m.Reason != "" && (m.RequestedBy != "" || len(m.Alerts) == 0) {
		m.Reason = ""
		k.how.LeftOut = append(k.how.LeftOut, evidence.LeftOut{What: "the reason given", Why: "a person's own words"})
	}
}

// text masks a text of the manifest.
func (k *manifestMasker) text(s string) string {
	if s == "" || k.err != nil {
		return s
	}
	var b bytes.Buffer
	k.err = k.masker.Mask(manifestName, mask.Text, &b, strings.NewReader(s))
	return k.said.in(idRE.ReplaceAllStringFunc(b.String(), func(id string) string {
		if site := k.src.manifest.Site; strings.Contains(id, "-"+site+"-") {
			return k.incident(id, site)
		}
		return id
	}), false)
}

// idRE is an incident's ID.
var idRE = regexp.MustCompile(`[0-9]{8}T[0-9]{6}Z-[A-Za-z0-9._-]+-[0-9a-f]{6}`)

// name masks a name.
func (k *manifestMasker) name(s string) string {
	if s == "" || k.err != nil {
		return s
	}
	name, err := k.masker.Name(s)
	k.err = err
	return name
}

// incident masks the site in an incident's ID: its time, and the beginning of its alert's ID,
// stay.
func (k *manifestMasker) incident(id, site string) string {
	before, after, found := strings.Cut(id, "-"+site+"-")
	if site == "" || !found {
		return k.name(id)
	}
	return before + "-" + k.name(site) + "-" + after
}

// alertID is that of an alert. It is a hash of the mail: of another one that nobody can
// compute who has no map its beginning stays, which incidents' IDs have too.
func (k *manifestMasker) alertID(id string) string {
	if !k.identities() || k.src.manifest.Masked != nil && k.src.manifest.Masked.Strength == evidence.MaskedIdentities {
		return id
	}
	h := hmac.New(sha256.New, k.chart.Secret)
	h.Write([]byte(id))
	return id[:min(len(id), 6)] + hex.EncodeToString(h.Sum(nil))[min(len(id), 6):]
}

// mailFile is where the mail of an alert lies: its file is called by the alert's ID, or by its
// time and the beginning of that.
func (k *manifestMasker) mailFile(file, id string) string {
	if file == "" {
		return file
	}
	ending := path.Ext(file)
	stem := strings.TrimSuffix(path.Base(file), ending)
	dash := strings.LastIndexByte(stem, '-') + 1
	begins, short := stem[:dash], stem[dash:]
	if len(short) < 6 || !strings.HasPrefix(id, short) || begins != "" && !timeRE.MatchString(begins) {
		begins, id, short = "", stem, stem
	}
	return "alerts/" + begins + k.alertID(id)[:min(len(short), 64)] + ending
}

var timeRE = regexp.MustCompile(`^\d{8}T\d{6}Z-$`)

func (k *manifestMasker) alert(a *evidence.Alert) {
	to := k.mailFile(a.File, a.ID)
	k.mails[a.File] = to
	a.ID, a.File = k.alertID(a.ID), to
	a.Cluster, a.Node, a.Mailbox, a.Drill = k.name(a.Cluster), k.name(a.Node), k.name(a.Mailbox), k.name(a.Drill)
	for field, where := range a.From {
		a.From[field] = k.text(where)
	}
	if r := a.Relay; r != nil {
		r.Site, r.Collector = k.name(r.Site), k.name(r.Collector)
	}
}

func (k *manifestMasker) host(h *evidence.Host) {
	was := h.Host
	h.Host = k.name(h.Host)
	if k.identities() {
		h.HostKey = "" // tells which machine it is
	}
	for i := range h.OwnAddresses {
		h.OwnAddresses[i] = k.name(h.OwnAddresses[i])
	}
	for i := range h.PeersNamed {
		h.PeersNamed[i] = k.name(h.PeersNamed[i])
	}
	for i := range h.Files {
		k.file(was, h.Host, &h.Files[i])
	}
}

// file is a log as it was masked. Its sources' names, offsets and sizes say where it came
// from; their sums are of what is not in the bundle.
func (k *manifestMasker) file(was, host string, f *evidence.File) {
	for i := range f.Sources {
		s := &f.Sources[i]
		s.Name, s.Collector, s.SHA256 = k.name(s.Name), k.name(s.Collector), ""
	}
	if f.Path == "" {
		return
	}
	log := k.made[bundle.LogName(was, f.Family)]
	f.Path, f.Bytes, f.SHA256 = bundle.LogName(host, f.Family), log.bytes, log.sha256
	k.logs[f.Path] = log
}
