package checkup

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/collector/notify"
	"rtmtgrab/internal/collector/notify/channel"
	"rtmtgrab/internal/proof"
	"rtmtgrab/internal/smtpout"
)

// notices sends a test notice by every channel, once.
func (c *Checkup) notices(ctx context.Context) {
	key, err := proof.LoadKey(filepath.Join(c.Cfg.Store, "notice.key"), nil)
	if err != nil {
		c.add(Finding{What: "notices", Status: StatusFail, Detail: err.Error(), Hint: "run this as the user that runs grab watch"})
		return
	}
	dispatcher, err := notify.NewDispatcher(c.Cfg, c.Cfg.Store, key, nil, slog.New(slog.NewTextHandler(io.Discard, nil)))
	switch {
	case err != nil:
		c.add(Finding{What: "notices", Status: StatusFail, Detail: err.Error(), Hint: "check smtp: in the configuration"})
	case dispatcher == nil:
		c.add(Finding{What: "notices", Status: StatusWarn, Detail: "no notifications: notify: is not configured", Hint: "docs/notices.md explains it"})
	default:
		errs := dispatcher.Try(ctx, channel.Test(time.Now()))
		for _, name := range dispatcher.Names() {
			f := Finding{What: "notice/" + name, Status: StatusOK, Detail: "test sent"}
			if err := errs[name]; err != nil {
				f.Status, f.Detail, f.Hint = StatusFail, err.Error(), noticeHint(err)
			}
			c.add(f)
		}
	}
}

// noticeHint names the next move for a way of notices that failed.
func noticeHint(err error) string {
	if e, ok := errors.AsType[*smtpout.Error](err); ok {
		return advice.ForSMTP(e)
	}
	return advice.ForWebhook(err)
}
