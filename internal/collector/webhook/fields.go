package webhook

import (
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
)

// fields are the keys of an object, and what they are called to whoever wrote it.
type fields struct {
	at     string // the path of the object, with a dot at its end
	values map[string]json.RawMessage
	names  map[string]string // of merged keys: where they stand
	asked  map[string]bool
}

// The names by which monitoring systems call what we ask for, ours first.
var (
	clusterKeys = []string{"cluster", "cucm_cluster"}
	nodeKeys    = []string{"node", "cucm_node", "host", "hostname", "instance"}
	countKeys   = []string{"count", "value", "lastvalue"}
	deviceKeys  = []string{"devices", "device", "phones", "phone"}
	timeKeys    = []string{"time", "startsAt", "timestamp", "clock"}
	nameKeys    = []string{"alertname", "name", "alert", "trigger"}
	textKeys    = []string{"summary", "description", "message"}
	statusKeys  = []string{"status", "state"}
)

const (
	maxText    = 300
	maxDevices = 100
	maxCount   = 1_000_000_000
)

// merge adds the keys of the object that is called key.
func (f *fields) merge(from map[string]json.RawMessage, key, at string) error {
	raw, ok := from[key]
	if !ok || string(raw) == "null" {
		return nil
	}
	var more map[string]json.RawMessage
	if err := json.Unmarshal(raw, &more); err != nil {
		return &FieldError{at + key, "is not an object"}
	}
	if f.names == nil {
		f.names = map[string]string{}
		own := make(map[string]json.RawMessage, len(f.values)+len(more)) // the alert's own keys stay as they are
		for k, v := range f.values {
			own[k] = v
		}
		f.values = own
	}
	for k, v := range more {
		f.values[k], f.names[k] = v, at+key+"."+k
	}
	return nil
}

// find is the first of the keys that is there, with its path.
func (f *fields) find(keys []string) (raw json.RawMessage, path string) {
	if f.asked == nil {
		f.asked = map[string]bool{}
	}
	for _, k := range keys {
		v, ok := f.values[k]
		f.asked[k] = true
		if ok && raw == nil && string(v) != "null" && string(v) != `""` {
			raw, path = v, f.path(k)
		}
	}
	return raw, path
}

func (f *fields) path(key string) string {
	if p, ok := f.names[key]; ok {
		return p
	}
	return f.at + key
}

// text is a text, "" if there is none.
func (f *fields) text(keys []string) (string, error) {
	raw, path := f.find(keys)
	if raw == nil {
		return "", nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", &FieldError{path, "is not a text"}
	}
	if s = strings.TrimSpace(s); len(s) > maxText || evidence.Printable(s, maxText) != s {
		return "", &FieldError{path, fmt.Sprintf("is longer than %d bytes, or has characters that cannot be printed", maxText)}
	}
	return s, nil
}

// resolved reports whether the object says that an alert is over.
func (f *fields) resolved() bool {
	raw, _ := f.find(statusKeys)
	switch strings.ToLower(strings.Trim(string(raw), `"`)) {
	case "resolved", "ok", "0":
		return true
	}
	return false
}

// alert is the alert that the keys say.
func (f *fields) alert(kinds []config.Kind, now time.Time) (a evidence.Alert, err error) {
	a = evidence.Alert{Source: evidence.SourceWebhook, TimeFrom: evidence.TimeFromSender,
		Auth: &evidence.Auth{OK: true, How: "signature", Why: "signed with the secret of alerts.webhook"}}
	if a.Cluster, err = f.text(clusterKeys); err != nil {
		return a, err
	}
	if a.Node, err = f.text(nodeKeys); err != nil {
		return a, err
	}
	if a.Node = bareHost(a.Node); a.Node == "" && a.Cluster == "" {
		return a, &FieldError{f.at + "node", "is missing: name the node, or its cluster, or both"}
	}
	if a.Name, err = f.text(nameKeys); err != nil {
		return a, err
	}
	if a.Count, err = f.count(); err != nil {
		return a, err
	}
	if a.Devices, err = f.devices(); err != nil {
		return a, err
	}
	if a.Time, err = f.time(now); err != nil {
		return a, err
	}
	a.Kind, err = f.kind(kinds, a.Name)
	if a.Name == "" {
		a.Name = DefaultName
	}
	return a, err
}

