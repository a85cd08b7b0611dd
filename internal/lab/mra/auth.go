package mra

import (
	"fmt"
	"strings"
	"time"
)

// register sends a REGISTER and, once challenged, the same with credentials. done
// hears the answer to the last of them, if the phone did not start anew meanwhile;
// nil: nobody does.
func (p *phone) register(at time.Time, d *dialog, r register, done func(now time.Time, m *message)) {
	life := p.life
	p.exchange(at, d, r, func(now time.Time, m *message) {
		switch {
		case life != p.life:
		case (m.code == 401 || m.code == 407) && r.auth == "":
			r.auth = p.credentials(d, m)
			p.exchange(now.Add(15*time.Millisecond), d, r, func(now time.Time, m *message) {
				if life == p.life && done != nil {
					done(now, m)
				}
			})
		case done != nil:
			done(now, m)
		}
	})
}

// credentials are the header that answers a challenge.
func (p *phone) credentials(d *dialog, m *message) string {
	uri := "sip:" + d.cucm.name
	switch {
	case m.code == 401:
		return "Authorization: " + digest(p.device, realm, uri, p.nonce)
	case p.cfg.Auth == Bearer:
		return "Proxy-Authorization: Bearer eyJhbGciOiJSUzI1NiJ9." + strings.Repeat(p.mac, 4) + "." + p.hex(32)
	}
	return "Proxy-Authorization: " + digest(p.login(p.device), p.e.Name(), uri, p.nonce)
}

// challengedByCUCM tells whether CUCM wants credentials that the REGISTER lacks.
func (p *phone) challengedByCUCM(r register) bool {
	return r.auth == "" && (r.full && p.cfg.Auth == Digest || !r.second && p.cfg.Auth == DigestAlways)
}

// challengedByE is the header of Expressway-E's challenge, empty if it makes none.
func (p *phone) challengedByE(at time.Time, r register) string {
	switch {
	case at.Before(p.expired) && r.auth != "":
		return `Proxy-Authenticate: Bearer realm="` + p.e.Name() + `", error="invalid_token"`
	case r.auth != "":
		return ""
	case p.cfg.Auth == Bearer:
		return `Proxy-Authenticate: Bearer realm="` + p.e.Name() + `"`
	case p.cfg.Auth == ProxyDigest:
		p.nonce = p.hex(32)
		return fmt.Sprintf(`Proxy-Authenticate: Digest realm="%s", nonce="%s", opaque="AQAAAGU/%s", stale=FALSE, algorithm=MD5, qop="auth"`, p.e.Name(), p.nonce, p.hex(16))
	}
	return ""
}
