package cucmlab

import (
	"crypto/rand"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// perfObject is the object of a node's call processing.
const perfObject = "Cisco CallManager"

// A counter is one reading.
type counter struct {
	name  string // \\node\object\counter
	value int64
	valid bool
}

// perfSessions are the counters of each, by its handle.
type perfSessions map[string][]string

// started is when a node's CallManager was.
func startedAt(c *Cluster, n *Node) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.truth.since[n.FQDN]
}

// counters are a node's, by name; false: it does not answer.
func countersOf(c *Cluster, n *Node) (map[string]int64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.truth.follow()
	if c.truth.down[n.FQDN] {
		return nil, false
	}
	out := map[string]int64{}
	for _, name := range strings.Fields(otherCounters) {
		h := fnv.New32a()
		fmt.Fprint(h, n.FQDN, name)
		out[name] = int64(h.Sum32() % 40)
	}
	out["CallManagerHeartBeat"] = int64(c.cfg.Now().Sub(c.truth.since[n.FQDN]) / (2 * time.Second))
	out["InitializationState"] = 100
	for _, name := range []string{"PartiallyRegisteredPhone", "AuthenticatedPartiallyRegisteredPhone", "EncryptedPartiallyRegisteredPhones", "RegisteredHardwarePhones", "RegisteredOtherStationDevices", "UnregisteredHardwarePhones", "RejectedHardwarePhones"} {
		out[name] = 0
	}
	for _, r := range c.truth.at(n.FQDN) {
		switch {
		case r.Status == PartiallyRegistered:
			out["PartiallyRegisteredPhone"]++
		case r.Status == Registered && strings.HasPrefix(r.Device, "SEP"):
			out["RegisteredHardwarePhones"]++
		case r.Status == Registered:
			out["RegisteredOtherStationDevices"]++
		case r.Status == UnRegistered:
			out["UnregisteredHardwarePhones"]++
		case r.Status == Rejected:
			out["RejectedHardwarePhones"]++
		}
	}
	return out, true
}

