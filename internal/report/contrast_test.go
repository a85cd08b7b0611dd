package report

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// colours are a scheme's variables, as luminances.
func colours(t *testing.T, css string) map[string]float64 {
	out := map[string]float64{}
	for _, m := range regexp.MustCompile(`--([a-z-]+):#([0-9a-f]{3,6})\b`).FindAllStringSubmatch(css, -1) {
		out[m[1]] = luminance(t, m[2])
	}
	return out
}

// Text of every colour can be read on its ground, and every mark and band be seen, in
// the light, in the dark and on paper (WCAG 2: 4.5 for text, 3 for what is no text).
func TestContrast(t *testing.T) {
	light, rest, _ := strings.Cut(pageStyle, "@media (prefers-color-scheme:dark)")
	dark, rest, _ := strings.Cut(rest, "*{box")
	_, print, _ := strings.Cut(rest, "@media print")
	print, _, _ = strings.Cut(print, "body{")
	text := [][2]string{{"ink", "bg"}, {"soft", "bg"}, {"ink", "faint"}, {"soft", "faint"}, {"link", "bg"}, {"bad", "bg"}, {"warn", "bg"}, {"good", "bg"},
		{"full", "bg"}, {"full", "faint"}, {"bad", "bad-bg"}, {"warn", "warn-bg"}, {"good", "good-bg"}}
	marks := [][2]string{{"wait", "bg"}, {"late", "bg"}, {"lost", "bg"}, {"part", "bg"}, {"axis", "bg"}, {"soft", "bg"}, {"wait", "faint"}, {"late", "faint"}, {"lost", "faint"}, {"part", "faint"}, {"bad", "faint"}}
	for name, css := range map[string]string{"light": light, "dark": dark, "print": print} {
		all := colours(t, css)
		check := func(pairs [][2]string, least float64) {
			for _, pair := range pairs {
				a, okA := all[pair[0]]
				b, okB := all[pair[1]]
				if c := (max(a, b) + 0.05) / (min(a, b) + 0.05); !okA || !okB || c < least {
					t.Errorf("%s: %s on %s has a contrast of %.1f, want %.1f", name, pair[0], pair[1], c, least)
				}
			}
		}
		check(text, 4.5)
		check(marks, 3)
	}
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	part := func(v uint64) float64 {
		c := float64(v&0xff) / 255
		if c <= 0.03928 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*part(n>>16) + 0.7152*part(n>>8) + 0.0722*part(n)
}
