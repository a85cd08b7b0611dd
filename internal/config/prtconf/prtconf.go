// Package prtconf is what the key prt: of the configuration says: where phones' problem
// reports are received, from whom, and how much. It does not know how they are received.
package prtconf

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// DefaultPort is that of a listen address without one.
const DefaultPort = 8480

// What stands for what is not given, and the bounds.
const (
	defaultMax   = 64 << 20
	defaultTotal = 2 << 30
	defaultCount = 500
	defaultKeep  = 7 * 24 * time.Hour

	leastMax  = 1 << 20
	mostMax   = 1 << 30
	mostCount = 100_000
)

// A PRT is a receiver of phones' problem reports.
type PRT struct {
	Listen   string        `yaml:"listen"` // address:port
	TLS      *TLS          `yaml:"tls"`    // nil: HTTP
	Networks []string      `yaml:"networks"`
	Max      int64         `yaml:"max,size"`   // bytes of one report
	Total    int64         `yaml:"total,size"` // bytes of those that wait for an incident
	Count    int           `yaml:"count"`      // of those
	Keep     time.Duration `yaml:"keep"`       // how long they wait
}

// TLS is a server's certificate.
type TLS struct {
	CertFile string `yaml:"cert_file,path"`
	KeyFile  string `yaml:"key_file,path"`
}

// Begin sets what the file does not give.
func (p *PRT) Begin() {
	*p = PRT{Max: defaultMax, Total: defaultTotal, Count: defaultCount, Keep: defaultKeep}
}

// Check tells bad what is wrong, by the key below prt. Certificates are read unless reading is
// no matter of this user.
func (p *PRT) Check(files bool, bad func(key, format string, args ...any)) {
	if len(p.Networks) == 0 {
		bad("networks", "required key is missing: name the networks that reports may come from, such as those of the Expressway-C peers")
	}
	for i, s := range p.Networks {
		if _, err := prefix(s); err != nil {
			bad(fmt.Sprintf("networks[%d]", i), "%q is not a network: write 10.0.30.0/24, or an address", short(s))
		}
	}
	switch {
	case p.Max < leastMax || p.Max > mostMax:
		bad("max", "must be from 1MiB to 1GiB")
	case p.Total < p.Max:
		bad("total", "must be at least max: one report would not fit")
	}
	if p.Count < 1 || p.Count > mostCount {
		bad("count", "must be from 1 to %d", mostCount)
	}
	if p.Keep < time.Hour {
		bad("keep", "must be at least 1h: a report comes up to half an hour before its incident")
	}
	if t := p.TLS; t != nil {
		switch {
		case t.CertFile == "":
			bad("tls.cert_file", "required key is missing")
		case t.KeyFile == "":
			bad("tls.key_file", "required key is missing")
		case files:
			if _, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile); err != nil {
				bad("tls", "the certificate cannot be used: %s", short(err.Error()))
			}
		}
	}
}

// Prefixes are the networks.
func (p *PRT) Prefixes() (list []netip.Prefix) {
	for _, s := range p.Networks {
		if n, err := prefix(s); err == nil {
			list = append(list, n)
		}
	}
	return list
}

func prefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("%q is no address", s)
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	n, err := netip.ParsePrefix(s)
	return n.Masked(), err
}

func short(s string) string {
	if len(s) > 200 {
		s = s[:200] + "..."
	}
	return s
}
