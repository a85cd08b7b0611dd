package report

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"rtmtgrab/internal/testrace"
	"strings"
	"sync/atomic"
	"testing"
)

const shown = `[...document.querySelectorAll(".phone:not([hidden])")].map(p => p.querySelector("summary b").textContent).join(" ")`

// The page in a real browser: one Chromium for all, for its start takes the longest.
func TestInBrowser(t *testing.T) {
	b := startBrowser(t)
	for i, c := range []struct {
		name string
		test func(*testing.T, *browser)
	}{{"search", testSearch}, {"filter", testFilter}, {"address", testAddress}, {"ladder", testLadder}, {"hostile", testHostile}, {"network", testNetwork},
		{"no script", testNoScript}, {"width", testWidth},
		{"first screen", testFirstScreen}, {"marks", testMarks}, {"statements", testStatements}, {"print", testPrint}, {"group", testGroup}} {
		if testrace.Skips(i, 5) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			c.test(t, b.of(t))
		})
	}
}

// clean fails the test if the browser complained of the page: an exception, or
// something that the policy forbids.
func (t *tab) clean() {
	t.b.t.Helper()
	if bad := append(t.said("Runtime.exceptionThrown"), t.said("Log.entryAdded")...); len(bad) > 0 {
		t.b.t.Errorf("the browser complains: %s", bad)
	}
	for _, r := range t.requests() {
		if !strings.HasPrefix(r, "file:///") || !strings.HasSuffix(r, "/registration.html") {
			t.b.t.Errorf("the page asked for %s", r)
		}
	}
}

func testSearch(t *testing.T, b *browser) {
	w := dropped(2, 12)
	p := b.open(pageOf(t, w), "", 1280, false)
	if got := p.eval(`document.getElementById("found").textContent`); got != "12 phones" {
		t.Errorf("at first %q", got)
	}
	for _, q := range []string{w.r.Phones[7].Device, strings.ToLower(w.r.Phones[7].Device), "7029", "00:eb:d5:d5:d8:cd", "00EB.D5D5.D8CD", w.r.Phones[7].CallIDs[0], "8029 sep", "user007"} {
		p.eval(`document.getElementById("clear").click()`)
		p.until(`document.getElementById("q").value === "" && document.querySelectorAll(".phone[hidden]").length === 0`)
		p.eval(`document.getElementById("q").focus()`)
		p.typeText(q)
		p.until(`document.querySelectorAll(".phone:not([hidden])").length === 1`)
		if got := p.eval(shown); got != w.r.Phones[7].Device {
			t.Errorf("a search for %s shows %s", q, got)
		}
	}
	if got := p.eval(`[...document.querySelectorAll("#plot .lane[data-p]:not([hidden]) b")].map(b => b.textContent).join(" ")`); got != w.r.Phones[7].Device {
		t.Errorf("the picture shows the lanes of %s", got)
	}
	p.typeText(" nobody")
	p.until(`!document.getElementById("none").hidden`)
	p.clean()
}

func testFilter(t *testing.T, b *browser) {
	p := b.open(pageOf(t, fourPhones()), "", 1280, false)
	choose := func(id, value string) {
		p.eval(`(() => { const s = document.getElementById("` + id + `"); s.value = "` + value + `"; s.dispatchEvent(new Event("change")); })()`)
	}
	for _, c := range []struct{ id, value, want string }{
		{"v", "partial", "SEP00EBD5D5D8C6"}, {"v", "registered", "SEP00EBD5D5D8C9"}, {"v", "", "SEP00EBD5D5D8C6 SEP00EBD5D5D8C7 SEP00EBD5D5D8C8 SEP00EBD5D5D8C9"},
		{"k", "late", "SEP00EBD5D5D8C6 SEP00EBD5D5D8C8"}, {"k", "refused", "SEP00EBD5D5D8C7"}, {"k", "full", "SEP00EBD5D5D8C6 SEP00EBD5D5D8C7 SEP00EBD5D5D8C8"},
	} {
		choose(c.id, c.value)
		if got := p.eval(shown); got != c.want {
			t.Errorf("%s=%s shows %s, want %s", c.id, c.value, got, c.want)
		}
	}
	if got := p.eval(`[...document.querySelectorAll(".phone:not([hidden]) .t:not([hidden])")].filter(t => t.dataset.k.split(" ").indexOf("full") < 0).length`); got != "0" {
		t.Errorf("%s transactions of other kinds are shown", got)
	}
	choose("k", "")
	p.click("#a")
	p.until(`document.querySelectorAll(".phone[hidden]").length > 0`)
	if got := p.eval(shown); got != "SEP00EBD5D5D8C6 SEP00EBD5D5D8C7 SEP00EBD5D5D8C8" {
		t.Errorf("affected only shows %s", got)
	}
	p.clean()
}

// A view stands in the address; a link to a phone opens it, filtered or not.
func testAddress(t *testing.T, b *browser) {
	page := pageOf(t, fourPhones())
	p := b.open(page, "v=refused&a=1", 1280, false)
	if got := p.eval(shown); got != "SEP00EBD5D5D8C7" {
		t.Errorf("#v=refused shows %s", got)
	}
	p.click(`#plot a[href="#phone-SEP00EBD5D5D8C7"]`)
	p.until(`document.getElementById("phone-SEP00EBD5D5D8C7").open`)
	p.click(`.groups a[href="#phone-SEP00EBD5D5D8C6"]`)
	p.until(`document.getElementById("phone-SEP00EBD5D5D8C6").open && !document.getElementById("phone-SEP00EBD5D5D8C6").hidden`)
	p.clean()
	p = b.open(page, "phone-SEP00EBD5D5D8C9", 1280, false)
	if got := p.eval(`[...document.querySelectorAll(".phone[open]")].map(p => p.id).join(" ")`); got != "phone-SEP00EBD5D5D8C9" {
		t.Errorf("the address of a phone opens %q", got)
	}
	p.clean()
}

