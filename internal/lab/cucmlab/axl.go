package cucmlab

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"rtmtgrab/internal/lab/mra"
)

var axlNamespace = regexp.MustCompile(`^` + regexp.QuoteMeta(axlBase) + `(8\.[05]|9\.[01]|1[0-5]\.[05])$`)

// axlVersion says which version CUCM has.
func axlVersion(q *asking, action string) answer {
	if refused, ok := axlRefusal(q, action, "getCCMVersion"); ok {
		return refused
	}
	version := el("componentVersion", value("version", "14.0.1.13900(155)").plain()).plain()
	return bytesAnswer(http.StatusOK, "text/xml;charset=utf-8", envelope(dress{soap: "soapenv", ns: q.body.space, pre: "ns"},
		el("getCCMVersionResponse", el("return", version).plain()).plain()))
}

// axlRefusal is what AXL answers to a request that it does not look into.
func axlRefusal(q *asking, action, operation string) (a answer, refused bool) {
	version := axlNamespace.FindStringSubmatch(q.body.space)
	switch {
	case version == nil:
		return axlFault("599", "Schema not found for AXL version "+q.body.space, ""), true
	case !strings.Contains(action, "CUCM:DB ver="+version[1]) || !strings.HasSuffix(strings.Trim(action, `"`), " "+operation):
		return axlFault("-1", "SOAPAction "+action+" does not fit the request", ""), true
	case q.faults.AXL.Busy:
		return page(http.StatusServiceUnavailable, "Too many change notifications are outstanding"), true
	}
	return answer{}, false
}

// resetDevice resets the laboratory's phone: it unregisters and registers anew.
func resetDevice(q *asking, action string) answer {
	if refused, ok := axlRefusal(q, action, "doDeviceReset"); ok {
		return refused
	}
	for _, k := range q.body.kids {
		if k.space != "" {
			return axlFault("-1", "Unexpected element {"+k.space+"}"+k.name, "doDeviceReset")
		}
	}
	kind, hard := q.body.get("deviceResetType"), q.body.get("isHardReset")
	alarm := 22 // reset
	switch {
	case (kind == "") == (hard == ""):
		return axlFault("-1", "either isHardReset or deviceResetType is wanted", "doDeviceReset")
	case kind == "Restart" || hard == "false":
		alarm = 23
	case kind != "Reset" && hard != "true":
		return axlFault("-1", "The value is not valid", "doDeviceReset")
	}
	device := q.body.get("deviceName")
	if err := resetPhone(q.c, device, alarm, q.faults.AXL.Deaf); err != nil {
		a := axlFault("5007", "Item not valid: The specified Device was not found: "+device, "doDeviceReset")
		a.item = device
		return a
	}
	id := rand.Text() + rand.Text()
	a := bytesAnswer(http.StatusOK, "text/xml;charset=utf-8", envelope(dress{soap: "soapenv", ns: q.body.space, pre: "ns"},
		el("doDeviceResetResponse", value("return", fmt.Sprintf("{%s-%s-%s-%s-%s}", id[:8], id[8:12], id[12:16], id[16:20], id[20:32])).plain())))
	a.item = device
	return a
}

// reset has the phone of that name reset; deaf: only noted.
func resetPhone(c *Cluster, device string, alarm int, deaf bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.truth.follow()
	if deaf {
		c.resets = append(c.resets, device)
		return nil
	}
	if c.cfg.Site != nil {
		if i, ok := c.truth.index[device]; ok {
			c.resets = append(c.resets, device)
			return c.cfg.Site.Schedule(mra.Event{At: time.Now(), Kind: mra.Reset, Phone: i, Alarm: alarm})
		}
	}
	for _, of := range c.truth.nodes {
		d := of[device]
		if d == nil {
			continue
		}
		c.resets = append(c.resets, device)
		for i := range d.Lines {
			d.Lines[i].Status = Registered
		}
		d.Status, d.Reason, d.Since = status(d.Lines), 0, c.cfg.Now()
		return nil
	}
	return fmt.Errorf("no device %s", device)
}

// axlFault is a fault as AXL writes it.
func axlFault(code, message, request string) answer {
	root := el("Fault", el("faultcode").says("soapenv:Client").plain(), el("faultstring").says(message).plain(),
		el("detail", el("axlError", value("axlcode", code).plain(), value("axlmessage", message).plain(), value("request", request).plain()).plain()).plain())
	a := bytesAnswer(http.StatusInternalServerError, "text/xml;charset=utf-8", envelope(dress{soap: "soapenv"}, root.inSOAP()))
	a.fault = message
	return a
}
