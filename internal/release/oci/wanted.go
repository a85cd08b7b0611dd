package oci

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// A Release is what is known of it from elsewhere.
type Release struct {
	Version, Revision, Source string
	Created                   string // RFC 3339
}

// user is who grab is in its image, store what it writes.
const (
	user  = 65532
	store = "var/lib/grab"
)

// Faults are what an image has that grab's must not, or lacks.
func (i *Image) Faults(r Release, arch string) (faults []string) {
	say := func(format string, args ...any) { faults = append(faults, arch+": "+fmt.Sprintf(format, args...)) }
	c := i.Config.Config
	if i.Version != r.Version {
		say("the layout calls it %q, want %q", i.Version, r.Version)
	}
	if i.Config.Architecture != arch {
		say("the configuration is for %s", i.Config.Architecture)
	}
	if want := "65532:65532"; c.User != want {
		say("it runs as user %q, want %q", c.User, want)
	}
	if !slices.Equal(c.Entrypoint, []string{"/usr/bin/grab"}) || !slices.Equal(c.Cmd, []string{"watch"}) {
		say("it runs %q %q, want grab watch", c.Entrypoint, c.Cmd)
	}
	if _, found := c.Volumes["/"+store]; !found || len(c.Volumes) != 1 {
		say("its volumes are %v, want the store alone", slices.Sorted(maps.Keys(c.Volumes)))
	}
	if len(c.ExposedPorts) > 0 {
		say("it offers ports %v: grab listens on none by itself", slices.Sorted(maps.Keys(c.ExposedPorts)))
	}
	if !slices.Contains(c.Env, "GRAB_CONFIG=/etc/grab/grab.yaml") {
		say("its environment %q does not name the configuration", c.Env)
	}
	for key, want := range map[string]string{"version": r.Version, "revision": r.Revision, "source": r.Source, "created": r.Created, "licenses": "Apache-2.0", "title": "grab"} {
		if got := c.Labels["org.opencontainers.image."+key]; got != want {
			say("the label %s is %q, want %q", key, got, want)
		}
	}
	slices.Sort(faults)
	return faults
}

// FileFaults are files that are not as they should be: what nobody expects, what is missing, what
// others than root could change, beside the store and /tmp.
func FileFaults(files map[string]File, arch string) (faults []string) {
	wanted := []string{"etc/group", "etc/passwd", "etc/ssl/certs/ca-certificates.crt", "tmp", store, "usr/bin/grab", "usr/share/doc/grab/LICENSE",
		"usr/share/doc/grab/grab.example.yaml", "usr/share/doc/grab/sbom.cdx.json", "usr/share/doc/grab/third-party.txt", "etc/grab"}
	for _, name := range wanted {
		if _, found := files[name]; !found {
			faults = append(faults, arch+": there is no "+name)
		}
	}
	for name, f := range files {
		inTheWay := slices.ContainsFunc(wanted, func(w string) bool { return strings.HasPrefix(w, name+"/") })
		if !inTheWay && !slices.Contains(wanted, name) {
			faults = append(faults, arch+": nobody expects "+name)
		}
		if want := wantedFile(name, f.Mode.IsDir()); f != want {
			faults = append(faults, fmt.Sprintf("%s: %s has mode %v and owner %d, want %v and %d", arch, name, f.Mode, f.Owner, want.Mode, want.Owner))
		}
	}
	slices.Sort(faults)
	return faults
}

func wantedFile(name string, dir bool) File {
	switch {
	case name == store:
		return File{fs.ModeDir | 0o700, user}
	case name == "tmp":
		return File{fs.ModeDir | fs.ModeSticky | 0o777, 0}
	case dir:
		return File{fs.ModeDir | 0o755, 0}
	case name == "usr/bin/grab":
		return File{0o755, 0}
	}
	return File{0o644, 0}
}