// An arrow opens by mouse and by keyboard, and shows the message and where it is.
func testLadder(t *testing.T, b *browser) {
	w := onePhone()
	p := b.open(pageOf(t, w), "", 1280, false)
	const arrow = ".t.key .h.a23"
	if got := p.eval(`document.querySelector("` + arrow + ` pre").checkVisibility()`); got != "false" {
		t.Error("a message is shown before its arrow is opened")
	}
	p.click(arrow + " summary")
	p.until(`document.querySelector("` + arrow + `").open`)
	text := p.eval(`document.querySelector("` + arrow + `").innerText`)
	for _, want := range []string{"SIPMSG:", "|REGISTER sip:cucm01.example.com SIP/2.0", `<bulkregisterreq><contact all="true">`, "Authorization: Digest [masked in this page]", "expc01 network_log.txt byte "} {
		if !strings.Contains(text, want) {
			t.Errorf("the opened arrow lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "SECRET") {
		t.Error("the opened arrow shows a credential")
	}
	p.eval(`document.querySelector("` + arrow + ` summary").focus()`)
	p.key("Enter", 13)
	p.until(`!document.querySelector("` + arrow + `").open`)
	p.click("#shut")
	p.until(`document.querySelectorAll(".phone[open]").length === 0`)
	p.click("#open")
	p.until(`document.querySelectorAll(".phone[open]").length === 1`)
	p.clean()
}

// What a log says stays text: it makes no element and runs nothing.
func testHostile(t *testing.T, b *browser) {
	p := b.open(pageOf(t, hostileWorld()), "", 1280, false)
	if got := p.eval(`document.title`); got != "Partially registered: registration report" && got != "Healthy: registration report" {
		t.Errorf("the title is %q", got)
	}
	if got := p.eval(`[document.scripts.length, document.images.length, document.querySelectorAll("style").length, document.body.lastElementChild.tagName].join(" ")`); got != "1 0 1 SCRIPT" {
		t.Errorf("scripts, images, styles, last element: %s", got)
	}
	if got := p.eval(`[...document.querySelectorAll("pre")].filter(e => e.textContent.includes("<script>document.title='pwned'</script>")).length > 0`); got != "true" {
		t.Error("the text of a record is not shown as it is")
	}
	if got := p.eval(`/[\u202a-\u202e\u0000]/.test(document.documentElement.outerHTML)`); got != "false" {
		t.Error("signs that turn the text around are in the page")
	}
	p.click("#q")
	p.typeText("<script>")
	p.until(`location.hash.includes("q=")`)
	if got := p.eval(`document.querySelectorAll(".phone:not([hidden])").length`); got != "2" {
		t.Errorf("a search for <script> shows %s phones", got)
	}
	p.clean()
}

// Nothing is fetched, and the policy would not let anything be.
func testNetwork(t *testing.T, b *browser) {
	var asked atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer s.Close()
	p := b.open(pageOf(t, fourPhones()), "", 1280, false)
	p.clean()
	address, _ := json.Marshal(s.URL)
	if got := p.eval(`fetch(` + string(address) + `).then(() => "fetched", () => "refused")`); got != "refused" {
		t.Errorf("the page could fetch: %s", got)
	}
	if got := p.eval(`new Promise(r => { const i = new Image(); i.onload = () => r("loaded"); i.onerror = () => r("refused"); i.src = ` + string(address) + `; document.body.append(i); })`); got != "refused" {
		t.Errorf("an image: %s", got)
	}
	if got := p.eval(`(() => { const s = document.createElement("script"); s.textContent = "document.title = 'pwned'"; document.body.append(s); return document.title; })()`); strings.Contains(got, "pwned") {
		t.Error("a script that was put into the page ran")
	}
	if asked.Load() > 0 {
		t.Error("the server was asked")
	}
}

// Without scripts the page opens and closes as well; only the search is missing.
func testNoScript(t *testing.T, b *browser) {
	page := bytes.Replace(pageOf(t, fourPhones()), []byte("<script>"), []byte(`<script type="text/plain">`), 1)
	p := b.open(page, "", 1280, false)
	if got := p.eval(`document.getElementById("search").checkVisibility()`); got != "false" {
		t.Error("a search that cannot work is shown")
	}
	p.click(".phone summary")
	p.until(`document.querySelector(".phone").open`)
	p.click(".phone .h summary")
	p.until(`document.querySelector(".phone .h pre").checkVisibility()`)
}

// No page is wider than its window, in no state.
func testWidth(t *testing.T, b *browser) {
	narrow := newWorld()
	narrow.ticks = 0
	for i := range maxQuiet {
		narrow.healthy(i)
	}
	for _, c := range []struct {
		name  string
		w     *world
		width int
	}{{"lanes", narrow, 800}, {"groups", mixedDay(), 800}, {"400", dropped(400, 400), 800}, {"hostile", hostileWorld(), 1280}, {"hostile", hostileWorld(), 800}, {"info", infoOnly(2), 800}} {
		p := b.open(pageOf(t, c.w), "", c.width, c.width == 800)
		p.eval(`document.querySelectorAll(".phone").forEach((d, i) => { if (i < 3) d.querySelectorAll("details").forEach(e => e.open = d.open = true); })`)
		if got := p.eval(`document.documentElement.scrollWidth <= innerWidth`); got != "true" {
			t.Errorf("%s at %d pixels: the page is %s wide", c.name, c.width, p.eval(`document.documentElement.scrollWidth`))
		}
		p.clean()
	}
}
