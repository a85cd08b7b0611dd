package config

import (
	"path/filepath"
	"regexp"
	"runtime"
	"time"

	"rtmtgrab/internal/config/diagconf"
)

const day = 24 * time.Hour

// defaults is what an empty file means. base is the configuration's folder.
func defaults(base string) Config {
	return Config{
		Store:       defaultStore(),
		Alerts:      Alerts{Match: []*regexp.Regexp{regexp.MustCompile(`(?i)Partial(ly)?RegisteredPhones?`)}, Authenticity: Authenticity{Check: "none"}, Limit: 12},
		Window:      Window{Before: 15 * time.Minute, After: 5 * time.Minute, Max: time.Hour},
		Settle:      2 * time.Second,
		Patience:    2 * time.Minute,
		Cooldown:    10 * time.Minute,
		Again:       time.Hour,
		Late:        Late{Quiet: 10 * time.Minute, Apart: 30 * time.Minute},
		SSH:         SSH{Account: Account{User: "root", Login: "auto", KnownHosts: filepath.Join(base, "known_hosts"), Compat: CompatNone}, Commands: true, Warm: true, Compress: "none", Jump: []Jump{}},
		Logs:        Logs{Dir: "/mnt/harddisk/log", Families: []string{"network_log", "messages", "developer_log"}},
		Ring:        Ring{Every: 5 * time.Second, Keep: 30 * time.Minute, MaxSize: 1 << 30},
		Diagnostics: diagconf.Default(),
		Bundle:      Bundle{Format: "zip"},
		Mask:        Mask{Scope: ScopeSite},
		Keep:        Keep{Age: 30 * day},
	}
}

// begin sets what a new element of a list, or a pointer's target, begins as. Hosts begin
// as cfg says.
func begin(v any, cfg *Config) {
	switch v := v.(type) {
	case *Mail:
		*v = Mail{TLS: TLSImplicit, Login: "auto", Mailboxes: []string{"INBOX"}, Poll: time.Minute, CatchUp: time.Hour, MaxAge: day, Mark: "none"}
	case *Jump:
		*v = Jump{Account: Account{Login: "auto", Compat: CompatNone}}
	case *Quiet:
		*v = Quiet{To: day}
	case *SMTP:
		*v = SMTP{TLS: TLSImplicit}
	case *Canary:
		*v = defaultCanary()
	case *Drill:
		*v = defaultDrill()
	case *Notify:
		*v = defaultNotify()
	case *Intake:
		*v = Intake{Skew: 5 * time.Minute}
	case *Webhook:
		*v = Webhook{Template: "json"}
	case *Heartbeat:
		*v = Heartbeat{Every: 25 * time.Hour}
	case *CUCM:
		*v = defaultCUCM()
	case *Host:
		*v = blankHost(cfg)
	case interface{ Begin() }:
		v.Begin()
	default:
		beginHandover(v, cfg)
	}
}

func defaultStore() string {
	if runtime.GOOS == "windows" {
		return filepath.Join(programData(), "grab", "store")
	}
	return "/var/lib/grab"
}

// Begin sets a section, by a pointer to it, to what it is where its keys are left out.
func Begin(section any) {
	cfg := Default()
	begin(section, &cfg)
}

// Default is what holds without any configuration file.
func Default() Config { return defaults(".") }
