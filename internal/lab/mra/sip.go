package mra

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// A message is a REGISTER or an answer to one, as it is on one hop.
type message struct {
	start  string // request or status line
	method string // of the CSeq
	code   int    // 0: a request
	dialog *dialog
	cseq   int
	to     string   // To-Tag, empty in requests
	vias   []string // topmost first
	head   []string // further headers, in order
	paths  []string // before User-Agent
	tail   []string // headers after the paths
	body   string   // with CRLF
	newreg bool     // an answer with x-cisco-newreg
}

// A dialog is what stays the same between a phone and one CUCM node.
type dialog struct {
	cucm   *cucm
	callID string
	tag    string // From-Tag
	number string
	cseq   int
}

func (d *dialog) uri() string { return "sip:" + d.number + "@" + d.cucm.name }

// lines are the message's lines without line ends.
func (m *message) lines() []string {
	d := m.dialog
	out := []string{m.start}
	for _, v := range m.vias {
		out = append(out, "Via: "+v)
	}
	to := "<" + d.uri() + ">"
	if m.to != "" {
		to += ";tag=" + m.to
	}
	out = append(out, "Call-ID: "+d.callID, "CSeq: "+strconv.Itoa(m.cseq)+" "+m.method)
	out = append(out, m.head...)
	out = append(out, "From: <"+d.uri()+">;tag="+d.tag, "To: "+to)
	for _, p := range m.paths {
		out = append(out, "Path: "+p)
	}
	out = append(out, m.tail...)
	out = append(out, "Content-Length: "+strconv.Itoa(len(m.body)), "")
	if m.body != "" {
		out = append(out, strings.Split(strings.TrimSuffix(m.body, "\r\n"), "\r\n")...)
	}
	return out
}

// dump is the SIPMSG part of a DEBUG record, from the line end after Msg-Hash on.
func (m *message) dump() string {
	var b strings.Builder
	b.WriteString("\n SIPMSG:\n")
	for i, l := range m.lines() {
		b.WriteByte(' ')
		if i == 0 {
			b.WriteByte('|')
		}
		b.WriteString(l)
		b.WriteByte('\n')
	}
	b.WriteString(" |\n")
	return b.String()
}

// detail is the Detail of the INFO record.
func (m *message) detail(sent bool, hash uint64) string {
	verb := "Receive "
	if sent {
		verb = "Sending "
	}
	if m.code == 0 {
		verb += "Request Method=" + m.method
	} else {
		verb += fmt.Sprintf("Response Code=%d, Method=%s", m.code, m.method)
	}
	d := m.dialog
	return fmt.Sprintf("%s, CSeq=%d, To=%s, Call-ID=%s, From-Tag=%s, To-Tag=%s, Msg-Hash=%d, Local-SessionID=, Remote-SessionID=",
		verb, m.cseq, d.uri(), d.callID, d.tag, m.to, hash)
}

// forward is the request one hop on: a Via on top, which notes where it came from
// in the one below, and a Path on top.
func (m message) forward(via, cameFrom, path string) *message {
	m.vias = append([]string{via, m.vias[0] + cameFrom}, m.vias[1:]...)
	m.paths = append([]string{path}, m.paths...)
	return &m
}

// back is the answer one hop back: its topmost Via is gone.
func (m message) back() *message {
	m.vias = m.vias[1:]
	return &m
}

// answer makes the response to a request as it arrived.
func (m message) answer(code int, phrase, toTag string, tail ...string) *message {
	return &message{start: fmt.Sprintf("SIP/2.0 %d %s", code, phrase), method: m.method, code: code, dialog: m.dialog, cseq: m.cseq,
		to: toTag, vias: m.vias, tail: tail}
}

// registerBody is the body of a full REGISTER. What tells that all lines are to be
// registered is the bulk part, which a phone with one line does not need.
func registerBody(bulk bool) string {
	part := func(xml string) string {
		return "--uniqueBoundary\r\nContent-Type: application/x-cisco-remotecc-request+xml\r\nContent-Disposition: session;handling=optional\r\n\r\n" +
			"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<x-cisco-remotecc-request>\r\n" + xml + "\r\n</x-cisco-remotecc-request>\r\n"
	}
	all := ""
	if bulk {
		all = part("<bulkregisterreq>\r\n<contact all=\"true\">\r\n<register></register>\r\n</contact>\r\n</bulkregisterreq>")
	}
	return all +
		part("<optionsind>\r\n<combine max=\"6\">\r\n<remotecc><status></status></remotecc>\r\n<service-control></service-control>\r\n</combine>\r\n"+
			"<dialog usage=\"hook status\"><unot></unot><sub></sub></dialog>\r\n<presence usage=\"blf speed dial\"><unot></unot><sub></sub></presence>\r\n"+
			"<joinreq></joinreq>\r\n<cfwdall-anyline></cfwdall-anyline>\r\n</optionsind>") +
		"--uniqueBoundary--\r\n"
}

const supported = "Supported: replaces,join,sdp-anat,norefersub,resource-priority,extended-refer,X-cisco-callinfo,X-cisco-serviceuri,X-cisco-escapecodes,X-cisco-service-control,X-cisco-srtp-fallback,X-cisco-monrec,X-cisco-config,X-cisco-sis-7.0.0,X-cisco-xsi-8.5.1,X-cisco-graceful-reg,X-cisco-duplicate-reg,path"

const realm = "ccmsipline"

// digest answers a digest challenge; the password is the laboratory's.
func digest(user, realm, uri, nonce string) string {
	h := func(s string) string { sum := md5.Sum([]byte(s)); return hex.EncodeToString(sum[:]) }
	response := h(h(user+":"+realm+":laboratory") + ":" + nonce + ":" + h("REGISTER:"+uri))
	return fmt.Sprintf(`Digest username="%s",realm="%s",uri="%s",response="%s",nonce="%s",algorithm=MD5`, user, realm, uri, response, nonce)
}
