package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"rtmtgrab/internal/evidence"
)

const (
	ageKey = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
	pqFile = "pq.txt" // see handedFolder
)

// handed is a file with these lines of handover:, from line 4 on.
func handed(lines string) string { return minimal + "handover:\n" + lines }

var handoverFaultCases = []struct {
	name, text string
	want       []string
}{
	{"nothing of it", handed("- {name: a}\n- {folder: x}\n- {name: A, folder: x, sftp: {address: h, user: u, password: {file: imap.secret}, host_key: x}}\n- {name: CON, folder: ''}\n"), []string{
		"4 handover[0]: no destination: set one of folder, sftp, s3, https, cxd, mail", "5 handover[1].name: required key is missing", "6 handover[2].name: used twice",
		"6 handover[2].sftp: set one of folder and sftp, not both", "6 handover[2].sftp.host_key: not a fingerprint", "7 handover[3].name: reserved", "7 handover[3].folder: the value is empty"}},
	{"conditions", handed("- {name: a, folder: x, sites: [hq, HQ, branch], kinds: [partial, hand, trunk], verdicts: [bad], coverage: []}\n"), []string{
		"4 handover[0].sites[1]: used twice", "4 handover[0].sites[2]: unknown site \"branch\"", "4 handover[0].kinds[2]: unknown kind \"trunk\"", "4 handover[0].verdicts[0]: must be one of partial", "4 handover[0].coverage: the list is empty"}},
	{"form", handed("- {name: a, folder: x, format: rar, mask: all, bandwidth: 1KiB, case: a/b, seal: []}\n"), []string{
		"4 handover[0].format: must be one of zip, tar.zst, tar.gz", "4 handover[0].mask: must be one of none, credentials, identities", "4 handover[0].bandwidth: at least 16KiB", "4 handover[0].case: not a case number", "4 handover[0].seal: the list is empty"}},
	{"recipients", handed("- {name: a, folder: x, seal: age1nonsense}\n- {name: b, folder: y, seal: [" + ageKey + ", gone.txt]}\n- {name: c, folder: z, seal: [" + ageKey + ", " + pqFile + "]}\n- {name: d, folder: w, seal: 'r-{site}.txt'}\n"), []string{
		"4 handover[0].seal: no recipient", "5 handover[1].seal: gone.txt does not exist", "6 handover[2].seal: post-quantum recipients and others do not mix", "7 handover[3].seal: r-hq.txt does not exist"}},
	{"sftp", handed("- name: a\n  sftp: {address: 'x:y', dir: a/../b}\n- name: b\n  sftp: {address: h, user: u, key: {file: id_ecdsa}, password: {file: imap.secret}, known_hosts: gone}\n"), []string{
		"5 handover[0].sftp: no login", "5 handover[0].sftp.address: must be a number", "5 handover[0].sftp.user: required key is missing", "5 handover[0].sftp.dir: without dots",
		"7 handover[1].sftp.password: not both", "7 handover[1].sftp.known_hosts: gone does not exist"}},
	{"s3", handed("- name: a\n  s3: {endpoint: 's3.example.com', plain: true, bucket: A, prefix: /a, encryption: yes please, access_key: {file: imap.secret}, ca_file: notes.pem}\n- name: b\n  s3: {region: 'a b', kms_key: x, session_token: {file: imap.secret}, proxy: 'ftp://x'}\n"), []string{
		"5 handover[0].s3: set access_key and secret_key, or neither", "5 handover[0].s3.plain: allowed only to loopback", "5 handover[0].s3.bucket: not the name of a bucket", "5 handover[0].s3.prefix: not a prefix", "5 handover[0].s3.encryption: must be one of", "5 handover[0].s3.ca_file: no certificate",
		"7 handover[1].s3.bucket: required key is missing", "7 handover[1].s3.region: not a region", "7 handover[1].s3.kms_key: needs encryption: kms", "7 handover[1].s3.session_token: needs access_key", "7 handover[1].s3.proxy: not a proxy"}},
	{"https", handed("- name: a\n  https: {url: 'http://example.com/', method: PATCH, user: u, bearer: {file: imap.secret}, proxy: 'http://u:p@h:1'}\n- name: b\n  https: {headers: [{name: Host, value: x}, {name: 'X Y', value: ''}, {name: X-A}, {name: x-a, value: x}], url: {file: gone}}\n"), []string{
		"5 handover[0].https: needs user and password", "5 handover[0].https.url: unencrypted", "5 handover[0].https.method: must be one of PUT, POST", "5 handover[0].https.bearer: not both", "5 handover[0].https.proxy: must not be here",
		"7 handover[1].https.headers[0].name: Host is set by the upload itself", "7 handover[1].https.headers[1].name: not the name of a header field", "7 handover[1].https.headers[1].value: empty", "7 handover[1].https.headers[2].value: required key is missing", "7 handover[1].https.headers[3].name: used twice", "7 handover[1].https.url: gone does not exist"}},
	{"cxd", handed("- {name: a, cxd: {}}\n- {name: b, cxd: {token: {file: imap.secret}}}\n- {name: c, cxd: {tokens: gone}}\n- {name: d, cxd: {tokens: ca.pem, token: hunter2}, case: '1'}\n"), []string{
		"4 handover[0].cxd: no token", "5 handover[1].cxd.token: a token is of one case", "6 handover[2].cxd.tokens: gone does not exist", "7 handover[3].cxd.token: must not be here", "7 handover[3].cxd.tokens: not a folder"}},
	{"mail", handed("- {name: a, mail: {to: []}}\n- {name: b, mail: {to: [x], link: 'https://u:p@h/'}}\n"), []string{
		"4 handover[0].mail: add smtp:", "4 handover[0].mail.to: no recipients", "5 handover[1].mail: add smtp:", "5 handover[1].mail.to[0]: not an address", "5 handover[1].mail.link: sent to everybody"}},
}

