package masking

import (
	"regexp"
	"slices"
	"strings"

	"rtmtgrab/internal/evidence"
)

// What came of CUCM is masked as other files of a bundle are; its rows are those of what was
// masked. A phone's problem report cannot be masked: it is left out, and its row with it.

// learnCUCM tells the masker what the manifest knows of CUCM and phones.
func learnCUCM(j *job) {
	for _, c := range j.src.manifest.CUCM {
		j.masker.LearnHost(c.Cluster)
		for _, n := range c.Nodes {
			j.masker.LearnHost(n.Node)
		}
	}
	for _, r := range j.src.manifest.Resets {
		j.masker.LearnHost(r.Cluster)
		for _, name := range people(r.By) {
			j.masker.LearnUser(name)
		}
	}
	for _, d := range j.src.manifest.Diagnostics {
		j.masker.LearnHost(d.Host)
		j.masker.LearnUser(d.By)
	}
	for _, p := range j.src.manifest.PRTs {
		j.masker.LearnHost(p.From)
	}
}

func copyOfCUCM(list []evidence.CUCM) []evidence.CUCM {
	list = slices.Clone(list)
	for i := range list {
		c := &list[i]
		if c.Names != nil {
			names := *c.Names
			c.Names = &names
		}
		c.Nodes = slices.Clone(c.Nodes)
		for n := range c.Nodes {
			c.Nodes[n].Files = slices.Clone(c.Nodes[n].Files)
			for f := range c.Nodes[n].Files {
				c.Nodes[n].Files[f].Sources = slices.Clone(c.Nodes[n].Files[f].Sources)
			}
		}
	}
	return list
}

func copyOfResets(list []evidence.Reset) []evidence.Reset {
	list = slices.Clone(list)
	for i := range list {
		list[i].Lines = slices.Clone(list[i].Lines)
	}
	return list
}

// eachReset visits the phones, numbers and people of resets.
func eachReset(list []evidence.Reset, visit func(*string)) {
	for i := range list {
		visit(&list[i].Device)
		for n := range list[i].Lines {
			visit(&list[i].Lines[n].Number)
		}
	}
}

func eachTextOfCUCM(list []evidence.CUCM, visit func(*string)) {
	for i := range list {
		visit(&list[i].Admin)
		if list[i].Names != nil {
			visit(&list[i].Names.Why)
		}
		for n := range list[i].Nodes {
			visit(&list[i].Nodes[n].Address)
			visit(&list[i].Nodes[n].Error)
		}
	}
}

// cucm masks the rows.
func (k *manifestMasker) cucm() {
	m := &k.manifest
	m.PRTs = nil // left out, and named among what is
	for i := range m.Resets {
		r := &m.Resets[i]
		r.Cluster, r.By, r.Error = k.name(r.Cluster), k.name(r.By), k.text(r.Error)
		if k.identities() {
			r.Why, r.Error, r.PRT, r.State = "", ownWords(r.Error), of(r.PRT, prtForm), of(r.State, resetForm) // a person's own words, and a server's
			for n := range r.Lines {
				r.Lines[n].Status = of(r.Lines[n].Status, statusForm)
			}
		}
		r.Why = k.text(r.Why)
	}
	for i := range m.Diagnostics {
		k.diagnostic(&m.Diagnostics[i])
	}
	for i := range m.CUCM {
		c := &m.CUCM[i]
		c.Cluster = k.name(c.Cluster)
		if c.Names != nil && k.identities() {
			c.Names.Why, c.Names.State = ownWords(c.Names.Why), of(c.Names.State, stateForm)
		}
		for n := range c.Nodes {
			if c.Nodes[n].Node = k.name(c.Nodes[n].Node); k.identities() {
				c.Nodes[n].Error = ownWords(c.Nodes[n].Error)
			}
			for f := range c.Nodes[n].Files {
				k.trace(&c.Nodes[n].Files[f])
			}
		}
	}
}

// diagnostic is an Expressway's own diagnostic log as it was masked, or left out.
func (k *manifestMasker) diagnostic(d *evidence.Diagnostic) {
	d.By, d.Why, d.Named = k.name(d.By), k.text(d.Why), k.name(d.Named)
	if made, there := k.made[d.Path]; there {
		d.Path, d.Bytes, d.SHA256 = k.extraName(d.Path), made.bytes, made.sha256
	} else { // left out
		d.Path, d.Bytes, d.SHA256 = "", 0, ""
	}
	d.Host = k.name(d.Host)
}

var (
	prtForm   = regexp.MustCompile(`^(received|asked|none)$`)
	resetForm = regexp.MustCompile(`^(ordered|failed|taken|back|not_back)$`)
)

// trace is a file of a node as it was masked.
func (k *manifestMasker) trace(f *evidence.File) {
	for i := range f.Sources {
		f.Sources[i].Name, f.Sources[i].SHA256 = k.name(f.Sources[i].Name), ""
	}
	if f.Path == "" {
		return
	}
	made, there := k.made[f.Path]
	if !there { // left out
		f.Path, f.Bytes, f.SHA256 = "", 0, ""
		return
	}
	f.Path, f.Bytes, f.SHA256 = k.extraName(f.Path), made.bytes, made.sha256
}

// extraName is what a file below cucm/ is called in the masked bundle: cucm/<node>/… has the
// node's other name.
func (k *manifestMasker) extraName(name string) string {
	if to, known := k.extra[name]; known {
		return to
	}
	parts := strings.Split(name, "/")
	if host, ending, ok := strings.Cut(parts[len(parts)-1], "."); ok && parts[0] == "diagnostics" {
		parts[1] = k.name(host) + "." + ending
	}
	if len(parts) > 2 {
		parts[1] = k.name(parts[1])
	}
	if len(parts) > 3 {
		parts[3] = k.name(parts[3])
	}
	k.extra[name] = strings.Join(parts, "/")
	return k.extra[name]
}
