package setup

import (
	"errors"
	"fmt"
	"strings"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
)

// byPassword is the way in by a password; the others are providers of OAuth2.
const byPassword = "password"

// mailAnswers are the ways into a mailbox. Secrets are named by their files.
type mailAnswers struct {
	MailAuth         string // byPassword or a provider; empty: as way says
	MailPasswordFile string

	Tenant, ClientID                   string
	ClientSecretFile, CertificateFile  string
	ServiceAccountFile, RefreshingFile string
}

// A knownServer is a mail server where passwords are no good.
type knownServer struct{ provider, why string }

var knownServers = map[string]knownServer{
	"outlook.office365.com": {config.ProviderMicrosoft, "Microsoft 365 takes no passwords over IMAP"},
	"outlook.office.com":    {config.ProviderMicrosoft, "Microsoft 365 takes no passwords over IMAP"},
	"imap.gmail.com":        {config.ProviderGoogle, "Gmail takes no account passwords over IMAP (app passwords only, where they are allowed)"},
	"imap.googlemail.com":   {config.ProviderGoogle, "Gmail takes no account passwords over IMAP (app passwords only, where they are allowed)"},
}

func (f *Answers) known() knownServer {
	return knownServers[strings.TrimSuffix(advice.ServerHost(strings.TrimSpace(f.MailServer)), ".")]
}

// way is how to log in: as was said, or as follows from what was given, or as the
// server wants it.
func (f *Answers) way() string {
	switch {
	case f.MailAuth != "":
		return f.MailAuth
	case f.MailPasswordFile != "":
		return byPassword
	case f.Tenant != "", f.CertificateFile != "":
		return config.ProviderMicrosoft
	case f.ServiceAccountFile != "", f.RefreshingFile != "":
		return config.ProviderGoogle
	case f.known().provider != "":
		return f.known().provider
	}
	return byPassword
}

// oauth names the flags of OAuth2 that were given.
func (f *Answers) oauth() (flags []string) {
	for _, x := range [][2]string{{f.Tenant, "--mail-tenant"}, {f.ClientID, "--mail-client-id"}, {f.ClientSecretFile, "--mail-client-secret-file"},
		{f.CertificateFile, "--mail-certificate-file"}, {f.ServiceAccountFile, "--mail-service-account-file"}, {f.RefreshingFile, "--mail-refresh-token-file"}} {
		if x[0] != "" {
			flags = append(flags, x[1])
		}
	}
	return flags
}

// mail reports whether anything was said of a mailbox.
func (f *Answers) mail() bool {
	return f.MailServer != "" || f.MailUser != "" || f.MailAuth != "" || f.MailPasswordFile != "" || len(f.oauth()) > 0
}

// missingMail names the flags of a login that are needed and not given.
func (f *Answers) missingMail(need func(given bool, flag string)) {
	switch f.way() {
	case byPassword:
		need(f.MailPasswordFile != "", "--mail-password-file FILE")
	case config.ProviderMicrosoft:
		need(f.Tenant != "", "--mail-tenant TENANT")
		need(f.ClientID != "", "--mail-client-id ID")
		need(f.ClientSecretFile != "" || f.CertificateFile != "", "--mail-client-secret-file FILE or --mail-certificate-file FILE")
	case config.ProviderGoogle:
		if f.ServiceAccountFile == "" && f.RefreshingFile == "" {
			need(false, "--mail-service-account-file FILE or --mail-refresh-token-file FILE")
		}
		if f.RefreshingFile != "" {
			need(f.ClientID != "", "--mail-client-id ID")
			need(f.ClientSecretFile != "", "--mail-client-secret-file FILE")
		}
	}
}

func (f *Answers) checkWay() error {
	switch f.way() {
	case byPassword, config.ProviderMicrosoft, config.ProviderGoogle:
		return nil
	}
	return fmt.Errorf("--mail-auth %q: want password, microsoft or google; other token endpoints are written by hand, see docs/mailbox.md", f.MailAuth)
}

// checkMail finds answers that exclude each other.
func (f *Answers) checkMail() error {
	if err := f.checkWay(); err != nil || !f.mail() {
		return err
	}
	given := f.oauth()
	switch {
	case f.way() == byPassword && len(given) > 0:
		return fmt.Errorf("use a password or %s, not both", strings.Join(given, ", "))
	case f.way() != byPassword && f.MailPasswordFile != "":
		return fmt.Errorf("--mail-auth %s does not go with --mail-password-file", f.way())
	case f.way() == config.ProviderMicrosoft && f.RefreshingFile != "":
		return errors.New("--mail-refresh-token-file is for google: Microsoft's wants scopes of its own, see configs/grab.example.yaml")
	}
	return nil
}

// Doubt is what speaks against the way that was chosen, "" if nothing does.
func (f *Answers) Doubt() string {
	k := f.known()
	if k.provider == "" || f.way() == k.provider {
		return ""
	}
	return fmt.Sprintf("%s: --mail-auth %s is the way at %s, see docs/mailbox.md", k.why, k.provider, advice.ServerHost(f.MailServer))
}
