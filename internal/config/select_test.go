package config

import (
	"fmt"
	"strings"
	"testing"
)

// An unknown name is answered by the one that was probably meant, and not by all of a large office.
func TestUnknownName(t *testing.T) {
	c := &Config{}
	for i := range 250 {
		c.Sites = append(c.Sites, Site{Name: fmt.Sprintf("branch-%03d", i)})
	}
	_, _, err := c.Select("brnach-007")
	if err == nil || !strings.Contains(err.Error(), "did you mean branch-007?") || !strings.Contains(err.Error(), "branch-019 and 230 more") {
		t.Error(err)
	}
}
