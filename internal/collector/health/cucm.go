package health

import (
	"errors"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/cucm"
	"rtmtgrab/internal/ledger"
	"rtmtgrab/internal/redact"
	"rtmtgrab/internal/wiring"
)

// ReportCUCM says with which accounts at CUCM nothing is asked any more, and why.
func ReportCUCM(r *status.Report, cfg *config.Config, clusters *wiring.Clusters) {
	for i := range cfg.CUCM {
		u := &cfg.CUCM[i]
		row := status.CUCM{Cluster: u.Cluster, Account: status.AccountCUCM, Sites: cfg.SitesOfCUCM(u)}
		row.Names = (u.Names || u.Traces) && len(row.Sites) > 0
		cluster, err := clusters.Of(cfg, u)
		if err != nil {
			row.Error, row.Hint = redact.Foreign(err.Error(), 300), "`grab check` says what is amiss"
			r.CUCM = append(r.CUCM, row)
			continue
		}
		r.CUCM = append(r.CUCM, blockedAs(row, cluster.Blocked()))
		if u.Reset.Enabled {
			row.Account, row.Names = status.AccountReset, false
			r.CUCM = append(r.CUCM, blockedAs(row, cluster.ResetBlocked()))
		}
	}
	status.JudgeCUCM(r)
}

// blockedAs is an account's row with what stops it.
func blockedAs(row status.CUCM, err error) status.CUCM {
	if err == nil {
		return row
	}
	row.Error, row.Hint = redact.Foreign(err.Error(), 300), advice.For(err)
	if e, ok := errors.AsType[*cucm.Error](err); ok {
		row.Error = redact.Foreign(e.Err.Error(), 300)
	}
	if b, ok := errors.AsType[*ledger.BlockedError](err); ok {
		row.Blocked, row.Since = true, b.Row.At
	}
	return row
}
