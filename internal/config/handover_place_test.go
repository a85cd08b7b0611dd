package config

import (
	"fmt"
	"slices"
	"testing"
)

// Destinations replace each other's bundles where a bundle can go to both, under one name, and
// be encrypted to others.
func TestReplacedBy(t *testing.T) {
	dir := handedFolder(t)
	cfg, err := Load(put(t, dir, "grab.yaml", handed(`- {name: a, folder: x, seal: [`+ageKey+`]}
- {name: b, folder: ./x, seal: [`+pqFile+`]}
- {name: other-format, folder: x, seal: [`+pqFile+`], format: tar.gz}
- {name: other-mask, folder: x, seal: [`+pqFile+`], mask: identities}
- {name: same, folder: w, seal: [`+pqFile+`]}
- {name: same-too, folder: w, seal: [`+pqFile+`]}
- {name: f, folder: y, seal: [`+pqFile+`]}
- {name: g, folder: y, seal: [`+ageKey+`], coverage: [lost]}
- {name: by-hand, folder: z, kinds: [hand], seal: [`+pqFile+`]}
- {name: of-an-alert, folder: z, kinds: [partial], seal: [`+ageKey+`]}
- {name: j, https: {url: 'https://h/'}, seal: [`+pqFile+`]}
- {name: k, https: {url: 'https://h/'}, seal: [`+ageKey+`]}
- {name: post, https: {url: 'https://h/', method: POST}, seal: [`+ageKey+`]}
`)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range cfg.Handover {
		if other := cfg.Handover[i].ReplacedBy(cfg.Handover); other != "" {
			got = append(got, fmt.Sprint(cfg.Handover[i].Name, " ", other))
		}
	}
	if want := []string{"a b", "b a", "f g", "g f", "j k", "k j"}; !slices.Equal(got, want) {
		t.Errorf("%q, not %q", got, want)
	}
}
