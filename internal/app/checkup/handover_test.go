package checkup

import (
	"strings"
	"testing"

	"rtmtgrab/internal/config"
)

// Of two destinations each of which replaces the other's bundles that is said.
func TestReplacedBundles(t *testing.T) {
	dir := t.TempDir()
	cfg := &config.Config{Handover: []config.Handover{
		{Name: "a", Folder: dir, Seal: []string{"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"}},
		{Name: "b", Folder: dir, Seal: []string{"age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg"}},
		{Name: "c", Folder: t.TempDir()},
	}}
	var got []string
	for _, f := range (trial{cfg: cfg}).all(t.Context()) {
		got = append(got, f.Status)
		if f.Status == StatusWarn && f.Hint == "" {
			t.Errorf("%+v", f)
		}
	}
	if len(got) != 3 || got[0] != StatusWarn || got[1] != StatusWarn || got[2] != StatusOK {
		t.Error(got)
	}
}

// No bundle is said to go where only a mail does.
func TestInWhatForm(t *testing.T) {
	mail := inWhatForm(&config.Handover{Mail: &config.MailSink{}, Format: "zip", Mask: "none"})
	folder := inWhatForm(&config.Handover{Folder: "x", Format: "zip", Mask: "none", Seal: []string{"age1..."}})
	if strings.Contains(mail, "zip") || !strings.Contains(mail, "never the bundle") || folder != "folder can be written to; bundles go as zip, mask none, encrypted" {
		t.Errorf("%q, %q", mail, folder)
	}
}
