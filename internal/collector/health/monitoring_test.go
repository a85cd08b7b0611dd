package health_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

const root = "../../.."

var (
	metricRE = regexp.MustCompile(`\bgrab_[a-z0-9_]+`)
	labelRE  = regexp.MustCompile(`\b([a-z_]+)(?:=~|!~|!=|=)\\?"`)
)

// documented are the metrics of docs/operations.md, which the golden files hold true, with
// the row that has their labels.
func documented(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs/operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "| `grab_") {
			first, _, _ := strings.Cut(line[2:], "|")
			for _, name := range metricRE.FindAllString(first, -1) {
				out[name] = line
			}
		}
	}
	if len(out) < 30 {
		t.Fatalf("only %d metrics are documented", len(out))
	}
	return out
}

// What is shipped for monitoring systems asks for metrics and labels that there are.
func TestShippedQueries(t *testing.T) {
	known := documented(t)
	for name, least := range map[string]int{"prometheus/grab.rules.yaml": 12, "grafana/grab.json": 15, "zabbix/grab.yaml": 9} {
		text, err := os.ReadFile(filepath.Join(root, "configs", name))
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		for line := range strings.Lines(string(text)) {
			if !strings.Contains(line, "expr") && !strings.Contains(line, "parameters:") && !strings.Contains(line, "query") {
				continue
			}
			rows := ""
			for _, m := range metricRE.FindAllString(line, -1) {
				m = strings.TrimSuffix(m, "_bucket")
				if known[m] == "" {
					t.Errorf("%s: there is no metric %s", name, m)
				}
				rows += known[m]
				seen++
			}
			for _, l := range labelRE.FindAllStringSubmatch(line, -1) {
				if own := l[1] == "job" || l[1] == "instance"; rows != "" && !own && !strings.Contains(rows, "`"+l[1]+"`") {
					t.Errorf("%s: %s has no label %s", name, strings.TrimSpace(line), l[1])
				}
			}
		}
		if seen < least {
			t.Errorf("%s: only %d metrics", name, seen)
		}
	}
}

// The files are of their kinds, and no panel stands upon another.
func TestShippedForms(t *testing.T) {
	for _, name := range []string{"prometheus/grab.rules.yaml", "prometheus/grab.rules.test.yaml", "zabbix/grab.yaml"} {
		text, err := os.ReadFile(filepath.Join(root, "configs", name))
		if err != nil {
			t.Fatal(err)
		}
		var doc map[string]any
		if err := yaml.Unmarshal(text, &doc); err != nil || len(doc) == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	text, err := os.ReadFile(filepath.Join(root, "configs/grafana/grab.json"))
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range board.Panels {
		if ids[p.ID] || len(p.Targets) == 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %d, %s: its ID is not its own, or it asks for nothing, or it is too wide", p.ID, p.Title)
		}
		ids[p.ID] = true
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if taken[at] != "" {
					t.Fatalf("%s stands upon %s", p.Title, taken[at])
				}
				taken[at] = p.Title
			}
		}
	}
}
