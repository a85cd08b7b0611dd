package cucmlab

import (
	"crypto/rand"
	"net/http"
	"strings"
)

// The cookies that Tomcat sets with each login.
const (
	cookie    = "JSESSIONID"
	cookieSSO = "JSESSIONIDSSO"
)

// sessions are the services that cookies were given for, by the cookie's value.
type sessions map[string]Service

// check is the status with which a request's cookies are answered, 0 if they do no harm: a
// cookie of another service 500, one that is not known (any more) 401.
func (s sessions) check(r *http.Request, service Service) int {
	for _, c := range r.Cookies() {
		if c.Name != cookie && c.Name != cookieSSO {
			continue
		}
		switch of, known := s[c.Value]; {
		case !known:
			return http.StatusUnauthorized
		case of != service:
			return http.StatusInternalServerError
		}
	}
	return 0
}

// give sets cookies for a service on an answer.
func (s sessions) give(h http.Header, service Service, path string) {
	top := "/" + strings.SplitN(strings.TrimPrefix(path, "/"), "/", 2)[0]
	for _, c := range []http.Cookie{{Name: cookie, Path: top}, {Name: cookieSSO, Path: "/"}} {
		c.Value, c.Secure, c.HttpOnly = rand.Text(), true, true
		s[c.Value] = service
		h.Add("Set-Cookie", c.String())
	}
}
