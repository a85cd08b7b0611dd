package health

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rtmtgrab/internal/collector/health/status"
)

// reported makes metrics of a status.Report at every look.
type reported func() status.Report

func gauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("grab_"+name, help, labels, nil)
}

var (
	gaugeWorks     = gauge("works", "1 if an alert that came now would be seen and every host asked, and nobody has paused a site.")
	gaugeReady     = gauge("site_ready", "1 if an alert of the site that came now would be grabbed; 0 while it is paused, too.", "site")
	gaugePaused    = gauge("site_paused", "1 while the site is paused, by hand or by its schedule.", "site", "by")
	gaugeUnrouted  = gauge("unrouted_alerts", "Alerts that no site claims and that came lately: the longest pause between them is less than 24 hours.")
	gaugeProblem   = gauge("problem", "1 for each problem there is; blocks says whether an alert would lose something by it.", "key", "blocks")
	gaugeStarted   = gauge("started_timestamp_seconds", "Start of grab watch.", "version")
	gaugeConnected = gauge("mailbox_connected", "1 while the mailbox is connected.", "mailbox")
	gaugeAnswer    = gauge("mailbox_answer_age_seconds", "Time since the mailbox's last good answer.", "mailbox")
	gaugeTurned    = gauge("mailbox_turned_age_seconds", "Time since the loop over the mailbox last ran.", "mailbox")
	gaugeNewest    = gauge("mailbox_newest_timestamp_seconds", "INTERNALDATE of the newest mail that was dealt with.", "mailbox")
	gaugeCluster   = gauge("cluster_mail_timestamp_seconds", "INTERNALDATE of the last mail from the cluster; absent if none is known.", "cluster")
	gaugeWarm      = gauge("host_warm", "1 while a session to the host is up; absent if none is kept.", "host")
	gaugeBlocked   = gauge("host_blocked", "1 while no login to the host is tried because of an earlier one.", "host")
	gaugeLogin     = gauge("host_login_timestamp_seconds", "Last successful login to the host.", "host")
	gaugeClock     = gauge("host_clock_offset_seconds", "The host's clock minus this machine's.", "host")
	gaugeDepth     = gauge("host_log_depth_seconds", "How far back a log of the host reaches.", "host", "family")
	gaugeRate      = gauge("host_log_bytes_per_minute", "How fast a log of the host grows.", "host", "family")
	gaugeProof     = gauge("host_proof_age_seconds", "Time since the host's logs were looked at; absent if they never were.", "host")
	gaugeProven    = gauge("host_proven", "1 if all logs of the host could be had at the last look.", "host")
	gaugeRecord    = gauge("host_log_newest_timestamp_seconds", "The newest record of a log of the host, by this machine's clock.", "host", "family")
	gaugeStill     = gauge("host_log_still_seconds", "For how long a log of the host was observed not to grow.", "host", "family")
	gaugeRingDepth = gauge("ring_depth_seconds", "How far back the host's ring reaches, of its shallowest family.", "host")
	gaugeRingBytes = gauge("ring_bytes", "Disk space used by the host's ring.", "host")
	gaugeRingAge   = gauge("ring_age_seconds", "Time since the ring's last increment.", "host")
	gaugeFree      = gauge("disk_free_bytes", "Free disk space for the store.")
	gaugeReserve   = gauge("disk_reserve_bytes", "Free disk space that copying leaves alone (keep.free).")
	gaugeUsed      = gauge("store_bytes", "Disk space used by the store.")
	gaugeDays      = gauge("disk_days_left", "Days until the disk is full at the rate of the last week; absent if never, or unknown.")
	gaugeOpen      = gauge("incidents_open", "Incidents that are not sealed.")
	gaugeCopying   = gauge("copies_under_way", "Copies off hosts that are under way.")
	gaugeCopyWait  = gauge("copies_waiting", "Copies off hosts that wait for their turn.")
	gaugeCopyLeft  = gauge("copies_left_bytes", "What both have still to copy, as far as it is known.")
	gaugeCopySafe  = gauge("copies_nearest_deadline_timestamp_seconds", "When the first of what is still to be copied begins to be overwritten; absent if all of it is held.")
	gaugeCanary    = gauge("canary_delay_seconds", "Delay of the last canary that arrived.", "mailbox")
	gaugeNoCanary  = gauge("canary_missing", "1 while a canary is missing.", "mailbox")
	gaugeNoBeat    = gauge("heartbeat_missing", "1 while a heartbeat is missing.", "heartbeat")
	gaugeDrill     = gauge("drill_ok", "1 if the site's last drill passed, 0 if it failed; absent if there was none.", "site")
	gaugeDrillAt   = gauge("drill_timestamp_seconds", "When the site's last drill began.", "site")
	gaugePauses    = gauge("pauses", "Active pauses.")
	gaugeHandWait  = gauge("handover_waiting", "Bundles that wait to be handed over to the destination, failed ones too.", "destination")
	gaugeHandFail  = gauge("handover_failed", "Of them, those that failed for good.", "destination")
	gaugeHandDone  = gauge("handover_delivered", "Bundles that were handed over to the destination so far.", "destination")
	gaugeHandLast  = gauge("handover_last_timestamp_seconds", "When the last bundle was handed over to the destination; absent if none was.", "destination")
	gaugeHandDown  = gauge("handover_failing", "1 while the last attempt at the destination failed.", "destination")
	gaugePRTs      = gauge("prt_received", "Phones' problem reports that were received since the start; absent if none are (prt:).")
	gaugePRTRefuse = gauge("prt_refused", "Phones' problem reports that were refused since the start, by reason.", "reason")
	gaugePRTWait   = gauge("prt_waiting", "Phones' problem reports that wait for an incident.")
	gaugePRTBytes  = gauge("prt_waiting_bytes", "Disk space that these use.")
	gaugeLate      = gauge("incidents_late", "Sealed incidents for which something came that no bundle has yet.")
	gaugePolled    = gauge("poll_partial_phones", "PartiallyRegisteredPhone of a CUCM node as the last poll found it; absent if it is not known.", "cluster", "node")
	gaugePollLow   = gauge("poll_partial_phones_lowest", "The lowest value of the last days: RTMT's alert should be over that.", "cluster", "node")
	gaugePollAge   = gauge("poll_answer_age_seconds", "Time since the node's last answer to a poll.", "cluster", "node")
	gaugePollDown  = gauge("poll_failing", "1 while the node, or without a node the cluster, does not answer polls.", "cluster", "node")
	gaugeCUCMLogin = gauge("cucm_login_blocked", "1 while no login to the CUCM cluster is made, after a refusal or for want of a password; account: cucm, or reset.", "cluster", "account")
	gaugeHeld      = gauge("quarantine_alerts", "Alerts in quarantine.")
)

