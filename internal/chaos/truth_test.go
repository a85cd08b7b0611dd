package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/collector"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/diskspace"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/growth"
	"rtmtgrab/internal/incident"
	"rtmtgrab/internal/incident/incidenttest"
	"rtmtgrab/internal/incident/runner"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/sshdial"
	"rtmtgrab/internal/testrace"
	"rtmtgrab/internal/testsite"
	"rtmtgrab/internal/wiring"
)

const (
	truthBefore = 10 * time.Minute // of the window
	truthAfter  = 20 * time.Second
	truths      = 12 // mixtures that are played by default
)

var truthFamilies = []string{"network_log", "messages"}

// What `status` says is true, whatever goes wrong: if it says Yes for a site an alert has
// full coverage; what it says No for is a fault that was made; and each fault by which an
// alert lost something was a No, two periods after it began. The real collector does it,
// over SSH and IMAP in memory and in virtual time.
//
// GRAB_TRUTH_SEED is one mixture, which is told of step by step.
func TestTruth(t *testing.T) {
	n := testrace.Smaller(truths, 6)
	if os.Getenv("GRAB_LONG") == "1" {
		n = 500
	}
	done := &tally{faults: map[string]int{}, costly: map[string]int{}}
	if one := os.Getenv("GRAB_TRUTH_SEED"); one != "" {
		seed, err := strconv.ParseUint(one, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		tellTruth(t, seed, done)
		return
	}
	for seed := range n {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { tellTruth(t, uint64(seed), done) })
	}
	t.Log(done.String())
	if done.yes == 0 || done.no == 0 {
		t.Error("nothing was shown of Yes, or of No")
	}
	for _, k := range faultKinds {
		if n >= truths && done.faults[k.name] == 0 {
			t.Errorf("%s never happened", k.name)
		}
	}
}

// truth is a collector, what it watches, and what is wrong with that.
type truth struct {
	t     *testing.T
	r     *rand.Rand
	dir   string
	said  testsite.SafeBuffer
	tally *tally

	peers map[string]*logPeer
	hosts []string
	sites []truthSite
	box   *rtmt.Mailbox
	door  *door
	cfg   *config.Config
	w     *collector.Collector
	free  atomic.Int64

	faults []*fault
	dealt  []*faultKind // what happens first

	mu     sync.Mutex
	sealed map[string]evidence.Manifest // by the nodes of the alerts
}

type truthSite struct {
	name  string
	hosts []string
}

func tellTruth(t *testing.T, seed uint64, done *tally) {
	dir := incidenttest.QuickDir(t)
	synctest.Test(t, func(t *testing.T) {
		w := &truth{t: t, r: rand.New(rand.NewPCG(seed, 12)), dir: dir, tally: done, peers: map[string]*logPeer{}, sealed: map[string]evidence.Manifest{}}
		w.free.Store(100 << 30)
		if seed < truths { // together they have every kind
			w.dealt = faultKinds[int(seed)*len(faultKinds)/truths : int(seed+1)*len(faultKinds)/truths]
		}
		stop := w.start()
		time.Sleep(3 * period)
		w.round(0)
		for i := range 2 + w.r.IntN(2) {
			w.happen()
			w.round(i + 1)
		}
		for _, f := range w.active() {
			w.end(f)
		}
		stop()
		if t.Failed() || os.Getenv("GRAB_TRUTH_SEED") != "" {
			t.Logf("GRAB_TRUTH_SEED=%d go test ./internal/chaos -run TestTruth\n%s", seed, w.said.String())
		}
	})
}

func (w *truth) must(err error) {
	if err != nil {
		w.t.Error(err)
	}
}

func (w *truth) say(format string, args ...any) {
	fmt.Fprintf(&w.said, "%s "+format+"\n", append([]any{time.Now().Format(time.TimeOnly)}, args...)...)
}

