package health

import (
	"errors"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/collector/health/status"
	"rtmtgrab/internal/sshdial"
)

// judgeHost adds what keeps an alert from asking a host; err says why no session
// to it stands. It reports whether there is something.
func judgeHost(r *status.Report, h status.Host, err error) bool {
	if h.Warm == "up" || h.Warm == "off" && err == nil {
		return false
	}
	p := status.Problem{Key: "host/" + h.Name, Since: h.Since, Blocks: true}
	if err != nil {
		p.Hint = advice.For(err)
	}
	e, _ := errors.AsType[*sshdial.Error](err)
	if e == nil {
		e = &sshdial.Error{}
	}
	switch {
	case e.Kind == sshdial.KindHostKeyChanged || e.Kind == sshdial.KindHostKeyUnknown:
		p.Key += "/key"
	case e.Permanent(), e.Kind == sshdial.KindLocal:
		p.Key += "/login"
	case errors.Is(err, hostconn.ErrNoSFTP):
		p.Key += "/sftp"
		p.Hint = "let the account use SFTP, or allow ssh.commands"
	case h.Since.IsZero() || r.Now.Sub(h.Since) < downFor:
		return false
	case h.Banned:
		p.Key += "/ban"
	default:
		p.Key += "/unreachable"
	}
	if p.Hint == "" {
		p.Hint = "see `grab check " + h.Name + "`, and the log of grab watch"
	}
	p.What = h.Error
	if p.What == "" {
		p.What = h.Name + " (" + h.Address + ") is not connected"
	}
	r.Add(p)
	return true
}
