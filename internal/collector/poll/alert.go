package poll

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"rtmtgrab/internal/collector/incoming"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
)

// document is an alert of a poll as it is kept: its JSON is the same for the same poll.
type document struct {
	Source   string           `json:"source"`
	Cluster  string           `json:"cluster"`
	Node     string           `json:"node"`
	Time     time.Time        `json:"time"`
	Counter  string           `json:"counter"`
	Value    int64            `json:"value"`
	Was      int64            `json:"was"`
	Before   time.Time        `json:"before"`   // of the poll with the last value
	Counters map[string]int64 `json:"counters"` // of phones, as the node gave them
}

// alert is the alert of a rise. It is known by cluster, node, time and value.
func alert(cluster, node string, p pending, kinds []config.Kind) incoming.Alert {
	count, was := int(p.Value), int(p.Was)
	id := sha256.Sum256(fmt.Appendf(nil, "poll\n%s\n%s\n%s\n%s=%d", cluster, node, p.Time.UTC().Format(time.RFC3339Nano), p.Counter, p.Value))
	a := evidence.Alert{ID: hex.EncodeToString(id[:]), Source: evidence.SourcePoll, Name: p.Counter, Cluster: cluster, Node: node, Count: &count, Was: &was,
		Time: p.Time.UTC(), TimeFrom: evidence.TimeFromPoll, Kind: evidence.DefaultKind}
	for _, k := range kinds {
		if k.Match != nil && k.Match.MatchString(p.Counter) {
			a.Kind = k.Name
			break
		}
	}
	doc := document{evidence.SourcePoll, cluster, node, p.Time.UTC(), p.Counter, p.Value, p.Was, p.Before.UTC(), phonesOf(p.Answer)}
	raw, err := json.MarshalIndent(doc, "", " ")
	if err != nil { // a defect here
		raw = []byte("{}")
	}
	return incoming.Alert{Alert: a, Raw: append(raw, '\n')}
}