// Describe tells nothing: what there is depends on the configuration.
func (reported) Describe(chan<- *prometheus.Desc) {}

// Collect passes on what the report says.
func (report reported) Collect(out chan<- prometheus.Metric) {
	r := report()
	c := collecting{out, r.Now}
	c.set(gaugeWorks, truth(r.Works))
	for _, s := range r.Sites {
		c.site(s)
	}
	unrouted := 0
	for _, u := range r.Unrouted {
		unrouted += u.Alerts
	}
	c.set(gaugeUnrouted, float64(unrouted))
	for _, p := range r.Problems {
		c.set(gaugeProblem, 1, p.Key, strconv.FormatBool(p.Blocks))
	}
	c.at(gaugeStarted, r.Started, r.Version)
	for _, m := range r.Mailboxes {
		c.mailbox(m)
	}
	for _, k := range r.Clusters {
		c.at(gaugeCluster, k.Mail, k.Name)
	}
	for _, h := range r.Hosts {
		c.host(h)
	}
	c.set(gaugeFree, float64(r.Disk.FreeBytes))
	c.set(gaugeReserve, float64(r.Disk.ReserveBytes))
	c.set(gaugeUsed, float64(r.Disk.UsedBytes))
	if r.Disk.DaysLeft > 0 {
		c.set(gaugeDays, r.Disk.DaysLeft)
	}
	c.set(gaugeOpen, float64(len(r.Incidents)))
	c.queue(r.Queue)
	for _, k := range r.Canaries {
		c.set(gaugeNoCanary, truth(k.Missing), k.Mailbox)
		if !k.Seen.IsZero() {
			c.set(gaugeCanary, k.DelayS, k.Mailbox)
		}
	}
	for _, b := range r.Beats {
		c.set(gaugeNoBeat, truth(b.Missing), b.Name)
	}
	for _, d := range r.Drills {
		if !d.At.IsZero() {
			c.set(gaugeDrill, truth(d.OK), d.Site)
			c.at(gaugeDrillAt, d.At, d.Site)
		}
	}
	for _, d := range r.Handover {
		c.set(gaugeHandWait, float64(d.Waiting), d.Name)
		c.set(gaugeHandFail, float64(d.Failed), d.Name)
		c.set(gaugeHandDone, float64(d.Count), d.Name)
		c.at(gaugeHandLast, d.Delivered, d.Name)
		c.set(gaugeHandDown, truth(!d.Failing.IsZero()), d.Name)
	}
	c.prts(r)
	c.polls(r)
	c.set(gaugePauses, float64(len(r.Pauses)))
	c.set(gaugeHeld, float64(r.Held))
}

