package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/lab/cucmlab"
	"rtmtgrab/internal/lab/mra"
	"rtmtgrab/internal/wiring"
)

// describedAs is what people wrote about the phones into CUCM.
var describedAs = []string{"Front desk", "Warehouse", "Reception, home", "Sales 1, home", "Sales 2, home", "Night watch"}

// traces are those of the demo's CUCM nodes.
func traces() *mra.SDLConfig { return &mra.SDLConfig{Zone: wiring.ZoneNamed(demoZone)} }

// startCUCM serves the site's CUCM nodes.
func (d *demo) startCUCM(ctx context.Context) (err error) {
	phones := map[string]cucmlab.Phone{}
	for i, device := range d.site.Devices() {
		phones[device] = cucmlab.Phone{Description: describedAs[i%len(describedAs)]}
	}
	d.cucm, err = cucmlab.New(ctx, cucmlab.Config{Site: d.site, Zone: wiring.ZoneNamed(demoZone), Phones: phones})
	return err
}

// cucmYAML is the demo's entry of cucm:.
func (d *demo) cucmYAML() string {
	var nodes strings.Builder
	for _, n := range d.cucm.Nodes() {
		fmt.Fprintf(&nodes, "      - {name: %s, address: %q, aliases: [%s]}\n", n.Name(), n.Addr(), n.FQDN)
	}
	return fmt.Sprintf("cucm:\n  - cluster: StandAloneCluster\n    publisher: %q\n    nodes:\n%s    user: %s\n    password: {file: cucm.secret}\n    ca_file: cucm-ca.pem\n    proxy: none\n    settle: 1s\n",
		d.cucm.Nodes()[0].Addr(), nodes.String(), d.cucm.Account(cucmlab.RoleRealtime).User)
}

// asked is what CUCM was asked, in words.
func (d *demo) asked() string {
	calls := map[cucmlab.Service]int{}
	for _, r := range d.cucm.Requests() {
		calls[r.Service]++
	}
	return fmt.Sprintf("%d times for phones, %d times for lists of logs, %d times for a file", calls[cucmlab.RISPort], calls[cucmlab.LogCollection], calls[cucmlab.GetFile])
}

// names tells the phones that CUCM named, beside what it knows of them.
func (r *Result) names(out io.Writer) error {
	var list evidence.PartialPhones
	err := bundle.ReadFile(context.Background(), r.Bundle, "cucm/partial-phones.json", func(f io.Reader) error { return json.NewDecoder(f).Decode(&list) })
	if err != nil {
		return fmt.Errorf("the names that CUCM told: %w", err)
	}
	for _, c := range list.Clusters {
		for _, p := range c.Phones {
			fmt.Fprintf(out, "names     %s: %s, %q; %s (%s)\n", p.Device, p.LineWords(), p.Description, p.Status, c.State)
		}
	}
	_, err = fmt.Fprintf(out, "cucm      was asked %s\n", r.asked)
	return err
}