// kind is the one that is named, or that the name and the text match.
func (f *fields) kind(kinds []config.Kind, name string) (string, error) {
	key := "kind"
	if f.names != nil { // a label of that name is somebody else's
		key = "grab_kind"
	}
	given, err := f.text([]string{key})
	if err != nil {
		return "", err
	}
	if given == "" {
		raw, _ := f.find(textKeys)
		return kindOf(kinds, name, string(raw)), nil
	}
	if strings.EqualFold(given, evidence.DefaultKind) {
		return evidence.DefaultKind, nil
	}
	if i := slices.IndexFunc(kinds, func(k config.Kind) bool { return strings.EqualFold(k.Name, given) }); i >= 0 {
		return kinds[i].Name, nil
	}
	return "", &FieldError{f.path(key), "is none of alerts.kinds, nor " + evidence.DefaultKind}
}

// count is a number, or a text that is one, nil if there is none.
func (f *fields) count() (*int, error) {
	raw, path := f.find(countKeys)
	if raw == nil {
		return nil, nil
	}
	x, err := strconv.ParseFloat(strings.TrimSpace(strings.Trim(string(raw), `"`)), 64)
	if err != nil || x != math.Trunc(x) || x < 0 || x > maxCount {
		return nil, &FieldError{path, "is not a whole number from 0"}
	}
	n := int(x)
	return &n, nil
}

// devices are a list of texts, or a text with blanks or commas between.
func (f *fields) devices() ([]string, error) {
	raw, path := f.find(deviceKeys)
	if raw == nil {
		return nil, nil
	}
	var list []string
	if json.Unmarshal(raw, &list) != nil {
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, &FieldError{path, "is neither a list of texts nor a text"}
		}
		list = strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" ,;\t\r\n", r) })
	}
	if len(list) > maxDevices {
		return nil, &FieldError{path, fmt.Sprintf("has more than %d devices", maxDevices)}
	}
	for i, d := range list {
		if d == "" || len(d) > maxText || evidence.Printable(d, maxText) != d {
			return nil, &FieldError{fmt.Sprintf("%s[%d]", path, i), fmt.Sprintf("is empty, longer than %d bytes, or has characters that cannot be printed", maxText)}
		}
	}
	return list, nil
}

// time is when it happened: RFC 3339, or seconds or milliseconds since 1970. It must be
// there: the same event is to have the same body, and another event another one.
func (f *fields) time(now time.Time) (time.Time, error) {
	raw, path := f.find(timeKeys)
	if raw == nil {
		return time.Time{}, &FieldError{f.at + timeKeys[0], "is missing: say when it happened, in RFC 3339 or in seconds since 1970"}
	}
	var t time.Time
	s := strings.TrimSpace(strings.Trim(string(raw), `"`))
	if x, err := strconv.ParseFloat(s, 64); err == nil {
		if x > 1e11 { // milliseconds
			x /= 1000
		}
		if x > 0 && x < 1e11 {
			t = time.UnixMilli(int64(x * 1000))
		}
	} else if t, err = time.Parse(time.RFC3339, s); err != nil {
		t = time.Time{}
	}
	switch t = t.UTC(); {
	case t.Year() < 2000:
		return t, &FieldError{path, "is not a time: write RFC 3339 with the zone, 2026-03-02T14:14:07Z, or seconds since 1970"}
	case t.After(now.Add(time.Hour)):
		return t, &FieldError{path, "is more than an hour in the future by this machine's clock"}
	}
	return t, nil
}

// bareHost is a node without the port that a monitoring system puts behind it.
func bareHost(s string) string {
	if _, err := netip.ParseAddr(s); err == nil {
		return s
	}
	if host, _, err := net.SplitHostPort(s); err == nil {
		return host
	}
	return s
}
