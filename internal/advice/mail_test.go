package advice

import (
	"fmt"
	"strings"
	"testing"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/oauth"
	"rtmtgrab/mailwatch"
)

// Every cause has words of its own with a place to mend it.
func TestMailCauses(t *testing.T) {
	secret := config.NewSecret("x")
	microsoft := &config.Mail{Server: "outlook.office365.com:993", User: "rtmt@example.com", OAuth: &config.OAuth{Provider: config.ProviderMicrosoft, ClientSecret: secret}}
	google := &config.Mail{Server: "imap.gmail.com:993", User: "rtmt@example.com", OAuth: &config.OAuth{Provider: config.ProviderGoogle, ServiceAccount: secret}}
	custom := &config.Mail{Server: "imap.example.com:993", User: "u", OAuth: &config.OAuth{Provider: config.ProviderCustom, RefreshToken: secret}}
	basic := func(server string) *config.Mail { return &config.Mail{Server: server, User: "u", Password: secret} }
	login := func(text string) error {
		return &mailwatch.StageError{Stage: mailwatch.StageLogin, Refused: true, Err: fmt.Errorf("user u: %s", text)}
	}
	token := func(code, text string) error {
		return &mailwatch.StageError{Stage: mailwatch.StageLogin, Err: fmt.Errorf("access token: %w", &oauth.Error{Endpoint: "h", Status: 400, Code: code, Text: text})}
	}
	seen := map[string]int{}
	for i, c := range []struct {
		m    *config.Mail
		err  error
		want string
	}{
		{microsoft, login("imap: NO AUTHENTICATE failed."), "IMAP.AccessAsApp"},
		{google, login("imap: NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)"), "Domain-wide delegation"},
		{custom, login("imap: NO no"), "mail.oauth.scopes"},
		{microsoft, &mailwatch.StageError{Stage: mailwatch.StageMailbox, Err: fmt.Errorf("imap: BAD User is authenticated but not connected.")}, "FullAccess"},
		{basic("outlook.office365.com:993"), login("imap: NO LOGIN failed."), "basic authentication is switched off"},
		{basic("imap.gmail.com:993"), login("imap: NO Application-specific password required"), "provider: google"},
		{basic("imap.example.com:993"), login("imap: NO no"), "check mail.user and the password file"},
		{microsoft, token("invalid_client", "AADSTS7000215: Invalid client secret provided."), "the client secret is wrong"},
		{microsoft, token("invalid_client", "AADSTS7000222: x"), "has expired: create a new one"},
		{microsoft, token("invalid_client", "AADSTS700027: x"), "the certificate is not the app's"},
		{microsoft, token("unauthorized_client", "AADSTS700016: x"), "no such app"},
		{microsoft, token("invalid_request", "AADSTS90002: x"), "no such tenant"},
		{google, token("unauthorized_client", "Client is unauthorized"), "may not act for this user"},
		{google, token("invalid_grant", "Invalid JWT"), "the service account's key is invalid"},
		{custom, token("invalid_grant", ""), "the refresh token is invalid"},
		{custom, token("invalid_client", ""), "does not know the client"},
		{custom, token("unauthorized_client", ""), "may not use this grant"},
		{custom, token("", ""), "must reach h by https"},
	} {
		hint := ForMail(c.m, c.err)
		if first, ok := seen[hint]; !strings.Contains(hint, c.want) || ok || len(hint) > 900 {
			t.Errorf("%d (like %d): %q lacks %q, or is not its own, or has %d bytes", i, first, hint, c.want, len(hint))
		}
		seen[hint] = i
	}
}