func handedFolder(t testing.TB) string {
	dir := folder(t)
	put(t, dir, pqFile, "# from age-keygen -pq\n"+pqKey(t)+"\n")
	return dir
}

func TestHandoverFaults(t *testing.T) {
	dir := handedFolder(t)
	for _, c := range handoverFaultCases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(put(t, dir, "grab.yaml", c.text))
			faults, ok := err.(Faults)
			if !ok {
				t.Fatal(err)
			}
			matchFaults(t, faults, c.want)
			if strings.Contains(err.Error(), "hunter2") {
				t.Error("a secret is quoted")
			}
		})
	}
}

func TestHandover(t *testing.T) {
	dir := handedFolder(t)
	put(t, dir, "r-hq.txt", ageKey+"\n")
	cfg, err := Load(put(t, dir, "grab.yaml", handed(`- {name: share, folder: out, seal: ["r-{site}.txt", `+ageKey+`]}
- {name: drop, sites: [HQ], kinds: [Hand], sftp: {address: SFTP.example.com, user: u, password: {file: imap.secret}, jump: [{address: b, user: u, key: {file: id_ecdsa}}]}}
- {name: tac, case: "6123", format: tar.gz, cxd: {token: {file: imap.secret}}}
- {name: mail, mask: none, mail: {to: a@example.com}}
smtp: {server: h, from: a@example.com}
`)))
	if err != nil {
		t.Fatal(err)
	}
	share, drop, tac := cfg.Destination("SHARE"), cfg.Destination("drop"), cfg.Destination("tac")
	if share.Sink() != "folder" || share.Mask != MaskNone || share.Format != "zip" || share.Folder != filepath.Join(dir, "out") {
		t.Errorf("%+v", share)
	}
	if got := share.Recipients("hq"); !slices.Equal(got, []string{filepath.Join(dir, "r-hq.txt"), ageKey}) {
		t.Errorf("%v", got)
	}
	if s := drop.SFTP; drop.Mask != MaskIdentities || s.Address != "sftp.example.com:22" || s.Dir != "." || s.KnownHosts != filepath.Join(dir, "known_hosts") || s.Jump[0].KnownHosts != s.KnownHosts || s.Jump[0].Address != "b:22" {
		t.Errorf("%+v", drop)
	}
	if url, _ := tac.CXD.URL.Read(); tac.Format != "tar.gz" || tac.Mask != MaskIdentities || url != "https://cxd.cisco.com/home/" {
		t.Errorf("%+v, %s", tac, url)
	}
	if m := cfg.Destination("mail"); m.Mask != MaskNone || !slices.Equal(m.Mail.To, []string{"a@example.com"}) {
		t.Errorf("%+v", m)
	}
	if cfg.Destination("none") != nil {
		t.Error("one that is not there")
	}
}

