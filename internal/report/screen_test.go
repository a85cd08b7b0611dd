package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// boxes is what a page's script gives for the boxes of the first screen.
type boxes struct{ Head, Advice, Lane, Width float64 }

// Who opens the page sees what happened, what to do and the beginning of the picture
// without scrolling.
func testFirstScreen(t *testing.T, b *browser) {
	for name, w := range map[string]*world{"1 phone": onePhone(), "30 of 400": dropped(30, 400), "400 phones": dropped(400, 400), "several groups": mixedDay(), "older": dropped(30, 60).older()} {
		for _, dark := range []bool{false, true} {
			p := b.open(pageOf(t, w), "", 1280, dark)
			var got boxes
			text := p.eval(`(() => { const end = s => document.querySelector(s).getBoundingClientRect().bottom;
				return JSON.stringify({Head: end("h1"), Advice: end(".group .todo"), Lane: end(".block .lane"), Width: document.documentElement.scrollWidth}); })()`)
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				t.Fatal(err)
			}
			if got.Head > 150 || got.Advice > 300 || got.Advice < got.Head || got.Lane > 800 || got.Lane < got.Advice || got.Width > 1280 {
				t.Errorf("%s: headline, advice and first lane end at %+v", name, got)
			}
			p.clean()
		}
	}
}

// Marks of a lane do not touch, at no width, and none is drawn twice.
func testMarks(t *testing.T, b *browser) {
	busy := dropped(30, 400)
	for i := range 40 { // a storm of REGISTERs a second apart
		p := &busy.r.Phones[0]
		busy.register(p, *p.At, "keepalive", uint32(400+i), "200 OK", 1)
		p.Transactions[len(p.Transactions)-1].At = p.At.Add(time.Duration(i) * time.Second)
	}
	for name, w := range map[string]*world{"late": onePhone(), "four": fourPhones(), "dropped": busy, "older": onePhone().older()} {
		for _, width := range []int{1280, 800} {
			p := b.open(pageOf(t, w), "", width, false)
			got := p.eval(`[...document.querySelectorAll("#plot .lane svg")].map(s => {
				const xs = [...s.querySelectorAll("use")].map(u => u.x.baseVal.value).sort((a, b) => a - b);
				return Math.min(...xs.slice(1).map((x, i) => x - xs[i]), 1000); }).reduce((a, b) => Math.min(a, b), 1000)`)
			var least float64
			if err := json.Unmarshal([]byte(got), &least); err != nil || least < 9.5 {
				t.Errorf("%s at %d pixels: two marks are %s pixels apart", name, width, got)
			}
			if got := p.eval(`[...document.querySelectorAll(".legend li")].filter(l => { const s = l.querySelector("svg").getBoundingClientRect(), r = document.createRange();
				r.selectNodeContents(l.lastChild); const x = r.getBoundingClientRect(); return Math.abs((s.top + s.bottom) - (x.top + x.bottom)) > 4 || l.getBoundingClientRect().height > 22; }).length`); got != "0" {
				t.Errorf("%s at %d pixels: %s signs of the legend are not on the line of their text", name, width, got)
			}
		}
	}
}

// A phone's section has its statements, each with one confidence, and no other one.
func testStatements(t *testing.T, b *browser) {
	for name, w := range map[string]*world{"late": onePhone(), "four": fourPhones(), "dropped": dropped(5, 9), "older": dropped(5, 9).older()} {
		p := b.open(pageOf(t, w), "", 1280, false)
		if got := p.eval(`[...document.querySelectorAll(".claims li")].filter(l => l.querySelectorAll(".sure").length !== 1).length`); got != "0" {
			t.Errorf("%s: %s statements have no or several confidences", name, got)
		}
		if got := p.eval(`document.querySelectorAll(".phone .sure").length - document.querySelectorAll(".phone .claims .sure").length`); got != "0" {
			t.Errorf("%s: %s confidences stand at no statement", name, got)
		}
		if got := p.eval(`[...document.querySelectorAll(".phone")].filter(d => d.dataset.a && d.querySelectorAll(".claims li").length === 0).length`); got != "0" {
			t.Errorf("%s: %s affected phones have no statement", name, got)
		}
	}
}

// On paper nothing is cut off at the side, and what cannot be clicked is not there.
func testPrint(t *testing.T, b *browser) {
	p := b.open(pageOf(t, dropped(30, 60)), "", 800, false)
	p.call("Emulation.setEmulatedMedia", map[string]any{"media": "print"}, nil)
	if got := p.eval(`document.documentElement.scrollWidth <= innerWidth && !document.getElementById("search").checkVisibility()`); got != "true" {
		t.Errorf("printed: %s", got)
	}
	var pdf struct{ Data string }
	p.call("Page.printToPDF", map[string]any{}, &pdf)
	if !strings.HasPrefix(pdf.Data, "JVBERi") { // %PDF
		t.Error("no PDF came")
	}
}

// A group's fold opens and links to its phones.
func testGroup(t *testing.T, b *browser) {
	w := dropped(30, 60)
	page := pageOf(t, w)
	for what, n := range map[string]int{w.r.Groups[0].Advice: 1, "grab export --pcapng sip.pcapng BUNDLE": 1} {
		if got := bytes.Count(page, []byte(strings.ReplaceAll(what, "'", "&#39;"))); got != n {
			t.Errorf("%q is said %d times, want %d", what, got, n)
		}
	}
	if got := bytes.Count(page, []byte("six keep-alives were sent over it in time")); got != 1 {
		t.Errorf("what is said of all phones of the group stands there %d times", got)
	}
	p := b.open(page, "", 1280, false)
	p.click(".group details.who summary")
	p.until(`document.querySelector(".group details.who").open`)
	if got := p.eval(`document.querySelectorAll(".fold tbody tr").length`); got != "30" {
		t.Errorf("%s phones are folded, want 30", got)
	}
	p.click(`.fold tbody tr:nth-child(7) a`)
	p.until(`document.getElementById("phone-` + w.r.Phones[6].Device + `").open`)
	p.click(`#phone-` + w.r.Phones[6].Device + ` .with a`)
	p.until(`location.hash === "#group-1"`)
	p.clean()
}