// start makes hosts, sites, a mailbox and a collector that watches.
func (w *truth) start() (stop func()) {
	for i := range 2 + w.r.IntN(3) {
		name := fmt.Sprintf("h%d", i)
		w.hosts = append(w.hosts, name)
		w.peers[name] = newLogPeer(name, truthFamilies)
	}
	for i := range 1 + w.r.IntN(3) {
		s := truthSite{name: fmt.Sprintf("s%d", i)}
		for _, h := range w.hosts {
			if w.r.IntN(2) == 0 || len(s.hosts) == 0 && h == w.hosts[len(w.hosts)-1] {
				s.hosts = append(s.hosts, h)
			}
		}
		w.sites = append(w.sites, s)
	}
	w.hosts = slices.DeleteFunc(w.hosts, func(h string) bool {
		return !slices.ContainsFunc(w.sites, func(s truthSite) bool { return slices.Contains(s.hosts, h) })
	})
	w.door = &door{}
	var err error
	if w.box, err = rtmt.NewMailboxOn(context.Background(), w.door.listen); err != nil {
		w.t.Fatal(err)
	}
	w.configure()
	if w.w, err = collector.New(w.cfg, slog.New(slog.NewTextHandler(&w.said, &slog.HandlerOptions{Level: slog.LevelWarn})), nil, nil); err != nil {
		w.t.Fatal(err)
	}
	w.w.ReachBy(w.reach)
	w.w.Store.WriteFile = func(name string, b []byte) error {
		if err := os.WriteFile(name+".part", b, 0o600); err != nil {
			return err
		}
		return os.Rename(name+".part", name)
	}
	w.w.Runner.Reserve.Measure = func(string) (diskspace.Space, error) {
		return diskspace.Space{Free: w.free.Load(), Total: 200 << 30}, nil
	}
	w.w.Runner.Seal = w.seal
	w.w.Runner.VerifyBundle = func(context.Context, string, string, int) (m evidence.Manifest, err error) { return m, nil }
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.w.Run(ctx) }()
	return func() {
		cancel()
		w.must(<-ended)
		for _, p := range w.peers {
			p.close()
		}
		w.must(w.box.Close())
	}
}

