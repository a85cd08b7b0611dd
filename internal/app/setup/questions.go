package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/config"
)

func (i *Interview) askStore(context.Context) {
	f := i.Answers
	i.must(&f.Store, "Folder for incidents and bundles", func() error {
		if info, err := os.Stat(f.Store); err == nil && !info.IsDir() {
			return fmt.Errorf("%s is not a folder", f.Store)
		}
		return i.judge("store")()
	})
}

// askMailbox asks for the mailbox, and again as long as it does not work and somebody
// wants to change what he said.
func (i *Interview) askMailbox(ctx context.Context) {
	f := i.Answers
	for again := true; again && !i.over; {
		i.one(&f.MailServer, "IMAP server of the mailbox that RTMT writes to, host:port (empty: none, `grab now` only)", i.judge("mail.server"))
		if f.MailServer == "" {
			f.MailUser, f.mailAnswers = "", mailAnswers{}
			return
		}
		i.must(&f.MailTLS, "Encryption, implicit (port 993) or starttls (port 143)", i.judge("mail.tls"))
		i.one(&f.CAFile, "File with the CA certificate of its server (empty: the system's)", i.judge("mail.ca_file"))
		i.must(&f.MailUser, "User of the mailbox", i.judge("mail.user"))
		i.askMailLogin()
		i.must(&f.Mailbox, "Folder of the mailbox", i.judge("mail.mailbox"))
		again = !i.over && i.Pool != nil && !i.tryMailbox(ctx) && i.yes(true, "Change what you said of the mailbox?")
	}
}

// ways are how a mailbox is logged in to, in the order of their numbers.
var ways = []struct{ name, says string }{
	{byPassword, "with a password"},
	{config.ProviderMicrosoft, "Microsoft 365 (OAuth2)"},
	{config.ProviderGoogle, "Google (OAuth2)"},
}

// askWay asks for one of the ways by its number: who takes the question for that for the
// password is not believed, and what he typed is not repeated.
func (i *Interview) askWay() {
	if i.over {
		return
	}
	f := i.Answers
	if k := f.known(); k.provider != "" {
		fmt.Fprintf(i.Ask.Out, "%s: use %s. docs/mailbox.md has the steps.\n", k.why, k.provider)
	}
	fmt.Fprintln(i.Ask.Out, "How does grab log in to the mailbox?")
	preset := ""
	for n, w := range ways {
		fmt.Fprintf(i.Ask.Out, "  %d  %s\n", n+1, w.says)
		if w.name == f.way() {
			preset = fmt.Sprint(n + 1)
		}
	}
	for !i.over {
		line, ok := i.Ask.Or(preset, "Number")
		i.over = !ok
		for n, w := range ways {
			if ok && (line == fmt.Sprint(n+1) || strings.EqualFold(line, w.name)) {
				f.MailAuth = w.name
				i.save()
				return
			}
		}
		if ok {
			fmt.Fprintln(i.Ask.Out, "answer 1, 2 or 3; a password is asked for next, and not shown")
		}
	}
}

func (i *Interview) askMailLogin() {
	f := i.Answers
	before := f.MailAuth
	if i.askWay(); before != f.MailAuth && before != "" { // what the other way needs does not go with it
		f.mailAnswers = mailAnswers{MailAuth: f.MailAuth}
	}
	file := func(value *string, question, path string, needed bool) {
		ask := i.one
		if needed {
			ask = i.must
		}
		ask(value, question, i.judge(path))
	}
	switch f.MailAuth {
	case byPassword:
		i.askSecret(&f.MailPasswordFile, "Password of the mailbox", "imap", "mail.password")
	case config.ProviderMicrosoft:
		file(&f.Tenant, "Tenant: its ID or its domain", "mail.oauth.tenant", true)
		file(&f.ClientID, "Application (client) ID", "mail.oauth.client_id", true)
		if f.CertificateFile == "" {
			file(&f.ClientSecretFile, "File that holds the client secret (mode 0600; empty: a certificate)", "mail.oauth.client_secret", false)
		}
		if f.ClientSecretFile == "" {
			file(&f.CertificateFile, "PEM file with the RSA key and its certificate (mode 0600)", "mail.oauth.certificate", true)
		}
	case config.ProviderGoogle:
		if f.RefreshingFile == "" {
			file(&f.ServiceAccountFile, "JSON file of the service account (mode 0600; empty: a refresh token)", "mail.oauth.service_account", false)
		}
		if f.ServiceAccountFile == "" {
			file(&f.ClientID, "OAuth client's ID", "mail.oauth.client_id", true)
			file(&f.ClientSecretFile, "File that holds the client's secret (mode 0600)", "mail.oauth.client_secret", true)
			file(&f.RefreshingFile, "File that holds the refresh token (mode 0600)", "mail.oauth.refresh_token", true)
		}
	}
}

