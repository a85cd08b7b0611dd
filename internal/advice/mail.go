package advice

import (
	"crypto/x509"
	"errors"
	"strings"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/oauth"
	"rtmtgrab/internal/smtpout"
	"rtmtgrab/internal/tlsfault"
	"rtmtgrab/mailwatch"
)

// Where Microsoft's and Google's settings are.
const (
	atEntra    = "entra.microsoft.com > App registrations > the app"
	atConsole  = "admin.google.com > Security > Access and data control > API controls > Domain-wide delegation"
	seeMailbox = " (docs/mailbox.md has the steps)"
)

// mailCause names the cause of a login that mail providers refuse, and where to
// fix it; "" if it is none of those.
func mailCause(m *config.Mail, err error) string {
	if e, ok := errors.AsType[*oauth.Error](err); ok {
		return tokenCause(m, e)
	}
	e, ok := errors.AsType[*mailwatch.StageError](err)
	if !ok {
		return ""
	}
	text := strings.ToLower(err.Error())
	switch {
	case strings.Contains(text, "authenticated but not connected"):
		return "the token is valid, but not for this mailbox: " + notConnected(m)
	case e.Stage != mailwatch.StageLogin:
		return ""
	case strings.Contains(text, "access token"):
		return "no access token: check mail.oauth and the files it names"
	case strings.Contains(text, "neither oauthbearer nor xoauth2"):
		return "check mail.server: outlook.office365.com:993 and imap.gmail.com:993 take tokens; elsewhere use password: instead of oauth:"
	case !e.Refused:
		return ""
	case m.OAuth == nil:
		return passwordCause(m)
	}
	return bearerCause(m)
}

// bearerCause is of a mail server that refuses a token that the token endpoint
// has given.
func bearerCause(m *config.Mail) string {
	switch {
	case m.OAuth.Provider == config.ProviderMicrosoft && m.OAuth.RefreshToken.IsZero():
		return "Exchange refuses the token. In this order: 1. " + atEntra + " > API permissions: Office 365 Exchange Online, application permission IMAP.AccessAsApp, with admin consent granted; " +
			"2. in Exchange Online PowerShell New-ServicePrincipal -AppId CLIENT_ID -ObjectId OBJECT_ID, where the object ID is the one under Enterprise applications, not the one of the app registration; " +
			"3. Add-MailboxPermission -Identity " + m.User + " -User OBJECT_ID -AccessRights FullAccess; 4. mail.user is the mailbox's own address, and IMAP is on for it (Set-CASMailbox -ImapEnabled $true). It may take half an hour" + seeMailbox
	case m.OAuth.Provider == config.ProviderMicrosoft:
		return "Exchange refuses the token: the scope must be https://outlook.office365.com/IMAP.AccessAsUser.All with offline_access, mail.user the one who consented, and IMAP on for the mailbox (Set-CASMailbox -ImapEnabled $true)"
	case m.OAuth.Provider == config.ProviderGoogle:
		return "Gmail refuses the token: the scope must be https://mail.google.com/ (" + atConsole + "), mail.user the mailbox's address, " +
			"and IMAP on (admin.google.com > Apps > Google Workspace > Gmail > End User Access)" + seeMailbox
	}
	return "the mail server refuses the token: check mail.user, and the scopes and audience the server wants (mail.oauth.scopes)"
}

// notConnected is what stands between a good token and Microsoft's mailbox.
func notConnected(m *config.Mail) string {
	return "mail.user must be the address of a mailbox that exists and has a licence, or is shared (" + m.User + "?), and the app needs FullAccess on it: " +
		"Add-MailboxPermission -Identity " + m.User + " -User OBJECT_ID -AccessRights FullAccess, with the object ID of the enterprise application" + seeMailbox
}

// passwordCause is of a password that is refused where passwords may be off.
func passwordCause(m *config.Mail) string {
	switch {
	case strings.HasSuffix(ServerHost(m.Server), ".office365.com"), strings.HasSuffix(ServerHost(m.Server), ".outlook.com"):
		return "Microsoft 365 takes no passwords over IMAP (basic authentication is switched off): use mail.oauth with provider: microsoft" + seeMailbox
	case ServerHost(m.Server) == "imap.gmail.com":
		return "Gmail takes no account passwords over IMAP: use mail.oauth with provider: google" + seeMailbox + ", or an app password"
	}
	return ""
}

func ServerHost(address string) string {
	name, _, _ := strings.Cut(address, ":")
	return strings.ToLower(name)
}