func TestTakes(t *testing.T) {
	all := Conditions{}
	some := Conditions{Sites: []string{"hq"}, Kinds: []string{KindHand, "trunk"}, Verdicts: []string{"partial", "unknown"}, Coverage: []string{"complete"}}
	ok := Finished{Site: "hq", Kind: "trunk", Verdict: "partial", Coverage: evidence.Complete}
	for _, c := range []struct {
		change func(*Finished)
		want   bool
	}{
		{func(b *Finished) {}, true},
		{func(b *Finished) { b.Kind = KindHand }, true},
		{func(b *Finished) { b.Kind = "" }, false},
		{func(b *Finished) { b.Verdict = "" }, true}, // no report is unknown
		{func(b *Finished) { b.Verdict = "healthy" }, false},
		{func(b *Finished) { b.Site = "branch" }, false},
		{func(b *Finished) { b.Coverage = evidence.Lost }, false},
	} {
		b := ok
		c.change(&b)
		if got := some.Takes(b); got != c.want {
			t.Errorf("%+v: %v", b, got)
		}
		if !all.Takes(b) {
			t.Errorf("%+v: no condition is met by all", b)
		}
	}
}

// pqKey is a post-quantum recipient.
func pqKey(t testing.TB) string {
	t.Helper()
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id.Recipient().String()
}

// TestExampleOfHandover: what the example shows of it in comments holds when the comment
// signs are taken away, and shows the defaults.
func TestExampleOfHandover(t *testing.T) {
	dir := folder(t)
	for _, name := range []string{"s3.access", "s3.secret", "s3.token", "intake.secret", "cxd.token", "id_drop"} {
		put(t, dir, name, "x\n")
	}
	put(t, dir, "analysts.txt", ageKey+"\n")
	if err := os.Mkdir(filepath.Join(dir, "cxd"), 0o700); err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(example(t), "/etc/grab/", "")
	first := strings.Index(text, "\n# handover:\n")
	block := text[first : first+strings.Index(text[first:], "\n\n\n")]
	text = strings.Replace(text, block, strings.ReplaceAll(strings.ReplaceAll(block, "\n# ", "\n"), "\n#\n", "\n"), 1)
	cfg, err := Load(put(t, dir, "grab.yaml", text+"smtp: {server: h, from: a@example.com}\n"))
	if err != nil {
		t.Fatalf("%v\n%s", err, block)
	}
	var sinks []string
	for i := range cfg.Handover {
		sinks = append(sinks, cfg.Handover[i].Sink())
	}
	if !slices.Equal(sinks, sinkKeys) {
		t.Errorf("%v", sinks)
	}
	s3, https := cfg.Destination("bucket").S3, cfg.Destination("intake").HTTPS
	bare := mustLoad(t, handed("- {name: a, s3: {bucket: bundles}}\n- {name: b, https: {url: https://h/}}\n"))
	if want := bare.Destination("a").S3; s3.Region != want.Region || s3.Encryption != want.Encryption || s3.PathStyle != want.PathStyle || s3.Plain != want.Plain || https.Method != bare.Destination("b").HTTPS.Method {
		t.Errorf("%+v, default %+v", s3, want)
	}
}
