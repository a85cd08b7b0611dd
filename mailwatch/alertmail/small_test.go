package alertmail

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/testrace"
)

// Alerts of padded mails are small: none holds its mail.
func TestAlertsAreSmall(t *testing.T) {
	held := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	r := &Reader{}
	before := held()
	n := testrace.Smaller(40, 8)
	var all []evidence.Alert
	for i := range n {
		raw := fmt.Sprintf("Subject: [RTMT-ALERT-c1] PartiallyRegisteredPhone\r\nTo: rtmt%d@example.com\r\nMessage-ID: <%d@x>\r\n\r\n"+
			"At Mon Mar 02 09:14:05 EST 2026 on node cucm%d.example.com, the following PartiallyRegisteredPhone events generated:\r\nSEP0011223344%02X\r\nDeviceName : phone%d\r\n%s",
			i, i, i, i, i, strings.Repeat("padding ", 50<<10))
		a, ok := r.Read([]byte(raw), time.Date(2026, 3, 2, 14, 14, 36, 0, time.UTC))
		if !ok || a.Node != fmt.Sprintf("cucm%d.example.com", i) || len(a.Devices) != 2 || len(a.Recipients) != 1 {
			t.Fatalf("%+v", a)
		}
		all = append(all, a)
	}
	if got := int64(held()) - int64(before); got > int64(n)*8<<10+64<<10 {
		t.Errorf("%d alerts hold %d bytes", len(all), got)
	}
	runtime.KeepAlive(all)
}

// A mail that is all of one field gives no long field.
func TestFieldsAreBounded(t *testing.T) {
	long := strings.Repeat("longer ", 2000)
	word := strings.Repeat("x", 200<<10)
	for _, raw := range []string{
		"Subject: [RTMT-ALERT-" + long + "] PartiallyRegisteredPhone\r\n\r\nClusterID : " + long,
		"Subject: PartiallyRegisteredPhone" + word + "\r\nTo: " + word + "@x.y\r\n\r\nNodeID : " + word,
		"Subject: x\r\n\r\nAt Mon Mar 02 09:14:05 EST 2026 on node " + word + ", the following PartiallyRegisteredPhone" + word + " events\r\nDeviceName : " + word,
	} {
		a, ok := (&Reader{}).Read([]byte(raw), time.Now())
		if !ok {
			t.Fatalf("%.80s: no alert", raw)
		}
		fields := append([]string{a.Name, a.Cluster, a.Node, a.Subject, a.TimeFrom}, append(append(a.Devices, a.Recipients...), a.Notes...)...)
		for _, where := range a.From {
			fields = append(fields, where)
		}
		for _, s := range fields {
			if utf8.RuneCountInString(s) > 1003 {
				t.Errorf("%.80s: a field of %d characters: %.80s", raw, utf8.RuneCountInString(s), s)
			}
		}
	}
}
