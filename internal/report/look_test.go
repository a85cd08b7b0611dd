package report

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// With GRAB_SCREENSHOTS=DIR the pictures of docs/ are written there:
//
//	GRAB_SCREENSHOTS=$PWD/docs go test -count 1 -run TestScreenshots ./internal/report
//
// With GRAB_SCREENSHOTS_ALL set as well, further ones, to look at.
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("GRAB_SCREENSHOTS")
	if dir == "" {
		t.Skip("GRAB_SCREENSHOTS names no folder")
	}
	b := startBrowser(t)
	for _, l := range looks() {
		for _, width := range []int{1280, 800} {
			for _, scheme := range []string{"light", "dark"} {
				doc := l.name == "report" || l.doc && width == 1280 && scheme == "light"
				if !doc && os.Getenv("GRAB_SCREENSHOTS_ALL") == "" {
					continue
				}
				p := b.of(t).open(pageOf(t, l.world), "", width, scheme == "dark")
				if l.open != "" {
					p.eval(l.open)
				}
				p.shoot(filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", l.name, width, scheme)))
			}
		}
	}
}

// `make picture`: the first screen of the page GRAB_PICTURE_OF becomes the file GRAB_PICTURE,
// which README.md shows.
func TestPicture(t *testing.T) {
	page, to := os.Getenv("GRAB_PICTURE_OF"), os.Getenv("GRAB_PICTURE")
	if page == "" || to == "" {
		t.Skip("make picture runs it: GRAB_PICTURE_OF and GRAB_PICTURE name no files")
	}
	html, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	startBrowser(t).open(html, "", 1280, false).shoot(to)
	if info, err := os.Stat(to); err != nil || info.Size() > 200<<10 {
		t.Errorf("%v: a picture in README.md is to be smaller than 200 KiB: %v", to, info)
	}
}

// A look is a report that the page is looked at with.
type look struct {
	name  string
	world *world
	doc   bool
	open  string // what is done in the page before
}

func looks() []look {
	return []look{
		{"report", dropped(30, 400), true, ""}, {"report-one", onePhone(), true, ""}, {"report-400", dropped(400, 400), true, ""},
		{"report-phone", onePhone(), true, `document.querySelector(".phone").scrollIntoView()`},
		{"fold", dropped(30, 400), false, `document.querySelectorAll(".group details").forEach(d => d.open = true)`},
		{"member", dropped(30, 400), false, `(() => { const d = document.querySelectorAll(".phone")[3]; d.open = true; d.scrollIntoView(); })()`},
		{"end", dropped(30, 400), false, `document.getElementById("basis").scrollIntoView()`},
		{"four", fourPhones(), false, ""}, {"mixed", mixedDay(), false, ""}, {"info", infoOnly(5), false, ""}, {"nothing", nothingFound(), false, ""},
		{"older", dropped(30, 60).older(), false, ""}, {"olderone", onePhone().older(), false, ""},
	}
}

// shoot writes what the window shows as a picture.
func (t *tab) shoot(name string) {
	t.b.t.Helper()
	var shot struct{ Data string }
	t.call("Page.captureScreenshot", map[string]any{"format": "png"}, &shot)
	data, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		t.b.t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.b.t.Fatal(err)
	}
	var out bytes.Buffer
	e := png.Encoder{CompressionLevel: png.BestCompression}
	if err := e.Encode(&out, paletted(img)); err != nil {
		t.b.t.Fatal(err)
	}
	if err := os.WriteFile(name, out.Bytes(), 0o644); err != nil {
		t.b.t.Fatal(err)
	}
}

// paletted is a picture with 256 colours: of its most frequent ones those that differ,
// the others by the nearest.
func paletted(img image.Image) *image.Paletted {
	n := map[color.RGBA]int{}
	r := img.Bounds()
	at := func(x, y int) color.RGBA { return color.RGBAModel.Convert(img.At(x, y)).(color.RGBA) }
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			n[at(x, y)]++
		}
	}
	var all []color.RGBA
	for c := range n {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b color.RGBA) int {
		return cmp.Or(n[b]-n[a], int(a.R)-int(b.R), int(a.G)-int(b.G), int(a.B)-int(b.B))
	})
	var pal color.Palette
	for _, c := range all {
		if len(pal) < 256 && (len(pal) == 0 || apart(c, pal[pal.Index(c)].(color.RGBA)) > 8) {
			pal = append(pal, c)
		}
	}
	out := image.NewPaletted(r, pal)
	index := map[color.RGBA]uint8{}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			c := at(x, y)
			i, ok := index[c]
			if !ok {
				i = uint8(pal.Index(c))
				index[c] = i
			}
			out.SetColorIndex(x, y, i)
		}
	}
	return out
}

func apart(a, b color.RGBA) int {
	abs := func(n int) int { return max(n, -n) }
	return abs(int(a.R)-int(b.R)) + abs(int(a.G)-int(b.G)) + abs(int(a.B)-int(b.B))
}
