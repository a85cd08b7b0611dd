package smtpout

import (
	"errors"
	"time"

	"rtmtgrab/internal/denied"
)

// refusedRest is how long a password is not sent again that the server refused, if Server.Refused
// remembers it.
const refusedRest = 5 * time.Minute

var errRefusedBefore = errors.New("the password was refused a moment ago, and server, user and password are unchanged since")

// known is by what a refused login is remembered; zero: it is none by a password.
func (s *Server) known(secret string) denied.Login {
	if s.User == "" || s.Token != nil {
		return denied.Login{}
	}
	return denied.LoginOf(s.Addr, s.TLS, s.User, secret)
}

// remember takes down how a login ended.
func (s *Server) remember(secret string, err error) {
	var e *Error
	switch {
	case err == nil:
		s.Refused.Lift(s.known(secret))
	case errors.As(err, &e) && e.LoginRefused():
		s.Refused.Note(s.known(secret), 1)
	}
}
