package main

import (
	"github.com/spf13/cobra"

	"rtmtgrab/internal/app/setup"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/wiring"
)

// answerFlags are the answers given by flags.
func answerFlags(cmd *cobra.Command, f *setup.Answers) {
	preset := config.Default()
	fl := cmd.Flags()
	fl.StringVar(&f.Store, "store", preset.Store, "`folder` for incidents and bundles")
	fl.StringVar(&f.MailServer, "mail-server", "", "IMAP server, `host[:port]`; without it only `grab now` works")
	fl.StringVar(&f.MailTLS, "mail-tls", config.TLSImplicit, "implicit or starttls")
	fl.StringVar(&f.MailUser, "mail-user", "", "`user` of the mailbox")
	mailFlags(cmd, f)
	fl.StringVar(&f.Mailbox, "mailbox", "INBOX", "`folder` of the mailbox")
	fl.StringVar(&f.CAFile, "ca-file", "", "`file` with the CA certificate of the mail server (default the system's)")
	fl.StringVar(&f.Site, "site", "hq", "`name` of the site")
	fl.StringVar(&f.TimeZone, "time-zone", wiring.LocalZone(), "the cluster's time zone, an IANA `name`")
	fl.StringArrayVar(&f.Clusters, "cluster", nil, "CUCM cluster `name` as in the mail's subject; may be repeated (default all clusters)")
	fl.StringArrayVar(&f.Nodes, "node", nil, "CUCM node, `name` or address; may be repeated")
	fl.StringArrayVar(&f.Hosts, "host", nil, "an Expressway as `name,role,address[:port]`, role C or E; may be repeated")
	fl.StringVar(&f.User, "user", preset.SSH.User, "SSH `user`")
	fl.StringVar(&f.KeyFile, "key-file", "", "`file` that holds the private key, mode 0600")
	fl.StringVar(&f.PasswordFile, "password-file", "", "`file` that holds the SSH password, mode 0600, instead of --key-file")
	fl.StringVar(&f.KnownHosts, "known-hosts", "", "`file` for the hosts' keys (default known_hosts beside the configuration)")
	fl.StringVar(&f.LogsDir, "logs-dir", preset.Logs.Dir, "`folder` of the logs on the hosts")
}

func mailFlags(cmd *cobra.Command, f *setup.Answers) {
	fl := cmd.Flags()
	fl.StringVar(&f.MailAuth, "mail-auth", "", "`method` to log in to the mailbox: password, microsoft (OAuth2 for Microsoft 365) or google (OAuth2); default as the server's name says")
	fl.StringVar(&f.MailPasswordFile, "mail-password-file", "", "`file` that holds the mailbox's password, mode 0600")
	fl.StringVar(&f.Tenant, "mail-tenant", "", "microsoft: `tenant` ID or domain")
	fl.StringVar(&f.ClientID, "mail-client-id", "", "OAuth2: `ID` of the application")
	fl.StringVar(&f.ClientSecretFile, "mail-client-secret-file", "", "OAuth2: `file` that holds the client secret, mode 0600")
	fl.StringVar(&f.CertificateFile, "mail-certificate-file", "", "microsoft: PEM `file` with RSA key and certificate, mode 0600, instead of --mail-client-secret-file")
	fl.StringVar(&f.ServiceAccountFile, "mail-service-account-file", "", "google: JSON `file` of the service account, mode 0600")
	fl.StringVar(&f.RefreshingFile, "mail-refresh-token-file", "", "google: `file` that holds a refresh token, mode 0600, instead of --mail-service-account-file")
}
