package checkup

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/config/secret"
	"rtmtgrab/internal/lab/cucmlab"
)

// cucmConfig is a configuration that asks a cluster.
func cucmConfig(t *testing.T, lab *cucmlab.Cluster, password string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	account := lab.Account(cucmlab.RoleRealtime)
	for name, text := range map[string][]byte{"secret": []byte(password), "ca.pem": lab.CAPEM()} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var nodes strings.Builder
	for _, n := range lab.Nodes() {
		fmt.Fprintf(&nodes, "      - {name: %s, address: %q}\n", n.FQDN, n.Addr())
	}
	text := fmt.Sprintf("store: store\nssh: {password: {file: secret}, known_hosts: ca.pem}\nsites: [{name: hq, clusters: [Main], time_zone: America/New_York, hosts: [{name: c1, address: x}]}]\n"+
		"cucm:\n  - cluster: Main\n    publisher: %q\n    nodes:\n%s    user: %s\n    password: {file: secret}\n    ca_file: ca.pem\n    proxy: none\n    poll: {enabled: true}\n", lab.Nodes()[0].Addr(), nodes.String(), account.User)
	cfg, err := config.Options{}.Parse(filepath.Join(dir, "grab.yaml"), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func pack(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	z.Close()
	return b.Bytes()
}

// sdl is a trace of a node, with or without SIP.
func sdl(sipTrace bool) cucmlab.Fixed {
	now := time.Now()
	text := ""
	for i := range 300 {
		text += fmt.Sprintf("%08d.000 |%s |SdlSig |x\n", i, now.Format("15:04:05.000"))
	}
	if sipTrace {
		text += "00000400.000 |" + now.Format("15:04:05.000") + " |AppInfo  |SIPTcp - wait_SdlReadRsp: Incoming SIP TCP message from 10.0.30.2 on port 29535 index 835 with 60 bytes:\n[7001,NET]\nREGISTER sip:cucm01 SIP/2.0\r\nCall-ID: a\r\nCSeq: 1 REGISTER\r\n\r\n\n" +
			"00000401.000 |" + now.Format("15:04:05.000") + " |SdlSig |x\n"
	}
	return cucmlab.Fixed{"": {cucmlab.FileOf(cucmlab.CallManager, "/var/log/active/cm/trace/ccm/sdl/SDL001_100_000001.txt.gz", now, pack(text))}}
}

// TestCUCM: what may be wrong with a cluster is told apart, each with where it is mended.
func TestCUCM(t *testing.T) {
	for name, c := range map[string]struct {
		change             func(*cucmlab.Faults)
		password           string
		reset, axl         string // the user for resets, and a password that is not his
		quiet              bool   // the trace has no SIP
		dead               bool   // no node answers
		what, status       string
		detail, hint       string
		findings, requests int // at most; 0: any
	}{
		"all well":           {what: "names", status: StatusOK, detail: "no phone is partially registered now"},
		"counter":            {what: "cucm01.example.com/counters", status: StatusOK, detail: "PartiallyRegisteredPhone is 0"},
		"trace":              {what: "cucm02.example.com/trace", status: StatusOK, detail: "has SIP messages"},
		"clock":              {what: "cucm01.example.com/clock", status: StatusOK, detail: "within 5 s"},
		"another clock":      {what: "cucm02.example.com/clock", status: StatusWarn, detail: "1m30s ahead of", hint: "NTP Servers"},
		"trace too low":      {quiet: true, what: "cucm01.example.com/trace", status: StatusWarn, detail: "no SIP message", hint: "Debug Trace Level to Detailed"},
		"401":                {password: "no-quartz-lantern", what: "names", status: StatusFail, detail: "login refused (401)", hint: "Edit Credential", findings: 1, requests: 1},
		"no role":            {change: func(f *cucmlab.Faults) { f.NoRole = []cucmlab.Service{cucmlab.RISPort} }, what: "names", status: StatusFail, detail: "lacks a role (403)", hint: "Standard RealtimeAndTraceCollection"},
		"no role for logs":   {change: func(f *cucmlab.Faults) { f.NoRole = []cucmlab.Service{cucmlab.LogCollection} }, what: "cucm02.example.com/logs", status: StatusFail, detail: "lacks a role (403)", hint: "Access Control Group"},
		"off":                {change: func(f *cucmlab.Faults) { f.Off = []cucmlab.Service{cucmlab.PerfMon} }, what: "cucm01.example.com/counters", status: StatusFail, detail: "not activated (404)", hint: "SOAP - Performance Monitoring APIs"},
		"rate":               {change: func(f *cucmlab.Faults) { f.Rate.RIS = -1 }, what: "names", status: StatusWarn, detail: "rate limit exceeded", hint: "Allowed Device Queries Per Minute"},
		"certificate":        {change: func(f *cucmlab.Faults) { f.Cert = cucmlab.SelfSigned }, what: "names", status: StatusFail, detail: "certificate is not trusted", hint: "Certificate Management > tomcat"},
		"silent node":        {change: func(f *cucmlab.Faults) { f.RIS.Unanswered = []string{"cucm02.example.com"} }, what: "names", status: StatusWarn, detail: "NodeNotResponding", hint: "Cisco RIS Data Collector"},
		"resets":             {reset: "axl", what: "reset", status: StatusOK, detail: "may use AXL; nothing was reset"},
		"resets refused":     {reset: "axl", axl: "no-amber-lantern", what: "reset", status: StatusFail, detail: "login refused (401)", hint: "cucm.reset.user"},
		"no role for resets": {reset: "axl", change: func(f *cucmlab.Faults) { f.NoRole = []cucmlab.Service{cucmlab.AXL} }, what: "reset", status: StatusFail, detail: "lacks a role (403)", hint: "Standard AXL API Access"},
		"AXL off":            {reset: "axl", change: func(f *cucmlab.Faults) { f.Off = []cucmlab.Service{cucmlab.AXL} }, what: "reset", status: StatusFail, detail: "not activated (404)", hint: "Cisco AXL Web Service"},
		"resets, names fail": {reset: "axl", change: func(f *cucmlab.Faults) {
			f.Off = []cucmlab.Service{cucmlab.RISPort, cucmlab.LogCollection, cucmlab.PerfMon}
		}, what: "reset", status: StatusOK, detail: "may use AXL"},
		"unreachable": {dead: true, what: "names", status: StatusFail, detail: "not reachable", hint: "8443"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lab, err := cucmlab.New(t.Context(), cucmlab.Config{Nodes: []string{"cucm01.example.com", "cucm02.example.com"}, Sources: []cucmlab.Source{sdl(!c.quiet)},
				Clocks: map[string]time.Duration{"cucm02.example.com": 90 * time.Second}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { lab.Close() })
			password := c.password
			if password == "" {
				password = lab.Account(cucmlab.RoleRealtime).Password
			}
			cfg := cucmConfig(t, lab, password)
			if c.reset != "" {
				axl := lab.Account(cucmlab.RoleAXL).Password
				cfg.CUCM[0].Reset = config.CUCMReset{Enabled: true, User: c.reset, Password: secret.New(cmp.Or(c.axl, axl))}
			}
			if c.change != nil {
				lab.SetFaults(c.change)
			}
			if c.dead {
				lab.Close()
			}
			found := tryClusters(t.Context(), cfg, 0)
			var f Finding
			for _, one := range found {
				if one.What == "cucm/Main/"+c.what {
					f = one
				}
			}
			if f.Status != c.status || !strings.Contains(f.Detail, c.detail) || !strings.Contains(f.Hint, c.hint) {
				t.Errorf("%+v\nof %+v", f, found)
			}
			if len(lab.Resets()) > 0 {
				t.Errorf("%q were reset", lab.Resets())
			}
			if c.findings > 0 && len(found) != c.findings || c.requests > 0 && len(lab.Requests()) != c.requests {
				t.Errorf("%d findings, %d requests: %+v", len(found), len(lab.Requests()), found)
			}
		})
	}
}
