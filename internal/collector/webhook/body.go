package webhook

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"rtmtgrab/internal/collector/incoming"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
)

// A FieldError says which field of a body is wrong.
type FieldError struct{ Field, What string }

func (e *FieldError) Error() string { return e.Field + ": " + e.What }

// A Body is what was posted, as it was understood.
type Body struct {
	Alerts  []evidence.Alert // that are firing; without ID
	Ignored []string         // keys at the top that say nothing to us, at most 20
}

// DefaultName is what an alert is called that says no name.
const DefaultName = "PartiallyRegisteredPhone"

// Read reads what was posted at now: one alert as keys of an object, or a list of alerts in
// Alertmanager's shape. An error in one of them is one in all.
func Read(body []byte, kinds []config.Kind, now time.Time) (Body, error) {
	if !utf8.Valid(body) {
		return Body{}, errors.New("the body is not UTF-8, as JSON is")
	}
	top, err := object(body)
	if err != nil {
		return Body{}, err
	}
	if err := once(json.NewDecoder(bytes.NewReader(body)), nil); err != nil {
		return Body{}, err
	}
	if list, ok := top["alerts"]; ok {
		return readList(top, list, kinds, now)
	}
	f := fields{values: top}
	if f.resolved() {
		return Body{}, nil
	}
	a, err := f.alert(kinds, now)
	if err != nil {
		return Body{}, err
	}
	return Body{Alerts: []evidence.Alert{a}, Ignored: f.ignored()}, nil
}

// object is the one JSON object of a body.
func object(body []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	var top map[string]json.RawMessage
	if err := d.Decode(&top); err != nil {
		if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return nil, errors.New("the body is JSON, but no object: write {\"cluster\": ..., \"node\": ..., \"time\": ...}")
		}
		return nil, errors.New("the body is not JSON: " + evidence.Printable(err.Error(), 100))
	}
	if top == nil {
		return nil, errors.New("the body is null: write {\"cluster\": ..., \"node\": ..., \"time\": ...}")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("there is more in the body than one JSON object")
	}
	return top, nil
}

// once reads a value and refuses a key that an object in it has twice: readers differ on which
// counts, so what was signed would not be what is understood. The path is where the value stands.
func once(d *json.Decoder, path []string) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('{'):
		seen := map[string]bool{}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return err
			}
			name, _ := key.(string)
			at := append(path, "."+name)
			if seen[name] {
				return &FieldError{evidence.Printable(strings.TrimPrefix(strings.Join(at, ""), "."), maxText), "is there twice"}
			}
			seen[name] = true
			if err := once(d, at); err != nil {
				return err
			}
		}
	case json.Delim('['):
		for i := 0; d.More(); i++ {
			if err := once(d, append(path, fmt.Sprintf("[%d]", i))); err != nil {
				return err
			}
		}
	default:
		return nil
	}
	_, err = d.Token() // its end
	return err
}

// readList reads Alertmanager's shape: what the alerts have in common, and each.
func readList(top map[string]json.RawMessage, list json.RawMessage, kinds []config.Kind, now time.Time) (b Body, err error) {
	var alerts []map[string]json.RawMessage
	if err := json.Unmarshal(list, &alerts); err != nil {
		return b, &FieldError{"alerts", "is not a list of objects"}
	}
	if len(alerts) > MaxAlerts {
		return b, &FieldError{"alerts", fmt.Sprintf("has %d alerts: send at most %d at once (Alertmanager: max_alerts)", len(alerts), MaxAlerts)}
	}
	for i, one := range alerts {
		at := fmt.Sprintf("alerts[%d].", i)
		f := fields{at: at, values: one}
		if f.resolved() {
			continue
		}
		for _, key := range []string{"annotations", "labels"} { // labels count more
			if err := f.merge(top, "common"+strings.ToUpper(key[:1])+key[1:], ""); err != nil {
				return b, err
			}
			if err := f.merge(one, key, at); err != nil {
				return b, err
			}
		}
		a, err := f.alert(kinds, now)
		if err != nil {
			return b, err
		}
		b.Alerts = append(b.Alerts, a)
	}
	return b, nil
}

// alerts are those of a body as they are taken: the only one is known by the body's hash,
// as is the first; of further ones the hash goes with their number.
func (b Body) alerts(body []byte) []incoming.Alert {
	first := sha256.Sum256(body)
	var list []incoming.Alert
	for i, a := range b.Alerts {
		a.ID = hex.EncodeToString(first[:])
		if i > 0 {
			h := sha256.Sum256(fmt.Appendf(nil, "%s/%d", a.ID, i))
			a.ID = hex.EncodeToString(h[:])
		}
		list = append(list, incoming.Alert{Alert: a, Raw: body})
	}
	return list
}

// kindOf is the kind of an alert by what its name and text match, as that of a mail is.
func kindOf(kinds []config.Kind, texts ...string) string {
	for _, k := range kinds {
		if k.Match != nil && slices.ContainsFunc(texts, k.Match.MatchString) {
			return k.Name
		}
	}
	return evidence.DefaultKind
}

// ignored are the keys that nobody has asked for.
func (f *fields) ignored() (list []string) {
	for _, key := range slices.Sorted(maps.Keys(f.values)) {
		if !f.asked[key] && len(list) < 20 {
			list = append(list, evidence.Printable(key, 60))
		}
	}
	return list
}