// askSecret asks for a secret, hidden, and writes it to a file of its own beside the
// configuration; or for the name of a file that holds it.
func (i *Interview) askSecret(file *string, what, base, path string) {
	for !i.over {
		instead := "a file that holds it"
		if *file != "" {
			instead = "that in " + *file
		}
		typed, ok := i.Ask.Secret("%s, not shown (empty: %s):", what, instead)
		if i.over = !ok; i.over {
			return
		}
		if typed == "" {
			i.must(file, "File that holds it (mode 0600)", i.judge(path))
			return
		}
		name, err := i.writeSecret(base, typed)
		if err == nil {
			*file = name
			i.save()
			fmt.Fprintf(i.Ask.Out, "written: %s, for you alone\n", name)
			return
		}
		fmt.Fprintln(i.Ask.Out, err)
	}
}

// writeSecret writes a secret to a new file, or over one that this interview has written.
func (i *Interview) writeSecret(base, secret string) (string, error) {
	dir := filepath.Dir(i.Path)
	if err := configDir(dir); err != nil {
		return "", err
	}
	name := filepath.Join(dir, base+".secret")
	for n := 2; !i.secret[name]; n++ {
		if _, err := os.Lstat(name); err != nil {
			break
		}
		name = filepath.Join(dir, fmt.Sprintf("%s-%d.secret", base, n))
	}
	i.secret[name] = true
	return name, atomicfile.WriteBytes(name, []byte(secret+"\n"))
}

func (i *Interview) askSite(context.Context) {
	f := i.Answers
	i.must(&f.Site, "Name of the site", i.judge("sites[0].name"))
	i.must(&f.TimeZone, "Time zone of the cluster, such as America/New_York", i.judge("sites[0].time_zone"))
	if len(f.Clusters)+len(f.Nodes) == 0 {
		names := ""
		i.one(&names, "Cluster names as in RTMT's subjects, comma between (empty: all)", func() error {
			f.Clusters = splitList(names)
			return i.judge("sites[0].clusters")()
		})
	}
}

// askLogin asks for the login that all hosts share.
func (i *Interview) askLogin(context.Context) {
	f := i.Answers
	i.must(&f.User, "SSH user", i.judge("ssh.user"))
	if f.PasswordFile == "" {
		i.one(&f.KeyFile, "File that holds the private key, ECDSA or RSA (empty: a password)", func() error {
			if f.KeyFile == "" {
				return nil
			}
			if err := i.judge("ssh.key")(); err != nil {
				return err
			}
			return usableKey(f.KeyFile)
		})
	}
	if f.KeyFile == "" {
		i.askSecret(&f.PasswordFile, "SSH password", "ssh", "ssh.password")
	}
}

// usableKey says why a file is not the private key that a login needs.
func usableKey(file string) error {
	pem, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	_, err = ssh.ParsePrivateKey(pem)
	if _, locked := errors.AsType[*ssh.PassphraseMissingError](err); locked {
		return fmt.Errorf("%s is encrypted: name a key without a passphrase here, or write ssh.passphrase by hand (configs/grab.example.yaml)", file)
	}
	if _, _, _, _, other := ssh.ParseAuthorizedKey(pem); err != nil && other == nil {
		return fmt.Errorf("%s is a public key: the private one is in the file without .pub", file)
	}
	if err != nil {
		return fmt.Errorf("%s is no private key: %w", file, err)
	}
	return nil
}

// askHosts asks for the hosts, and tries each as it is named.
func (i *Interview) askHosts(ctx context.Context) {
	f := i.Answers
	for _, line := range f.Hosts {
		i.tryHost(ctx, line)
	}
	for !i.over {
		line, ok := i.Ask.Ask("An Expressway as name,role,address (such as expc01,C,10.0.30.2:22; empty: no more):")
		if i.over = !ok; i.over || line == "" && len(f.Hosts) > 0 {
			return
		}
		if err := i.addHost(line); err != nil {
			fmt.Fprintln(i.Ask.Out, err)
			continue
		}
		i.save()
		i.tryHost(ctx, line)
	}
}

// addHost adds a host that is right in itself and is none of those before it.
func (i *Interview) addHost(line string) error {
	f := i.Answers
	h, err := parseHost(line)
	if err != nil {
		return err
	}
	for _, other := range f.Hosts {
		switch o, _ := parseHost(other); {
		case strings.EqualFold(o.Name, h.Name):
			return fmt.Errorf("%s is named already: %s", o.Name, other)
		case strings.EqualFold(o.Address, h.Address):
			return fmt.Errorf("%s has that address already: %s", o.Name, other)
		}
	}
	before := f.Hosts
	f.Hosts = append(before[:len(before):len(before)], line)
	if err := i.judge(fmt.Sprintf("sites[0].hosts[%d]", len(before)))(); err != nil {
		f.Hosts = before
		return err
	}
	return nil
}
