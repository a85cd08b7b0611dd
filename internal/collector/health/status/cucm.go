package status

import "time"

// CUCM is an account at a cluster that is asked for names, traces, counters or resets.
type CUCM struct {
	Cluster string    `json:"cluster"`
	Account string    `json:"account"` // "cucm", or "reset" for that alone
	Blocked bool      `json:"login_blocked"`
	Since   time.Time `json:"blocked_since,omitzero"` // the refusal
	Error   string    `json:"error,omitempty"`        // why no login is made

	Names bool     `json:"-"` // an alert gets names or traces by it
	Hint  string   `json:"-"`
	Sites []string `json:"-"`
}

// AccountReset is CUCM.Account of resets; the other one is AccountCUCM.
const (
	AccountCUCM  = "cucm"
	AccountReset = "reset"
)

// JudgeCUCM adds the accounts with which nothing is asked any more. Without names and traces
// an alert loses what CUCM knows of it, so that blocks; the account for resets does not.
func JudgeCUCM(r *Report) {
	for _, u := range r.CUCM {
		p := Problem{Key: "cucm/" + label(u.Cluster) + "/login", Since: u.Since, Sites: u.Sites, Blocks: u.Names, Hint: u.Hint}
		what := "CUCM cluster " + u.Cluster + " is asked nothing: "
		if u.Account == AccountReset {
			p.Key = "cucm/" + label(u.Cluster) + "/reset"
			what = "no phone of CUCM cluster " + u.Cluster + " can be reset: "
		}
		switch {
		case u.Blocked:
			p.What = what + "a login was refused, and none is tried again, for CUCM locks the account: " + u.Error
		case u.Error != "":
			p.What = what + "no login can be made: " + u.Error
		default:
			continue
		}
		r.Add(p)
	}
}

// accounts writes those that nothing is asked with.
func writeAccounts(w *writer, list []CUCM) {
	said := false
	for _, u := range list {
		if u.Error == "" {
			continue
		}
		if !said {
			w.line("\nlogins to CUCM")
			said = true
		}
		since := ""
		if !u.Since.IsZero() {
			since = " since " + w.when(u.Since)
		}
		account := ""
		if u.Account == AccountReset {
			account = ", for resets"
		}
		w.line("  %s%s: grab logs in no more%s: %s", u.Cluster, account, since, u.Error)
	}
}