// read is a node's counters as PerfMon tells them, in the order of their names.
func readCounters(q *asking, host, object string) ([]counter, error) {
	n := q.c.node(host)
	if n == nil {
		return nil, fmt.Errorf("host %s is not a node of the cluster", host)
	}
	all, up := countersOf(q.c, n)
	if object != perfObject || !up {
		return nil, fmt.Errorf("object %s does not exist on %s", object, host)
	}
	f := &q.faults.Perf
	var out []counter
	for name, v := range all {
		if other, ok := f.Values[name]; ok {
			v = other
		}
		if slices.Contains(f.Missing, name) {
			continue
		}
		one := counter{name: `\\` + host + `\` + object + `\` + name, value: v, valid: true}
		if slices.Contains(f.Invalid, name) {
			one.value, one.valid = -1, false
		}
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b counter) int { return strings.Compare(a.name, b.name) })
	return out, nil
}

// told are readings as elements of that name.
func told(name string, of []counter) []*element {
	var out []*element
	for _, c := range of {
		status := "1"
		if !c.valid {
			status = "2"
		}
		out = append(out, el(name, value("Name", c.name), value("Value", strconv.FormatInt(c.value, 10)), value("CStatus", status)))
	}
	return out
}

func collectCounters(q *asking) answer {
	if err := q.body.inOrder(nsAST, "Host", "Object"); err != nil {
		return invalid("%v", err)
	}
	host, object := q.body.get("Host"), q.body.get("Object")
	all, err := readCounters(q, host, object)
	if err != nil {
		return soapFault(http.StatusInternalServerError, "Server.generalException", "Perfmon error occurs: "+err.Error())
	}
	a := q.soap(el("perfmonCollectCounterDataResponse", told("perfmonCollectCounterDataReturn", all)...))
	a.item = host
	return a
}

func openSession(q *asking) answer {
	handle := strings.ToLower(rand.Text()[:8] + "-" + rand.Text()[:12])
	q.c.mu.Lock()
	q.c.perfmon[handle] = nil
	q.c.mu.Unlock()
	return q.soap(el("perfmonOpenSessionResponse", value("perfmonOpenSessionReturn", handle)))
}

func addCounter(q *asking) answer {
	if err := q.body.inOrder(nsAST, "SessionHandle", "ArrayOfCounter"); err != nil {
		return invalid("%v", err)
	}
	var names []string
	for _, k := range q.body.kid("ArrayOfCounter").kids {
		if err := k.inOrder(nsAST, "Name"); err != nil {
			return invalid("%v", err)
		}
		names = append(names, k.get("Name"))
	}
	handle := q.body.get("SessionHandle")
	if !withSession(q, handle, func(had []string) []string { return append(slices.Clone(had), names...) }) {
		return noSession(handle)
	}
	return q.soap(el("perfmonAddCounterResponse"))
}

// session changes what a session reads; false: there is none.
func withSession(q *asking, handle string, change func([]string) []string) bool {
	q.c.mu.Lock()
	defer q.c.mu.Unlock()
	had, ok := q.c.perfmon[handle]
	if !ok || q.faults.Perf.Amiss {
		delete(q.c.perfmon, handle)
		return false
	}
	q.c.perfmon[handle] = change(had)
	return true
}

func noSession(handle string) answer {
	return soapFault(http.StatusInternalServerError, "Server.generalException", "Perfmon error occurs. Session handle "+handle+" is not valid")
}

func collectSession(q *asking) answer {
	if err := q.body.inOrder(nsAST, "SessionHandle"); err != nil {
		return invalid("%v", err)
	}
	handle := q.body.get("SessionHandle")
	var names []string
	if !withSession(q, handle, func(had []string) []string { names = had; return had }) {
		return noSession(handle)
	}
	var out []counter
	for _, name := range names {
		out = append(out, oneCounter(q, name))
	}
	return q.soap(el("perfmonCollectSessionDataResponse", told("perfmonCollectSessionDataReturn", out)...))
}

// one is the reading of one counter by its whole name.
func oneCounter(q *asking, name string) counter {
	c := counter{name: name, value: -1}
	part := strings.Split(strings.TrimPrefix(name, `\\`), `\`)
	if len(part) != 3 {
		return c
	}
	all, err := readCounters(q, part[0], part[1])
	if err != nil {
		return c
	}
	if i := slices.IndexFunc(all, func(r counter) bool { return strings.EqualFold(r.name, name) }); i >= 0 {
		c.value, c.valid = all[i].value, all[i].valid
	}
	return c
}

func closeSession(q *asking) answer {
	handle := q.body.get("SessionHandle")
	if !withSession(q, handle, func(had []string) []string { return had }) {
		return noSession(handle)
	}
	q.c.mu.Lock()
	delete(q.c.perfmon, handle)
	q.c.mu.Unlock()
	return q.soap(el("perfmonCloseSessionResponse"))
}

// otherCounters are there, too; their values mean nothing here.
const otherCounters = `AnnunciatorOutOfResources AnnunciatorResourceActive AnnunciatorResourceAvailable AnnunciatorResourceTotal AuthenticatedCallsActive AuthenticatedCallsCompleted
AuthenticatedRegisteredPhones BRIChannelsActive BRISpansInService CallsActive CallsAttempted CallsCompleted CallsInProgress CumulativeAllocatedResourceCannotOpenPort
EncryptedCallsActive EncryptedCallsCompleted EncryptedRegisteredPhones ExternalCallControlEnabledCallsAttempted FXOPortsActive FXOPortsInService FXSPortsActive FXSPortsInService
HuntListsInService HWConferenceActive HWConferenceCompleted HWConferenceOutOfResources HWConferenceResourceActive HWConferenceResourceAvailable HWConferenceResourceTotal IVROutOfResources LocationOutOfResources
MCUConferencesActive MCUConferencesCompleted MOHMulticastResourceActive MOHMulticastResourceAvailable MOHOutOfResources MOHTotalMulticastResources MOHTotalUnicastResources MOHUnicastResourceActive MOHUnicastResourceAvailable
MTPOutOfResources MTPRequestsThrottled MTPResourceActive MTPResourceAvailable MTPResourceTotal PRIChannelsActive PRISpansInService RegisteredAnalogAccess RegisteredMGCPGateway
SIPLineServerAuthorizationChallenges SIPLineServerAuthorizationFailures SIPTrunkApplicationAuthorizations SIPTrunkAuthorization SWConferenceActive SWConferenceCompleted SWConferenceOutOfResources SWConferenceResourceActive
SWConferenceResourceAvailable SWConferenceResourceTotal SystemCallsAttempted T1ChannelsActive T1SpansInService TLSConnectedSIPTrunks TLSConnectedWSM TranscoderOutOfResources TranscoderRequestsThrottled
TranscoderResourceActive TranscoderResourceAvailable TranscoderResourceTotal VCBConferencesActive VCBConferencesAvailable VCBConferencesCompleted VCBConferencesTotal VCBOutOfConferences VCBOutOfResources
VCBResourceActive VCBResourceAvailable VCBResourceTotal VideoCallsActive VideoCallsCompleted VideoOutOfResources XCODE_RequestsThrottled`
