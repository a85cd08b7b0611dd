package alertmail

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime/quotedprintable"
	"strings"
	"time"
)

// got is when the mails of these tests arrived: some seconds after their Date.
var got = time.Date(2026, 3, 2, 14, 14, 40, 0, time.UTC)

const (
	happened = "Mon Mar 02 09:14:07 EST 2026" // 14:14:07 UTC
	family1  = "At " + happened + " on node cucm01, the following PartiallyRegisteredPhone events generated:\n" +
		"PartiallyRegisteredPhone : 3\nAppID : Cisco AMC Service\nClusterID :\nNodeID : cucmpub\nTimeStamp : " + happened + "\n"
	family2 = "Number of PartiallyRegisteredPhone on the cluster (3) is over 0 threshold. The alert is generated on " + happened + " on node cucm02.example.com.\n"
)

// rtmt writes one of RTMT's mails; headers with an empty value are left out.
func rtmt(body string, headers ...string) []byte {
	h := map[string]string{
		"Received":   "from cucm by mx; Mon, 2 Mar 2026 14:14:38 +0000",
		"From":       "rtmt@example.com",
		"Date":       "Mon, 02 Mar 2026 09:14:36 -0500",
		"Subject":    "[RTMT-ALERT-StandAloneCluster] PartiallyRegisteredPhone",
		"Message-ID": "<1.rtmt@cucmpub>",
	}
	order := []string{"Received", "From", "Date", "Subject", "Message-ID"}
	for i := 0; i+1 < len(headers); i += 2 {
		if _, known := h[headers[i]]; !known {
			order = append(order, headers[i])
		}
		h[headers[i]] = headers[i+1]
	}
	var b strings.Builder
	for _, k := range order {
		if h[k] != "" {
			fmt.Fprintf(&b, "%s: %s\n", k, h[k])
		}
	}
	return []byte(b.String() + "\n" + body)
}

func crlf(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) }

func qp(s string) string {
	var b strings.Builder
	w := quotedprintable.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.String()
}

func b64(s string) string {
	e := base64.StdEncoding.EncodeToString([]byte(s))
	var b strings.Builder
	for len(e) > 76 {
		b.WriteString(e[:76] + "\r\n")
		e = e[76:]
	}
	return b.String() + e + "\r\n"
}

func toHTML(text string) string {
	return "<html><head><title>x</title><style>p{color:red}</style></head><body><!-- a < b --><p>" +
		strings.ReplaceAll(strings.ReplaceAll(text, " :", "&nbsp;:"), "\n", "<br>\r\n") + "</p></body></html>"
}

func multipart(parts ...string) string {
	var b strings.Builder
	b.WriteString("preamble\n")
	for _, p := range parts {
		b.WriteString("--=_b\n" + p + "\n")
	}
	return b.String() + "--=_b--\n"
}