// collecting is one look.
type collecting struct {
	out chan<- prometheus.Metric
	now time.Time
}

func (c collecting) set(d *prometheus.Desc, v float64, labels ...string) {
	m, err := prometheus.NewConstMetric(d, prometheus.GaugeValue, v, labels...)
	if err != nil {
		m = prometheus.NewInvalidMetric(d, err)
	}
	c.out <- m
}

// at passes on a moment, if there was one.
func (c collecting) at(d *prometheus.Desc, t time.Time, labels ...string) {
	if !t.IsZero() {
		c.set(d, float64(t.UnixMilli())/1000, labels...)
	}
}

// age passes on how long ago a moment was, if there was one.
func (c collecting) age(d *prometheus.Desc, t time.Time, labels ...string) {
	if !t.IsZero() {
		c.set(d, max(c.now.Sub(t).Seconds(), 0), labels...)
	}
}

// prts are phones' problem reports, and what came late.
func (c collecting) prts(r status.Report) {
	c.set(gaugeLate, float64(len(r.Late)))
	p := r.PRT
	if p == nil {
		return
	}
	c.set(gaugePRTs, float64(p.Received))
	c.set(gaugePRTWait, float64(p.Waiting))
	c.set(gaugePRTBytes, float64(p.WaitingBytes))
	for reason, n := range p.Refused {
		c.set(gaugePRTRefuse, float64(n), reason)
	}
}

// queue is who copies off the hosts, and who waits to.
func (c collecting) queue(q status.Queue) {
	c.set(gaugeCopying, float64(q.Copying))
	c.set(gaugeCopyWait, float64(q.Waiting))
	c.set(gaugeCopyLeft, float64(q.Left))
	c.at(gaugeCopySafe, q.Nearest)
}

func (c collecting) site(s status.Site) {
	c.set(gaugeReady, truth(s.Works), s.Site)
	if s.Paused == nil {
		return
	}
	by := "hand"
	if s.Paused.By == status.BySchedule {
		by = "schedule"
	}
	c.set(gaugePaused, 1, s.Site, by)
}

func (c collecting) mailbox(m status.Mailbox) {
	c.set(gaugeConnected, truth(m.Connected), m.Name)
	c.age(gaugeAnswer, m.Answer, m.Name)
	c.age(gaugeTurned, m.Turned, m.Name)
	c.at(gaugeNewest, m.Newest, m.Name)
}

func (c collecting) host(h status.Host) {
	if h.Warm != "off" {
		c.set(gaugeWarm, truth(h.Warm == "up"), h.Name)
	}
	c.set(gaugeBlocked, truth(h.Warm == "blocked"), h.Name)
	c.at(gaugeLogin, h.Login, h.Name)
	if h.ClockMS != nil {
		c.set(gaugeClock, float64(*h.ClockMS)/1000, h.Name)
	}
	c.age(gaugeProof, h.Proven, h.Name)
	c.set(gaugeProven, truth(provenWhole(h)), h.Name)
	for _, f := range h.Families {
		c.at(gaugeRecord, f.Newest, h.Name, f.Name)
		if f.Growth != nil {
			c.set(gaugeStill, f.Growth.StillS, h.Name, f.Name)
		}
		c.set(gaugeDepth, f.DepthS, h.Name, f.Name)
		c.set(gaugeRate, float64(f.PerMin), h.Name, f.Name)
	}
	if h.Ring != nil {
		c.set(gaugeRingDepth, h.Ring.DepthS, h.Name)
		c.set(gaugeRingBytes, float64(h.Ring.Bytes), h.Name)
		c.age(gaugeRingAge, h.Ring.Last, h.Name)
	}
}

func (c collecting) polls(r status.Report) {
	for _, u := range r.CUCM {
		c.set(gaugeCUCMLogin, truth(u.Error != ""), u.Cluster, u.Account)
	}
	for _, l := range r.Polls {
		if l.Partial != nil {
			c.set(gaugePolled, float64(*l.Partial), l.Cluster, l.Node)
		}
		if l.Over != nil {
			c.set(gaugePollLow, float64(*l.Over), l.Cluster, l.Node)
		}
		c.age(gaugePollAge, l.Answer, l.Cluster, l.Node)
		c.set(gaugePollDown, truth(l.Error != ""), l.Cluster, l.Node)
	}
}

// provenWhole reports whether all logs of a host could be had when they were looked at.
func provenWhole(h status.Host) bool {
	ok := !h.Proven.IsZero() && h.ProofError == ""
	for _, f := range h.Families {
		ok = ok && f.Error == ""
	}
	return ok
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
