package checkup

import (
	"fmt"
	"strings"
	"testing"
)

// One warning for twelve logs of four hosts, whatever each of them keeps; what failed stands
// at the end once more.
func TestPrinterFolds(t *testing.T) {
	var out strings.Builder
	p := &Printer{Out: &out}
	var all []Finding
	for i, host := range []string{"expc01", "expc02", "expe01", "expe02"} {
		all = append(all, Finding{Host: host, What: "login", Status: StatusOK, Detail: "as root"})
		for j, family := range []string{"network_log", "messages", "developer_log"} {
			n := int64(5 + i + j)
			all = append(all, Finding{Host: host, What: family, Status: StatusWarn, Detail: fmt.Sprintf("3 files, reaches back %d min", n), Hint: "an alert needs 20 min", KeepsS: 60 * n})
		}
		all = append(all, Finding{Host: host, What: "log_level", Status: StatusWarn, Detail: "SIP bodies are not logged", Hint: "set it to DEBUG"})
	}
	all = append(all, Finding{Host: "expe03", What: "connect", Status: StatusFail, Detail: "connection refused", Hint: "is it on?"},
		Finding{Host: "expe02", What: "clock", Status: StatusWarn, Detail: "2 s ahead", Hint: "check NTP"}, Finding{What: "disk", Status: StatusWarn, Detail: "nearly full", Hint: "make room"})
	for _, f := range all {
		p.Show(f, 6)
	}
	p.Conclude(all)
	want := `ok    expc01  login          as root
ok    expc02  login          as root
ok    expe01  login          as root
ok    expe02  login          as root
FAIL  expe03  connect        connection refused
      hint: is it on?
warn  expc01, expc02, expe01, expe02  network_log, messages, developer_log  12 logs of 4 hosts keep 5 min to 10 min
      hint: an alert needs 20 min
warn  expc01, expc02, expe01, expe02  log_level  SIP bodies are not logged
      hint: set it to DEBUG
warn  expe02  clock          2 s ahead
      hint: check NTP
warn  -  disk           nearly full
      hint: make room

Failed:
FAIL  expe03  connect        connection refused
      hint: is it on?
`
	if out.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", out.String(), want)
	}
}