// configure writes the configuration, and what is remembered of the logs, and reads it.
func (w *truth) configure() {
	file := func(name, text string) {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "store: store\nsocket: {path: none}\nmail: {server: %q, ca_file: ca.pem, user: %q, password: {file: imap.secret}}\n", w.box.Addr(), w.box.User)
	fmt.Fprintf(&b, "alerts: {limit: 0}\nwindow: {before: %v, after: %v}\nsettle: 2s\npatience: 1m\nkeep: {free: 1GiB}\nlogs: {dir: /log, families: [%s]}\nssh: {password: {file: ssh.secret}, commands: %t}\nsites:\n",
		truthBefore, truthAfter, strings.Join(truthFamilies, ", "), w.r.IntN(4) > 0)
	for _, s := range w.sites {
		fmt.Fprintf(&b, "- name: %s\n  clusters: [%s]\n  hosts:\n", s.name, s.name)
		for _, h := range s.hosts {
			fmt.Fprintf(&b, "  - {name: %s, address: \"%s:22\", host_key: %q}\n", h, h, ssh.FingerprintSHA256(w.peers[h].key.PublicKey()))
		}
	}
	file("grab.yaml", b.String())
	file("ca.pem", string(w.box.CAPEM()))
	file("imap.secret", w.box.Password)
	file("ssh.secret", "secret")
	var err error
	if w.cfg, err = config.Load(filepath.Join(w.dir, "grab.yaml")); err != nil {
		w.t.Fatal(err)
	}
	st, err := incident.OpenStore(w.cfg.Store)
	if err == nil && w.r.IntN(3) > 0 {
		err = st.GrowthFile().Save(w.history())
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// history is that of logs that always grew.
func (w *truth) history() (s growth.State) {
	const minutes = 100
	for _, h := range w.hosts {
		for i := range minutes {
			at := time.Now().Add(time.Duration(i-minutes) * time.Minute)
			marks := map[string]growth.Mark{}
			for _, f := range truthFamilies {
				marks[f] = growth.Mark{Newest: at, Size: int64(i)}
			}
			s.Observe(h, at, marks)
		}
	}
	return s
}

func (w *truth) reach(ctx context.Context, address string) (net.Conn, error) {
	if address == w.box.Addr() {
		return w.door.dial(ctx)
	}
	host, _, _ := strings.Cut(address, ":")
	return w.peers[host].dial(ctx)
}

// seal keeps the manifest.
func (w *truth) seal(_ context.Context, job runner.SealJob) (runner.SealedBundle, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range job.Manifest.Alerts {
		w.sealed[job.Manifest.Site+" "+a.Node] = job.Manifest
	}
	for _, h := range job.Manifest.Hosts {
		for _, f := range h.Files {
			if f.Coverage == evidence.Complete {
				w.count(job, h.Host, f.Family)
			}
		}
	}
	path := job.Base + ".zip"
	return runner.SealedBundle{Path: path}, os.WriteFile(path, nil, 0o600)
}

// count wants every record of the window in what is said to be complete. Of a host whose
// clock is not this machine's it is not known which those are.
func (w *truth) count(job runner.SealJob, host, family string) {
	if slices.ContainsFunc(w.faults, func(f *fault) bool { return f.host == host && f.name == "clock steps" }) {
		return
	}
	r, err := job.Open(host, family)
	if err != nil {
		w.t.Errorf("%s of %s: %v", family, host, err)
		return
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	w.must(err)
	p, text := w.peers[host], string(b)
	p.change(func() {
		for _, at := range p.logs[family].written {
			if job.Manifest.Asked.Contains(at) && !strings.Contains(text, at.UTC().Format("2006-01-02T15:04:05.000-07:00")) {
				w.t.Errorf("%s of %s is complete, without the record of %s", family, host, at.Format(time.TimeOnly))
			}
		}
	})
	w.tally.read++
}

// at changes the peer of a fault, log one of its logs.
func (w *truth) at(f *fault, change func(p *logPeer)) {
	p := w.peers[f.host]
	p.change(func() { change(p) })
}

func (w *truth) log(f *fault, change func(l *peerLog)) {
	w.at(f, func(p *logPeer) { change(p.logs[f.family]) })
}

// checkLogin logs in as `grab check` does, which lifts a block.
func (w *truth) checkLogin(host string) {
	for _, s := range w.cfg.Sites {
		h := s.Host(host)
		if h == nil {
			continue
		}
		c := wiring.Dialing(h, wiring.Ledger(w.cfg))
		c.Conn, c.Override = w.reach, true
		if cl, err := sshdial.Dial(context.Background(), c); err == nil { // another fault may be in the way
			cl.Close()
			w.peers[host].refused = false
		}
		return
	}
}

// breakStore lets no alert be written, or mends that.
func (w *truth) breakStore(broken bool) {
	dir := w.w.Store.AlertsDir()
	if broken {
		w.must(errors.Join(os.Rename(dir, dir+".away"), os.WriteFile(dir, nil, 0o600)))
		return
	}
	w.must(errors.Join(os.Remove(dir), os.Rename(dir+".away", dir)))
}

func (w *truth) pause(site string) {
	w.must(w.w.Store.Pause(context.Background(), incident.Pause{Site: site, From: time.Now(), Until: time.Now().Add(24 * time.Hour), Reason: "test", By: "test"}))
}

func (w *truth) resume(site string) {
	_, err := w.w.Store.Resume(context.Background(), site, "test", time.Now())
	w.must(err)
}

func (w *truth) active() []*fault {
	return slices.DeleteFunc(slices.Clone(w.faults), func(f *fault) bool { return !f.ended.IsZero() })
}

func (w *truth) begin(f *fault) {
	f.began = time.Now()
	w.say("begins: %v", f)
	f.begin(w, f)
	w.faults = append(w.faults, f)
	w.tally.made(f)
}

func (w *truth) end(f *fault) {
	f.end(w, f)
	f.ended = time.Now()
	if f.host != "" && w.peers[f.host].refused && !w.peers[f.host].has("login") {
		w.checkLogin(f.host) // as who has mended it does
	}
	w.say("ends: %v", f)
}

// happen lets faults end and begin, at random moments.
func (w *truth) happen() {
	pause := func() { time.Sleep(time.Duration(w.r.IntN(40_000)) * time.Millisecond) }
	for _, f := range w.active() {
		if w.r.IntN(3) > 0 {
			pause()
			w.end(f)
		}
	}
	for range max(w.r.IntN(4), min(2, len(w.dealt))) {
		f := w.anyFault(w.r)
		if slices.ContainsFunc(w.active(), func(o *fault) bool {
			return o.name == f.name && o.host == f.host && o.family == f.family && o.site == f.site || f.family != "" && o.host == f.host && o.family == f.family
		}) {
			continue
		}
		pause()
		w.begin(f)
		if w.r.IntN(5) == 0 { // it is short
			pause()
			w.end(f)
		}
	}
	if w.r.IntN(4) == 0 {
		time.Sleep(time.Duration(w.r.IntN(16)) * time.Minute)
	}
}

// round looks, two periods after the last change, at what is said, and has an alert of
// each site.
func (w *truth) round(n int) {
	time.Sleep(2*period + lateness)
	for _, f := range w.active() { // of a log that rests it can be said when it rests for long enough, and two periods
		if age := time.Since(f.began); f.name == "frozen" && age > truthBefore-period && age < truthBefore+4*period {
			time.Sleep(truthBefore + 4*period - age)
		}
	}
	r := w.w.Status()
	w.say("%s; %v", r.Headline(), w.active())
	for _, p := range r.Problems {
		w.say("  %s (blocks %t, %v): %s", p.Key, p.Blocks, p.Sites, p.What)
		if p.Blocks && !slices.ContainsFunc(w.faults, func(f *fault) bool { return f.covers(p.Key, time.Now()) }) {
			w.t.Errorf("round %d: %s says No without a fault: %s (faults: %v)", n, p.Key, p.What, w.faults)
		}
	}
	for _, s := range w.sites {
		w.must(w.box.Deliver(rtmt.Mail(rtmt.MailOptions{Cluster: s.name, Node: fmt.Sprintf("n%d", n), Count: n + 2, Time: time.Now(), MessageID: fmt.Sprintf("%s-%d@test", s.name, n)}), time.Now()))
	}
	w.wait(n)
	for _, s := range w.sites {
		w.judge(n, r, s)
	}
	w.settle(n)
}

// wait waits until the incidents of a round are sealed, or long enough.
func (w *truth) wait(n int) {
	for range 60 {
		time.Sleep(10 * time.Second)
		w.mu.Lock()
		all := !slices.ContainsFunc(w.sites, func(s truthSite) bool {
			_, ok := w.sealed[fmt.Sprintf("%s n%d", s.name, n)]
			return !ok
		})
		w.mu.Unlock()
		if all {
			return
		}
	}
}

// settle ends what keeps incidents from being sealed.
func (w *truth) settle(n int) {
	open := w.w.Status().Incidents
	if len(open) == 0 && !slices.ContainsFunc(w.active(), func(f *fault) bool { return f.of == "store" || f.of == "site" }) {
		return
	}
	for _, f := range w.active() {
		if f.of == "store" || f.of == "site" {
			w.end(f)
		}
	}
	for range 60 {
		time.Sleep(30 * time.Second)
		if len(w.w.Status().Incidents) == 0 {
			break
		}
	}
	if open := w.w.Status().Incidents; len(open) > 0 {
		w.t.Errorf("round %d: still open: %+v", n, open)
	}
}

// judge compares what was said of a site with what became of its alert.
func (w *truth) judge(n int, r status.Report, s truthSite) {
	said := r.Sites[slices.IndexFunc(r.Sites, func(o status.Site) bool { return o.Site == s.name })]
	var blocks []string
	for _, p := range r.Problems {
		if p.Blocks && (len(p.Sites) == 0 || slices.Contains(p.Sites, s.name)) {
			blocks = append(blocks, p.Key)
		}
	}
	w.mu.Lock()
	m, ok := w.sealed[fmt.Sprintf("%s n%d", s.name, n)]
	w.mu.Unlock()
	w.tally.answered(said.Works)
	if said.Works != (len(blocks) == 0 && said.Paused == nil) {
		w.t.Errorf("round %d, %s: works %t, with %v", n, s.name, said.Works, blocks)
	}
	if !ok {
		w.say("  %s n%d: not sealed", s.name, n)
		if said.Paused == nil && !slices.ContainsFunc(blocks, func(k string) bool { return !strings.HasPrefix(k, "host/") }) {
			w.t.Errorf("round %d, %s: no bundle, and only %v is said", n, s.name, blocks)
		}
		return
	}
	for _, h := range m.Hosts {
		w.say("  %s n%d %s: %s %s %s", s.name, n, h.Host, h.Coverage, h.Error, missingOf(h))
		if h.Coverage == evidence.Complete {
			continue
		}
		w.tally.lost(w.active(), h.Host)
		if said.Paused == nil && !slices.ContainsFunc(blocks, func(k string) bool { return strings.HasPrefix(k, "host/"+h.Host+"/") || !strings.HasPrefix(k, "host/") }) {
			w.t.Errorf("round %d, %s: %q was said; %s is %s: %s %s (blocking: %v; faults: %v)", n, s.name, r.Headline(), h.Host, h.Coverage, h.Error, missingOf(h), blocks, w.faults)
		}
	}
}

func missingOf(h evidence.Host) string {
	var b strings.Builder
	for _, f := range h.Files {
		for _, m := range f.Missing {
			fmt.Fprintf(&b, "%s %s-%s %s; ", f.Family, m.Since.Format(time.TimeOnly), m.Until.Format(time.TimeOnly), m.Reason)
		}
	}
	return b.String()
}

// tally counts over all seeds. Seeds run one after the other.
type tally struct {
	yes, no int
	read    int // logs that are complete
	faults  map[string]int
	costly  map[string]int
}

func (t *tally) made(f *fault) {
	t.faults[f.name]++
}

func (t *tally) answered(yes bool) {
	if yes {
		t.yes++
	} else {
		t.no++
	}
}

// lost counts the faults of a host that was not complete.
func (t *tally) lost(active []*fault, host string) {
	for _, f := range active {
		if f.host == host {
			t.costly[f.name]++
		}
	}
}

func (t *tally) String() string {
	return fmt.Sprintf("%d Yes and %d No; %d complete logs counted; faults %v; of a host that lost something %v", t.yes, t.no, t.read, t.faults, t.costly)
}

// A door is a net.Listener whose connections are in memory.
type door struct {
	mu   sync.Mutex
	come chan net.Conn // nil: shut
	shut chan struct{}
}

func (d *door) listen(string, string) (net.Listener, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.come, d.shut = make(chan net.Conn), make(chan struct{})
	return &doorway{d.come, d.shut, sync.Once{}}, nil
}

func (d *door) dial(ctx context.Context) (net.Conn, error) {
	d.mu.Lock()
	come, shut := d.come, d.shut
	d.mu.Unlock()
	client, server := connection(time.Millisecond, 0)
	select {
	case come <- server:
		return client, nil
	case <-shut:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type doorway struct {
	come chan net.Conn
	shut chan struct{}
	once sync.Once
}

func (d *doorway) Accept() (net.Conn, error) {
	select {
	case c := <-d.come:
		return c, nil
	case <-d.shut:
		return nil, net.ErrClosed
	}
}

func (d *doorway) Close() error {
	d.once.Do(func() { close(d.shut) })
	return nil
}

func (d *doorway) Addr() net.Addr { return doorAddress{} }

type doorAddress struct{}

func (doorAddress) Network() string { return "tcp" }
func (doorAddress) String() string  { return "127.0.0.1:993" }
