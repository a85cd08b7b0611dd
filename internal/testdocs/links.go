package testdocs

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

var (
	link    = regexp.MustCompile(`\]\(([^()\s]+(?:\([^()\s]*\))?)\)`)
	heading = regexp.MustCompile(`^#{1,6} +(.*?) *#*$`)
	mark    = regexp.MustCompile(`[^\p{L}\p{N}_\- ]`)
	linked  = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// Links are where the links and pictures of a document lead.
func (d Document) Links() (list []Line) {
	for _, l := range d.Prose {
		for _, m := range link.FindAllStringSubmatch(span.ReplaceAllString(l.Text, "code"), -1) {
			list = append(list, Line{l.No, m[1]})
		}
	}
	return list
}

// Anchors are the names of its headings, as GitHub makes them.
func (d Document) Anchors() map[string]bool {
	names := map[string]bool{}
	for _, l := range d.Prose {
		m := heading.FindStringSubmatch(l.Text)
		if m == nil {
			continue
		}
		name := strings.ToLower(strings.ReplaceAll(linked.ReplaceAllString(m[1], "$1"), "`", ""))
		name = strings.ReplaceAll(mark.ReplaceAllString(name, ""), " ", "-")
		free := name
		for n := 1; names[free]; n++ {
			free = fmt.Sprintf("%s-%d", name, n)
		}
		names[free] = true
	}
	return names
}

// DeadLinks are the links among documents that lead to nothing: a file that is not there, or
// no heading of it. What leads out of the repository is not looked at.
func DeadLinks(root string, docs []Document) (dead []string) {
	anchors := map[string]map[string]bool{}
	for _, d := range docs {
		anchors[d.Name] = d.Anchors()
	}
	for _, d := range docs {
		for _, l := range d.Links() {
			if strings.Contains(l.Text, "://") || strings.HasPrefix(l.Text, "mailto:") {
				continue
			}
			file, anchor, anchored := strings.Cut(l.Text, "#")
			to := d.Name
			if file != "" {
				to = path.Join(path.Dir(d.Name), file)
			}
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(to))); err != nil {
				dead = append(dead, fmt.Sprintf("%s:%d: %s: there is no %s", d.Name, l.No, l.Text, to))
			} else if anchored && !anchors[to][anchor] {
				dead = append(dead, fmt.Sprintf("%s:%d: %s: %s has no such heading", d.Name, l.No, l.Text, to))
			}
		}
	}
	return dead
}
