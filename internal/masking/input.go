package masking

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rtmtgrab/bundle"
	"rtmtgrab/internal/analysis"
	"rtmtgrab/internal/evidence"
)

// An input is what the masked bundle is made of.
type input struct {
	bundle.Input
	results []*analysis.Result
	lies    map[string]string // where its files of CUCM lie, by their names in it
}

// remove removes the files of the analysis.
func (in *input) remove() {
	for _, r := range in.results {
		r.Remove()
	}
}

// input is the masked bundle, with its report made of what was masked.
func (j *job) input() (*input, error) {
	k, err := j.maskManifest()
	if err != nil {
		return nil, err
	}
	in := &input{lies: map[string]string{}, Input: bundle.Input{Manifest: k.manifest, Zone: zoneOf(k.manifest.TimeZone)}}
	in.Log = func(host, family string) (io.ReadCloser, error) {
		return os.Open(k.logs[bundle.LogName(host, family)].path)
	}
	for _, name := range j.names("alerts/") {
		in.Mails = append(in.Mails, partAt(cmp.Or(k.mails[name], k.mailFile(name, "")), j.made[name].path))
	}
	for _, name := range append(j.names("cucm/"), j.names("diagnostics/")...) {
		to := k.extraName(name)
		in.Extra, in.lies[to] = append(in.Extra, partAt(to, j.made[name].path)), j.made[name].path
	}
	if k.err != nil {
		return nil, k.err
	}
	if err := j.report(k, in); err != nil {
		in.remove()
		return nil, err
	}
	for _, name := range j.names("report/") {
		in.Reports = append(in.Reports, partAt("report/"+k.name(strings.TrimPrefix(name, "report/")), j.made[name].path))
	}
	if in.Key, err = j.ring().Key(); err != nil {
		note(in, "this bundle is not signed; `grab key show` on the collector says why")
	}
	in.MaskReport = j.maskReport(in.Manifest)
	return in, nil
}

// names are the files that were masked below a folder of the bundle, in order.
func (j *job) names(folder string) (names []string) {
	for name := range j.made {
		if strings.HasPrefix(name, folder) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(j.made[a].path), len(j.made[b].path)), cmp.Compare(j.made[a].path, j.made[b].path))
	})
	return names
}

func partAt(name, path string) bundle.Part {
	return bundle.Part{Name: name, Open: func() (io.ReadCloser, error) { return os.Open(path) }}
}

// ours reports whether a file is one that an analysis makes.
func ours(name string) bool {
	switch strings.TrimPrefix(name, "report/") {
	case analysis.PageName, analysis.CSVName, analysis.JSONName, analysis.ExportName:
		return true
	}
	return false
}

// report has the report made, and the packets if the bundle had them. As when a bundle is
// sealed, what goes wrong costs them and never the bundle.
func (j *job) report(k *manifestMasker, in *input) error {
	if err := j.step("report"); err != nil {
		return err
	}
	task := analysis.Job{Manifest: in.Manifest, Scratch: j.work, Path: func(host, family string) string { return k.logs[bundle.LogName(host, family)].path },
		Extra: func(name string) string { return in.lies[name] }}
	res, err := j.Analyst.Report(j.ctx, task)
	in.results = append(in.results, res)
	switch {
	case j.ctx.Err() != nil:
		return j.ctx.Err()
	case err == nil:
		in.Manifest.Registration = res.Registration
		in.addReports(res)
	default:
		in.Manifest.NoReport = k.text(evidence.Printable(err.Error(), 400))
		note(in, "no report on the REGISTER messages: %s; `grab report` on this bundle makes one", in.Manifest.NoReport)
	}
	if !j.src.packets {
		return nil
	}
	res, err = j.Analyst.Export(j.ctx, task)
	in.results = append(in.results, res)
	switch {
	case j.ctx.Err() != nil:
		return j.ctx.Err()
	case err == nil:
		in.addReports(res)
	default:
		note(in, "no report/%s: %s", analysis.ExportName, k.text(err.Error()))
	}
	return nil
}

// addReports adds the files of an analysis.
func (in *input) addReports(res *analysis.Result) {
	for _, name := range res.Files {
		in.Reports = append(in.Reports, partAt("report/"+name, filepath.Join(res.Dir, name)))
	}
}

// note adds a note to the manifest, once.
func note(in *input, format string, args ...any) {
	text := evidence.Printable(fmt.Sprintf(format, args...), 800)
	if !slices.Contains(in.Manifest.Notes, text) {
		in.Manifest.Notes = append(slices.Clone(in.Manifest.Notes), text)
	}
}

func zoneOf(name string) *time.Location {
	if l, err := time.LoadLocation(name); err == nil {
		return l
	}
	return time.UTC
}
