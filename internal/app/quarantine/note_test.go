package quarantine

import (
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/incident"
)

// Who released an alert is told when nothing comes of it.
func TestReleasedNote(t *testing.T) {
	for _, c := range []struct {
		age  time.Duration
		what incident.What
		want string
	}{
		{time.Minute, incident.InIncident, ""},
		{time.Hour, incident.InIncident, "may be overwritten"},
		{time.Minute, incident.Limited, "`grab now --at 2"},
		{time.Hour, incident.Limited, "alerts.limit is reached"},
	} {
		got := releasedNote(incident.AlertRecord{Alert: evidence.Alert{Time: time.Now().Add(-c.age)}, Sites: []incident.Decision{{Site: "a", What: incident.InIncident}, {Site: "b", What: c.what}}})
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
