package cucmlab

import (
	"net/http"
	"slices"
	"strings"
)

// services are the paths of them.
var services = map[string]Service{
	"/realtimeservice2/services/RISService70":                      RISPort,
	"/perfmonservice2/services/PerfmonService":                     PerfMon,
	"/logcollectionservice2/services/LogCollectionPortTypeService": LogCollection,
	"/logcollectionservice/services/DimeGetFileService":            GetFile,
	"/axl": AXL,
}

// An asking is one request while it is answered.
type asking struct {
	c       *Cluster
	n       *Node
	service Service
	faults  Faults
	header  http.Header
	body    *node
}

// ServeHTTP answers one request: as the service would, then as the line lets it through.
func (n *Node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := n.cluster
	c.mu.Lock()
	gone := c.ctx.Err() != nil
	if !gone {
		c.wg.Add(1)
	}
	c.mu.Unlock()
	if gone {
		return
	}
	defer c.wg.Done()
	w.Header().Set("Date", n.now().UTC().Format(http.TimeFormat))
	service, known := services[strings.TrimSuffix(r.URL.Path, "/")]
	if !known {
		send(w, page(http.StatusNotFound, r.URL.Path))
		return
	}
	user, _, _ := r.BasicAuth()
	said := Request{Node: n.FQDN, Service: service, User: user, Cookies: len(r.Cookies())}
	q := &asking{c: c, n: n, service: service, faults: c.fault(), header: w.Header()}
	line := lineFor(c, service, n)
	a := q.answer(r)
	if line.Status != 0 {
		a = page(line.Status, "out of order")
	}
	said.Time, said.Status, said.Fault, said.Item = c.cfg.Now(), a.status, a.fault, a.item
	if q.body != nil {
		said.Operation = q.body.name
	}
	c.log.add(said)
	line.send(w, r, a)
}

// answer is what the service says.
func (q *asking) answer(r *http.Request) answer {
	if slices.Contains(q.faults.Off, q.service) {
		return page(http.StatusNotFound, "The requested resource ["+r.URL.Path+"] is not available")
	}
	if a := q.enter(r); a.status != 0 {
		return a
	}
	if r.Method != http.MethodPost {
		return page(http.StatusMethodNotAllowed, "This is a SOAP service.")
	}
	if _, ok := r.Header["Soapaction"]; !ok {
		return soapFault(http.StatusInternalServerError, "Client.NoSOAPAction", "AxisFault: no SOAPAction header!")
	}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "text/xml") {
		return page(http.StatusUnsupportedMediaType, r.Header.Get("Content-Type"))
	}
	body, err := readBody(r.Body)
	if err != nil {
		return invalid("org.xml.sax.SAXParseException: %v", err)
	}
	q.body = body
	return q.dispatch(r)
}

// enter is the answer to who may not come in; the zero value: he may.
func (q *asking) enter(r *http.Request) answer {
	c := q.c
	c.mu.Lock()
	defer c.mu.Unlock()
	user, password, given := r.BasicAuth()
	role, who := RoleRealtime, c.accounts.all[user]
	if q.service == AXL {
		role = RoleAXL
	}
	switch status := c.sessions.check(r, q.service); {
	case !given || !c.accounts.login(user, password):
		q.header.Set("WWW-Authenticate", `Basic realm="Cisco Web Services Realm"`)
		return q.closed(http.StatusUnauthorized)
	case status != 0:
		return page(status, "the session is not valid")
	case !who.has(role) || slices.Contains(q.faults.NoRole, q.service):
		return q.closed(http.StatusForbidden)
	}
	c.sessions.give(q.header, q.service, r.URL.Path)
	return answer{}
}

// closed is the page to who may not.
func (q *asking) closed(status int) answer {
	if q.faults.Plain {
		return bytesAnswer(status, "", nil)
	}
	return page(status, "This request requires HTTP authentication")
}

// dispatch answers what the Body asks.
func (q *asking) dispatch(r *http.Request) answer {
	if q.service == RISPort || q.service == PerfMon {
		q.c.mu.Lock()
		ok := q.c.budget.take(q.service, q.c.cfg.Now(), q.faults.limit(q.service))
		q.c.mu.Unlock()
		if !ok {
			return q.faults.rateAnswer(q.service, q.body.name)
		}
	}
	want := nsAST
	switch {
	case q.service == GetFile:
		want = nsDIME
	case q.service == AXL:
		want = q.body.space
	case q.service == LogCollection && q.body.name == "FileName":
		want = q.body.space
	}
	if q.body.space != want {
		return invalid("No such operation '{%s}%s'", q.body.space, q.body.name)
	}
	operations := map[Service]map[string]func(*asking) answer{
		RISPort:       {"selectCmDevice": selectCmDevice},
		PerfMon:       {"perfmonCollectCounterData": collectCounters, "perfmonOpenSession": openSession, "perfmonAddCounter": addCounter, "perfmonCollectSessionData": collectSession, "perfmonCloseSession": closeSession},
		LogCollection: {"listNodeServiceLogs": listLogs, "selectLogFiles": selectLogs, "getTimeZone": getTimeZone, "FileName": getOneFile},
		GetFile:       {"GetOneFile": dimeGetFile},
		AXL: {"doDeviceReset": func(q *asking) answer { return resetDevice(q, r.Header.Get("SOAPAction")) },
			"getCCMVersion": func(q *asking) answer { return axlVersion(q, r.Header.Get("SOAPAction")) }},
	}
	do := operations[q.service][q.body.name]
	if do == nil {
		return invalid("No such operation '%s'", q.body.name)
	}
	return do(q)
}

// soap is an answer with an element of the service.
func (q *asking) soap(body *element) answer {
	charset := q.faults.SOAP.Charset
	if charset == "" {
		charset = "utf-8"
	}
	return bytesAnswer(http.StatusOK, "text/xml;charset="+charset, envelope(q.faults.dressed(nsAST), body))
}
