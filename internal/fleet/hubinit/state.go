package hubinit

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"

	"rtmtgrab/internal/atomicfile"
)

// A State is what a folder of Make holds, as hub.json in it says.
type State struct {
	Servers []Server `json:"servers"`
	Tenants []Tenant `json:"tenants"`
}

// A Tenant is one account.
type Tenant struct {
	Name  string `json:"name"`
	Users []User `json:"users"`
}

// A User is a collector, or Viewer.
type User struct {
	Name    string    `json:"name"`
	Key     string    `json:"key,omitempty"`     // its public key, by which it is known
	Revoked []Revoked `json:"revoked,omitempty"` // keys that it had
}

// A Revoked is a key that is good for nothing any more.
type Revoked struct {
	Key  string `json:"key"`
	Unix int64  `json:"unix"` // since when
}

// Replicas are how many copies of each stream there are to be.
func (s State) Replicas() int {
	if len(s.Servers) >= 3 {
		return 3
	}
	return 1
}

// Tenant finds a tenant; nil: there is none of that name.
func (s State) Tenant(name string) *Tenant {
	for i := range s.Tenants {
		if s.Tenants[i].Name == name {
			return &s.Tenants[i]
		}
	}
	return nil
}

func (t *Tenant) user(name string) *User {
	for i := range t.Users {
		if t.Users[i].Name == name {
			return &t.Users[i]
		}
	}
	return nil
}

// ReadState is what a folder holds.
func ReadState(dir string) (State, error) {
	s, err := loadState(dir)
	if err == nil && len(s.Servers) == 0 {
		err = fmt.Errorf("%s holds no hub: make one with grab hub init", dir)
	}
	return s, err
}

func loadState(dir string) (State, error) {
	s, _, err := atomicfile.JSON[State]{Path: filepath.Join(dir, "hub.json")}.Load()
	return s, err
}

func saveState(dir string, s State) error {
	return atomicfile.JSON[State]{Path: filepath.Join(dir, "hub.json")}.Save(s)
}

// wish adds what is wished to what there is.
func (s *State) wish(w Wish) error {
	if err := s.wishServers(w.Servers, w.KeepPorts); err != nil {
		return err
	}
	if w.Tenant == "" {
		if len(w.Collectors)+len(w.Renew) > 0 {
			return fmt.Errorf("whose collectors are these? name the tenant")
		}
		return nil
	}
	t := s.Tenant(w.Tenant)
	if t == nil {
		s.Tenants = append(s.Tenants, Tenant{Name: w.Tenant})
		t = &s.Tenants[len(s.Tenants)-1]
	}
	for _, c := range append([]string{Viewer}, w.Collectors...) {
		if t.user(c) == nil {
			t.Users = append(t.Users, User{Name: c})
		}
	}
	if slices.Contains(w.Collectors, Viewer) {
		return fmt.Errorf("no collector may be called %q: that is who looks at all of a tenant", Viewer)
	}
	for _, r := range w.Renew {
		if t.user(r) == nil {
			return fmt.Errorf("tenant %s has no collector %q, whose credentials could be made anew", w.Tenant, r)
		}
	}
	var tenants, users []string
	for _, t := range s.Tenants {
		tenants = append(tenants, t.Name)
	}
	for _, u := range t.Users {
		users = append(users, u.Name)
	}
	if err := checkNames("tenant", tenants); err != nil {
		return err
	}
	return checkNames("collector", users)
}

func (s *State) wishServers(wished []Server, keep bool) error {
	had := len(s.Servers)
	for _, w := range wished {
		if err := checkHost(w.Host); err != nil {
			return err
		}
		w.Name = serverName(w)
		i := slices.IndexFunc(s.Servers, func(have Server) bool { return have.Name == w.Name })
		switch {
		case i < 0:
			s.Servers = append(s.Servers, w)
		case !keep:
			s.Servers[i] = w
		}
	}
	switch n := len(s.Servers); {
	case had == 1 && n > 1:
		return fmt.Errorf("this hub has one server, %s, and cannot become one of several, which would begin with nothing: make another hub in a folder of its own, and give collectors its credentials", s.Servers[0].Host)
	case n == 0:
		return fmt.Errorf("name the hub's servers: one or three names, or addresses, under which collectors reach them")
	case n != 1 && n != 3:
		return fmt.Errorf("these are %d servers: a hub has one or three, for with two the loss of either stops both", n)
	}
	return nil
}

// serverName is the server's name as a folder, a log and nats.conf may have it.
func serverName(s Server) string {
	if s.Name != "" {
		return s.Name
	}
	return strings.Map(func(r rune) rune {
		if r == ':' || r == '%' {
			return '-'
		}
		return r
	}, strings.ToLower(s.Host))
}

func checkHost(host string) error {
	if net.ParseIP(host) != nil {
		return nil
	}
	if host == "" || len(host) > 253 || strings.Trim(strings.ToLower(host), "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" || strings.HasPrefix(host, "-") || strings.Contains(host, "..") || strings.HasPrefix(host, ".") {
		return fmt.Errorf("%q is neither a host's name nor an address: write hub.example.com", host)
	}
	return nil
}