// tokenCause is of a token endpoint that gives no token.
func tokenCause(m *config.Mail, e *oauth.Error) string {
	for _, c := range []struct{ code, hint string }{
		{"AADSTS7000215", "the client secret is wrong: " + atEntra + " > Certificates & secrets; mail.oauth.client_secret wants the secret's Value, not its Secret ID"},
		{"AADSTS7000222", "the client secret has expired: create a new one at " + atEntra + " > Certificates & secrets, and put its Value into the file of mail.oauth.client_secret"},
		{"AADSTS700027", "the certificate is not the app's, or has expired: upload the one of mail.oauth.certificate at " + atEntra + " > Certificates & secrets > Certificates"},
		{"AADSTS700016", "no such app in this tenant: check mail.oauth.client_id (Application (client) ID) and mail.oauth.tenant at " + atEntra + " > Overview"},
		{"AADSTS90002", "no such tenant: check mail.oauth.tenant (Directory (tenant) ID) at entra.microsoft.com > Overview"},
		{"AADSTS900023", "no such tenant: check mail.oauth.tenant (Directory (tenant) ID) at entra.microsoft.com > Overview"},
		{"AADSTS700082", "the refresh token has expired: consent again and put the new one into the file of mail.oauth.refresh_token"},
		{"AADSTS65001", "the admin has not consented: " + atEntra + " > API permissions > Grant admin consent"},
		{"AADSTS1002012", "with client credentials the scope is https://outlook.office365.com/.default: remove mail.oauth.scopes"},
		{"AADSTS70011", "the scope is wrong: remove mail.oauth.scopes"},
	} {
		if aadsts(e.Text, c.code) {
			return c.hint
		}
	}
	google := m.OAuth != nil && m.OAuth.Provider == config.ProviderGoogle
	service := m.OAuth != nil && !m.OAuth.ServiceAccount.IsZero()
	refresh := m.OAuth != nil && !m.OAuth.RefreshToken.IsZero()
	switch {
	case e.Code == "unauthorized_client" && google:
		return "the service account may not act for this user: at " + atConsole + " add its client ID with the scope https://mail.google.com/" + seeMailbox
	case e.Code == "invalid_grant" && google && service:
		return "the service account's key is invalid, mail.user is not a user of the domain, or this machine's clock is wrong: check mail.user, the key at console.cloud.google.com > IAM > Service Accounts > Keys, and the time"
	case e.Code == "invalid_grant" && refresh:
		return "the refresh token is invalid (expired, revoked, or used elsewhere): consent again and put the new one into the file of mail.oauth.refresh_token"
	case e.Code == "invalid_grant":
		return "the token endpoint rejects the grant: check mail.oauth and this machine's clock"
	case e.Code == "invalid_client":
		return "the token endpoint does not know the client, or its secret or certificate is wrong or expired: check mail.oauth.client_id and mail.oauth.client_secret or certificate"
	case e.Code == "unauthorized_client":
		return "the client may not use this grant: allow it where the client is registered"
	case e.Code == "invalid_scope":
		return "the token endpoint does not know the scope: check mail.oauth.scopes"
	case e.Status == 404:
		return "not found: check mail.oauth.tenant and mail.oauth.token_url"
	case e.Code != "":
		return "the token endpoint refuses the request: check mail.oauth"
	}
	if hint := ForTLS(e, "mail.oauth.token_url"); hint != "" {
		return hint
	}
	return "this machine must reach " + e.Endpoint + " by https: check the firewall, the proxy (HTTPS_PROXY), mail.oauth.token_url and mail.oauth.ca_file"
}

// aadsts reports whether a text names this code and not one that begins like it.
func aadsts(text, code string) bool {
	_, after, found := strings.Cut(text, code)
	return found && (after == "" || after[0] < '0' || after[0] > '9')
}

// ForMail names the next move for each stage at which the mailbox can fail.
func ForMail(m *config.Mail, err error) string {
	if hint := mailCause(m, err); hint != "" {
		return hint
	}
	e, ok := errors.AsType[*mailwatch.StageError](err)
	if !ok {
		return "check mail: in the configuration"
	}
	if hint := ForTLS(err, "mail.server"); hint != "" {
		return hint
	}
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	switch {
	case authority:
		return "set mail.ca_file to the CA certificate that signed the server's" + issuedBy(err)
	case tlsfault.Plain(err):
		return "this port does not speak TLS: use mail.tls starttls on 143, implicit on 993"
	}
	switch e.Stage {
	case mailwatch.StageDial:
		return "check mail.server and mail.tls (port 993 is implicit, 143 starttls), the name's address, and the firewall"
	case mailwatch.StageTLS:
		return "check mail.tls (port 993 is implicit, 143 starttls) and the server's certificate (mail.ca_file)"
	case mailwatch.StageLogin:
		return "check mail.user and the password file, then `grab check`; grab tried only once"
	}
	return "check mail.mailbox: use a folder name that the server lists"
}

// ForSMTP names the next move for each stage at which handing a mail in can fail.
func ForSMTP(e *smtpout.Error) string {
	if hint := ForTLS(e, "smtp.server"); hint != "" {
		return hint
	}
	switch e.Stage {
	case smtpout.StageDial:
		return "check smtp.server and smtp.tls (port 465 is implicit, 587 starttls), and the firewall"
	case smtpout.StageTLS:
		return "check smtp.tls (port 465 is implicit, 587 starttls) and the server's certificate (smtp.ca_file)" + issuedBy(e)
	case smtpout.StageLogin:
		return "check smtp.user and the password file; with Microsoft 365, whether SMTP AUTH is allowed for the mailbox"
	}
	return "check smtp.from and the recipients: the server must let this user send from that address"
}
