package setup

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
	"unicode"
	"unicode/utf8"
)

// Answers are what a configuration is written from. Paths may be relative to
// the current folder.
type Answers struct {
	Store                                          string
	MailServer, MailTLS, MailUser, Mailbox, CAFile string
	mailAnswers
	Site, TimeZone              string
	Clusters, Nodes             []string
	Hosts                       []string // name,role,address
	User, KeyFile, PasswordFile string
	KnownHosts, LogsDir         string
}

// Missing names the flags that are needed and not given.
func (f *Answers) Missing() []string {
	var out []string
	need := func(given bool, flag string) {
		if !given {
			out = append(out, flag)
		}
	}
	need(len(f.Hosts) > 0, "--host NAME,ROLE,ADDRESS")
	need(f.KeyFile != "" || f.PasswordFile != "", "--key-file FILE or --password-file FILE")
	if f.mail() {
		need(f.MailServer != "", "--mail-server HOST:PORT")
		need(f.MailUser != "", "--mail-user USER")
		f.missingMail(need)
	} else if len(out) > 0 {
		out = append(out, "and for `grab watch` --mail-server HOST:PORT, --mail-user USER, and --mail-password-file FILE or --mail-auth microsoft or google")
	}
	return out
}

func splitList(s string) []string {
	var out []string
	for word := range strings.SplitSeq(s, ",") {
		if word = strings.TrimSpace(word); word != "" {
			out = append(out, word)
		}
	}
	return out
}

// initHost is one --host.
type initHost struct{ Name, Role, Address string }

func parseHost(s string) (initHost, error) {
	parts := strings.Split(s, ",")
	if len(parts) != 3 {
		return initHost{}, fmt.Errorf("--host %q: want name,role,address, such as expc01,C,10.0.30.2:22", s)
	}
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	h := initHost{parts[0], strings.ToUpper(parts[1]), parts[2]}
	if _, _, err := net.SplitHostPort(h.Address); err != nil && net.ParseIP(h.Address) == nil && strings.Contains(h.Address, ":") {
		return h, fmt.Errorf("--host %q: the address is host or host:port, an IPv6 address with a port in brackets", s)
	}
	return h, nil
}

//go:embed init.yaml.tmpl
var initTemplate string

// Render is the text of the configuration. Every value is quoted, so that it
// comes back as it was given.
func (f *Answers) Render() ([]byte, error) {
	data := struct {
		Answers
		Mail  bool
		Hosts []initHost
	}{Answers: *f, Mail: f.mail()}
	if err := f.checkMail(); err != nil {
		return nil, err
	}
	data.MailAuth = f.way()
	if f.KeyFile != "" && f.PasswordFile != "" {
		return nil, errors.New("set --key-file or --password-file, not both: a host gets one method and one try")
	}
	for _, s := range f.Hosts {
		h, err := parseHost(s)
		if err != nil {
			return nil, err
		}
		data.Hosts = append(data.Hosts, h)
	}
	for _, p := range []*string{&data.Store, &data.MailPasswordFile, &data.ClientSecretFile, &data.CertificateFile, &data.ServiceAccountFile, &data.RefreshingFile, &data.CAFile, &data.KeyFile, &data.PasswordFile, &data.KnownHosts} {
		if *p == "" {
			continue
		}
		abs, err := filepath.Abs(*p)
		if err != nil {
			return nil, err
		}
		*p = abs
	}
	t, err := template.New("grab.yaml").Funcs(template.FuncMap{"q": quoted, "list": quotedList}).Parse(initTemplate)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		if bad, ok := errors.AsType[unwritable](err); ok {
			return nil, bad
		}
		return nil, err
	}
	return b.Bytes(), nil
}

// unwritable is a value that no configuration can hold.
type unwritable struct{ value string }

func (u unwritable) Error() string {
	return fmt.Sprintf("%q: a value must be UTF-8 without control characters", u.value)
}

// quoted is s as a YAML scalar: Go's quotes and escapes are YAML's too. What cannot be
// seen is escaped, for YAML takes some of it for line ends.
func quoted(s string) (string, error) {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return "", unwritable{s}
	}
	return strconv.Quote(s), nil
}

func quotedList(list []string) (string, error) {
	var out []string
	for _, s := range list {
		q, err := quoted(s)
		if err != nil {
			return "", err
		}
		out = append(out, q)
	}
	return "[" + strings.Join(out, ", ") + "]", nil
}
