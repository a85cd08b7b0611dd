package mask

import (
	"bytes"
	"encoding/base64"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"rtmtgrab/internal/testrace"
)

// A place is a text with names where they are not easily told, or credentials.
type place struct {
	kind Kind
	text string
	raw  []string // none of it may be left
	keep []string // all of it has to stay
}

const record = "2026-03-02T14:05:01.100+00:00 expe77 tvcs: UTCTime=\"2026-03-02 14:05:01,100\" Module=\"network.sip\" Level=\"DEBUG\":  Action=\"Received\" Src-ip=\"10.9.8.7\"\n SIPMSG:\n |"

func sip(lines ...string) string {
	return record + strings.Join(append([]string{"REGISTER sip:zulu9.kilo.example SIP/2.0"}, lines...), "\n |") + "\n |\n\n"
}

func in64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

var places = map[string]place{
	"from escaped at":    {Log, sip("From: <sip:quentin%40walrus.example.org@kiwi.example.org>;tag=1"), []string{"quentin", "walrus", "kiwi"}, nil},
	"from percent user":  {Log, sip("From: <sip:%71uentin@kiwi.example.org>;tag=1"), []string{"quentin", "%71", "kiwi"}, nil},
	"global number":      {Log, sip("To: <sip:+4989776655@kiwi.example.org;user=phone>"), []string{"4989776655"}, []string{"user=phone"}},
	"tel uri":            {Log, sip("P-Asserted-Identity: <tel:+49-89-776655>"), []string{"776655"}, nil},
	"tel with context":   {Log, sip("To: <tel:7766;phone-context=kiwi.example.org>"), []string{"7766", "kiwi"}, nil},
	"tel context number": {Log, sip("To: <tel:7766;phone-context=+49899988>"), []string{"7766", "49899988"}, nil},
	"isdn sub":           {Log, sip("To: <tel:+49897766;isub=12345;ext=8811>"), []string{"497766", "8811"}, nil},
	"display quoted":     {Log, sip(`From: "Quentin Walrus" <sip:7766@kiwi.example.org>`), []string{"Quentin", "Walrus", "7766"}, nil},
	"display unquoted":   {Log, sip(`From: Quentin Walrus <sip:7766@kiwi.example.org>`), []string{"Quentin", "Walrus", "7766"}, nil},
	"display one":        {Log, sip(`Contact: Quentin <sip:7766@kiwi.example.org>`), []string{"Quentin"}, nil},
	"display comma":      {Log, sip(`From: "Walrus, Quentin (Dr.)" <sip:7766@kiwi.example.org>`), []string{"Quentin", "Walrus"}, nil},
	"display utf8":       {Log, sip(`From: "Jürgen Groß" <sip:7766@kiwi.example.org>`), []string{"Jürgen", "rgen", "Groß"}, nil},
	"display escapedq":   {Log, sip(`From: "Quentin \"Wal\" Walrus" <sip:7766@kiwi.example.org>`), []string{"Quentin", "Walrus", `\"Wal\"`}, nil},
	"display no space":   {Log, sip(`From:"Quentin Walrus"<sip:7766@kiwi.example.org>`), []string{"Quentin", "Walrus"}, nil},
	"short headers":      {Log, sip(`f: "Quentin Walrus" <sip:7766@kiwi.example.org>;tag=aa`, `t: "Otto Emu" <sip:8877@kiwi.example.org>`, `m: <sip:8877@10.9.9.9:5061>`), []string{"Quentin", "Walrus", "Otto", "Emu", "8877", "10.9.9.9"}, nil},
	"rpid":               {Log, sip(`Remote-Party-ID: "Quentin Walrus" <sip:7766@10.9.9.1>;party=calling;screen=yes;privacy=off`), []string{"Quentin", "Walrus", "7766", "10.9.9.1"}, []string{"party=calling;screen=yes;privacy=off"}},
	"diversion":          {Log, sip(`Diversion: "Walrus" <sip:7766@kiwi.example.org>;reason=unconditional`), []string{"Walrus", "7766", "kiwi"}, []string{"reason=unconditional"}},
	"via":                {Log, sip(`Via: SIP/2.0/TLS 10.1.9.1:7001;egress-zone=CEtls-kiwicm01.example.org;branch=z9hG4bKabc;received=10.1.9.2;rport=7001;ingress-zone=CollaborationEdgeZone`), []string{"10.1.9.1", "10.1.9.2", "kiwicm01"}, []string{"7001", "z9hG4bKabc"}},
	"via host":           {Log, sip(`Via: SIP/2.0/TLS kiwicm01;branch=z9hG4bKabc`), []string{"kiwicm01"}, []string{"z9hG4bKabc"}},
	"via host port":      {Log, sip(`Via: SIP/2.0/TCP kiwi-cm:5060;branch=z9hG4bKabc`, `Via: SIP/2.0/UDP walrus.site.lan:5060`), []string{"kiwi-cm", "walrus", "site"}, []string{"z9hG4bKabc"}},
	"via v6":             {Log, sip(`Via: SIP/2.0/TLS [2001:db8:77::1]:5061;branch=z9;received=2001:db8:77:0:0::2`), []string{"2001:db8:77"}, nil},
	"route path":         {Log, sip(`Route: <sip:10.2.3.4;transport=tls;lr>,<sip:proxy-call-id=abcd@kiwi.example.org:5061;lr>`, `Path: <sip:quentin@10.2.3.5:5061;transport=tls;lr>`), []string{"10.2.3.4", "kiwi", "quentin", "10.2.3.5"}, nil},
	"instance mac":       {Log, sip(`Contact: <sip:7766@10.1.1.1>;+sip.instance="<urn:uuid:00000000-0000-0000-0000-a1b2c3d4e5f6>";+u.sip!devicename.ccm.cisco.com="SEPA1B2C3D4E5F6";+u.sip!model.ccm.cisco.com="684"`), []string{"a1b2c3d4e5f6", "A1B2C3D4E5F6"}, nil},
	"csf lower":          {Log, sip(`Contact: <sip:7766@10.1.1.1>;+u.sip!devicename.ccm.cisco.com="csfquentin"`), []string{"quentin"}, nil},
	"devicename odd":     {Log, sip(`Contact: <sip:7766@10.1.1.1>;+u.sip!devicename.ccm.cisco.com="LOBBY-PHONE-3"`), []string{"LOBBY"}, nil},
	"x-cisco":            {Log, sip(`X-Cisco-Tenant: 4f1f0c2e-aaaa-bbbb-cccc-0123456789ab`, `X-Cisco-Peer-Cert-Info: CN=kiwi01.example.org`, `Call-Info: <urn:x-cisco-remotecc:callinfo>;x-cisco-loc="Walrus Hall"`), []string{"kiwi01"}, nil},
	"sdp o c":            {Log, sip("Content-Type: application/sdp") + "v=0\n o=quentin 1 2 IN IP4 10.5.5.5\n s=SIP Call\n c=IN IP4 10.5.5.6\n", []string{"quentin", "10.5.5.5", "10.5.5.6"}, nil},
	"sdp dtls":           {Log, "v=0\na=fingerprint:sha-256 AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89\na=ice-ufrag:Wq7u\na=ice-pwd:fiKKlop9021aqqqqqqqqqqqq\na=candidate:1 1 UDP 2130706431 10.5.5.7 5000 typ srflx raddr 192.168.77.7 rport 5000\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4 FEC_ORDER=FEC_SRTP\n", []string{"Wq7u", "fiKKlop9021", "10.5.5.7", "192.168.77.7", "WVNfX19z"}, nil},
	"xml body":           {Log, "<deviceName>\n  SEPA1B2C3D4E5F6\n</deviceName>\n<userid>\n   quentin\n</userid><dn>7766</dn><name xsi:type=\"string\">Quentin Walrus</name>\n<displayName lang='de'>Quentin Walrus</displayName>", []string{"A1B2C3D4E5F6", "quentin", "Walrus", "7766"}, nil},
	"xml cdata":          {Log, "<userid><![CDATA[quentin]]></userid>\n<password><![CDATA[geheim]]></password>", []string{"quentin", "geheim"}, nil},
	"xml ns":             {Log, "<ns1:userid>quentin</ns1:userid><ns:password>geheim</ns:password><x:dn>7766</x:dn>", []string{"quentin", "geheim", "7766"}, nil},
	"xml attr":           {Log, `<user id="quentin" password='geheim' mac="A1:B2:C3:D4:E5:F6"/>`, []string{"geheim", "A1:B2"}, nil},
	"json multi":         {JSON, "{\"users\": [\n \"quentin\",\n \"walrus\"\n ], \"password\"\n :\n \"geheim\",\n \"userId\":\n\"emu1\", \"telephoneNumber\": 7766554, \"hostName\" : \"kiwi\"}", []string{"quentin", "walrus", "geheim", "emu1", "7766554", "kiwi"}, nil},
	"json unicode esc":   {JSON, `{"user":"\u0071uentin","displayName":"J\u00fcrgen Gro\u00df","password":"ge\"heim"}`, []string{"uentin", "rgen", "heim"}, nil},
	"json in json":       {Log, `body="{\"userId\":\"quentin\",\"password\":\"geheim\",\"ip\":\"10.6.6.6\"}"`, []string{"quentin", "geheim", "10.6.6.6"}, nil},
	"http query":         {Log, `GET /oauthcb?access_token=abcDEF123&user=quentin&pwd=geheim&code=1a2b3c4d5e6f7a8b9c0d HTTP/1.1`, []string{"abcDEF123", "quentin", "geheim", "1a2b3c4d5e6f7a8b9c0d"}, nil},
	"http path user":     {Log, `HTTPMSG:` + "\n|" + `GET /cucm-uds/user/quentin HTTP/1.1` + "\n|" + `GET /cucm-uds/users?name=quentin HTTP/1.1`, []string{"quentin"}, nil},
	"http path b64":      {Log, "|GET http://vcs_control.example.org:8443/" + in64("example.org/https/kiwicm01.example.org/8443") + "/cucm-uds/user/quentin/devices HTTP/1.1\n", []string{"kiwicm01", "quentin"}, nil},
	"http host":          {Log, "|GET / HTTP/1.1\n |Host: kiwi01:8443\n |Referer: https://emu7/x?sid=abcdef0123456789abcd\n |Origin: https://emu7\n", []string{"kiwi01", "emu7", "abcdef0123456789abcd"}, nil},
	"basic":              {Log, "|GET / HTTP/1.1\n |Authorization: Basic " + in64("quentin:geheim") + "\n |X: y\n", []string{"quentin", in64("quentin:geheim")}, nil},
	"bearer":             {Log, `Detail="Authorization: Bearer abcDEF.123-xyz" Next="1"`, []string{"abcDEF.123-xyz"}, []string{`Next="1"`}},
	"bearer bare":        {Log, `token is Bearer abcDEF123xyz99887766 ok`, []string{"abcDEF123xyz99887766"}, nil},
	"cookie":             {Log, "|Set-Cookie: JSESSIONID=ABCDEF99; Path=/; Secure\n |Cookie: a=b12345;\n |  c=d67890\n |X: y\n", []string{"ABCDEF99", "b12345", "d67890"}, []string{"X: y"}},
	"digest folded":      {Log, sip("Authorization: Digest username=\"quentin\",", "  realm=\"ccmsipline\", nonce=\"NoNcE1\", uri=\"sip:kiwi.example.org\",", "\tresponse=\"0123456789abcdef0123456789abcdef\", cnonce=unquoted1"), []string{"quentin", "NoNcE1", "kiwi", "0123456789abcdef", "unquoted1"}, nil},
	"ldap":               {Log, `LDAP bind dn="CN=Quentin Walrus,OU=Zoo Users,DC=kiwi,DC=example,DC=org" failed; uid=quentin,ou=people,dc=kiwi,dc=org`, []string{"Quentin", "Walrus", "kiwi", "quentin", "Zoo"}, nil},
	"patterns":           {Log, sip("From: <sip:7766@kiwi.example.org>", "Via: SIP/2.0/TLS 10.7.7.9:5061;branch=z9") + "Pattern=\"(.*)@kiwi\\.example\\.org.*\" Json=\"(.*)@kiwi\\\\.example\\\\.org\" Address=\"10\\.7\\.7\\.9\"\n", []string{"kiwi", "10.7", `10\.7`}, []string{`Pattern="(.*)@`, `.*" Json=`}},
	"syslog host":        {Log, "<134>1 2026-03-02T14:05:01.100+00:00 kiwibox9 tvcs 1 - - hello\nMar  2 14:05:01 emubox8 tvcs: hello\n2026-03-02T14:05:01.100+00:00 walrus tvcs: hi\n", []string{"kiwibox9", "emubox8", "walrus"}, nil},
	"zone names":         {Log, `Zone="CEtcp-10.7.7.7" z="CEtls-kiwi" y="CEOAuth-kiwicm.example.org" x="CEtcp-10-7-7-8" w="CEtcp-fd00::77:1"`, []string{"10.7.7.7", "kiwi", "10-7-7-8", "fd00::77:1"}, nil},
	"v6 forms":           {Log, `a="fe80::a1b2:c3ff:fed4:e5f6%eth0" b="2001:DB8:0077:0000:0000:0000:0000:0001" c="::ffff:10.4.4.4" d="[2001:db8:77::5]:5061" e="2001:db8:77::/48" f=2001-db8-77--1.ipv6-literal.net g=fd00::1.`, []string{"a1b2:c3ff", "0077", "db8:77", "10.4.4.4", "fd00::1.", "db8-77"}, nil},
	"v6 rdns":            {Log, `1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.7.0.0.8.b.d.0.1.0.0.2.ip6.arpa 4.3.2.10.in-addr.arpa`, []string{"7.7.0.0.8.b.d", "4.3.2.10.in"}, nil},
	"v4 odd":             {Log, `a=10.3.3.1:5060 b=(10.3.3.2) c=10.3.3.3/24 d=10.3.3.4-10.3.3.5 e=10.3.3.6,10.3.3.7 f='10.3.3.8' i=10.3.3.11. k=10.3.3.13_5060 l=tcp/10.3.3.14 m=10.3.3.15->10.3.3.16`, []string{"10.3.3."}, nil},
	"mac forms":          {Log, `A1:B2:C3:D4:E5:F6 a1-b2-c3-d4-e5-f6 a1b2.c3d4.e5f6 mac=a1b2c3d4e5f6 SEPa1b2c3d4e5f6 sepa1b2c3d4e5f6 A1b2C3:d4e5f6 0xa1b2c3d4e5f6 a1b2c3-d4e5f6 a1b2c3d4-e5f60002-1c3f5a77-0a0b0c0d@10.3.3.1 a1%3Ab2%3Ac3%3Ad4%3Ae5%3Af6 01:a1:b2:c3:d4:e5:f6`, []string{"d4:e5", "d4-e5", "D4:E5", "d4.e5", "c3d4.e5f6", "d4e5f6", "c3d4-e5f6", "d4%3Ae5"}, nil},
	"qp":                 {Mail, "From: =?utf-8?B?" + in64("Quentin Walrus") + "?= <quentin@kiwi.example.org>\r\nSubject: =?utf-8?Q?PartiallyRegisteredPhone_on_kiwi=2Eexample=2Eorg?=\r\n =?utf-8?B?" + in64(" SEPA1B2C3D4E5F6") + "?=\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nDevice SEPA1B2C3=\r\nD4E5F6 at 10.3.=\r\n3.1 user =71uentin@kiwi=2Eexample.org\r\n", []string{"Quentin", "Walrus", "quentin", "kiwi", "A1B2C3", "D4E5F6", "10.3", in64("Quentin Walrus"), in64(" SEPA1B2C3D4E5F6")}, nil},
	"received":           {Mail, "Received: from kiwi01 (emu.walrus.lan [10.8.8.1]) by mx9.site.example with ESMTPS id 4X; Mon, 2 Mar 2026 14:05:01 +0000\r\nReceived: by yak (Postfix, from userid 1001)\r\n\tid 77; Mon\r\nMessage-ID: <77.quentin@kiwi01>\r\nReturn-Path: <quentin@kiwi>\r\nX-Originating-IP: [10.8.8.2]\r\nDKIM-Signature: v=1; d=site.example; s=k1; b=AbCdEf123; bh=xyz\r\nARC-Seal: i=1; d=walrus.lan\r\n\r\nhi\r\n", []string{"kiwi01", "walrus", "10.8.8", "mx9", "quentin", "site.example", "yak"}, nil},
	"multipart":          {Mail, "From: a@kiwi.example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"bb\"\r\n\r\n--bb\r\nContent-Type: multipart/alternative; boundary=cc\r\n\r\n--cc\r\nContent-Type: text/html; charset=utf-16le\r\nContent-Transfer-Encoding: base64\r\n\r\n" + in64("<\x00b\x00>\x00q\x00u\x00e\x00n\x00t\x00i\x00n\x00@\x00k\x00i\x00w\x00i\x00.\x00d\x00e\x00") + "\r\n--cc--\r\n--bb\r\nContent-Type: message/rfc822\r\n\r\nFrom: Quentin Walrus <quentin@kiwi.example.org>\r\nSubject: SEPA1B2C3D4E5F6\r\n\r\nUser \"quentin\"\r\n--bb\r\nContent-Type: application/pdf; name=\"Quentin Walrus.pdf\"\r\nContent-Disposition: attachment; filename*=utf-8''Quentin%20Walrus.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nAAECAwQF\r\n--bb--\r\n", []string{"quentin", "Quentin", "Walrus", "kiwi", "A1B2C3D4E5F6", in64("q\x00u\x00"), "AAECAwQF"}, nil},
	"crlf":               {Log, strings.ReplaceAll(sip(`From: "Quentin Walrus" <sip:7766@kiwi.example.org>`, `Authorization: Basic `+in64("quentin:geheim"), `X: y`), "\n", "\r\n"), []string{"Quentin", "Walrus", "7766", "kiwi", in64("quentin:geheim")}, []string{"X: y"}},
	"nul":                {Log, "\x00\x00\x00user=\"quentin\" host=kiwi01\x00 sip:7766@\x0010.3.3.1\xff\xfe SEPA1B2C3D4E5F6\x00", []string{"quentin", "kiwi01", "7766", "10.3.3.1", "A1B2C3D4E5F6"}, nil},
	"url":                {Log, `https://quentin:geheim@kiwi01:8443/a?b=c ldap://emu9/dc=x ftp://10.3.3.1/f wss://yak:5222/`, []string{"quentin", "geheim", "kiwi01", "emu9", "10.3.3.1", "yak"}, nil},
	"jid":                {Log, `to='quentin@kiwi.example.org/jabber_123' from="walrus@kiwi.example.org/Home" <jid>quentin@kiwi.example.org</jid>`, []string{"quentin", "walrus", "kiwi"}, nil},
	"pem":                {Log, "-----BEGIN RSA PRIVATE KEY-----\nMIIEabcdefQQ\n-----END RSA PRIVATE KEY-----\n", []string{"MIIEabcdefQQ"}, nil},
	"pem esc":            {JSON, `{"key":"-----BEGIN PRIVATE KEY-----\nMIIEabcdefQQ\nMIIEzzzzQQ\n-----END PRIVATE KEY-----\n"}`, []string{"MIIEabcdefQQ", "MIIEzzzzQQ"}, nil},
	"stray":              {Log, `password: "ge heim" pin=9911 Password = geheim3 "password" : "geheim4" userPassword:: ` + in64("geheim5") + ` -p geheim6 pwd%3Dgeheim7%26x Passwort=geheim8`, []string{"ge heim", "9911", "geheim3", "geheim4", in64("geheim5"), "geheim7", "geheim8"}, nil},
	"free user":          {Log, `User quentin logged in. user 'quentin' failed; login of quentin; Username="quentin"`, []string{"quentin"}, nil},
	"uds json":           {Log, `<user uri="https://kiwi:8443/cucm-uds/user/quentin"><id>4b3</id><userName>quentin</userName><firstName>Quentin</firstName><lastName>Walrus</lastName><nickName/><phoneNumber>7766</phoneNumber><homeNumber>7767</homeNumber><mobileNumber>7768</mobileNumber><email>q.walrus@kiwi.org</email><directoryUri>qw@kiwi.org</directoryUri><msUri/><department>Zoology</department><title>Vet</title><pager>7769</pager></user>`, []string{"quentin", "Quentin", "Walrus", "7766", "7767", "7768", "kiwi", "7769"}, nil},
	"idn":                {Log, `host=bücher.example.org sip:jürgen@bücher.example.org xn--bcher-kva.example.org`, []string{"bücher", "cher", "jürgen", "rgen"}, nil},
	"reason phrase":      {Log, sip(`Warning: 399 kiwi01 "Unable to find user quentin@walrus.example.org"`, `Server: Cisco-CUCM14.0`, `Call-ID: a0b2c3d4-e5f60002-1c3f5a77-0a0b0c0d@192.168.77.9`), []string{"kiwi01", "quentin", "walrus", "192.168.77.9", "a0b2c3d4-e5f6"}, nil},
	"number list":        {Text, "Registered with 3 of 4 lines: 7766, 7767 and 7768.\nSEPA1B2C3D4E5F6 (7766)\n", []string{"A1B2C3D4E5F6", "(7766)"}, nil},
	"double percent":     {Log, `GET /x?u=sip%253Aquentin%2540kiwi.example.org HTTP/1.1`, []string{"quentin", "kiwi"}, nil},
	"b64 in percent":     {Log, `GET /x?d=` + strings.ReplaceAll(in64("sip:quentin@kiwi.example.org!"), "=", "%3D") + ` HTTP/1.1`, []string{in64("sip:quentin@kiwi.example.org!")[:24]}, nil},
	"b64 wrapped":        {Log, "x: " + in64("<userid>quentin</userid><host>kiwi.example.org</host><a>")[:40] + "\n" + in64("<userid>quentin</userid><host>kiwi.example.org</host><a>")[40:] + "\n", []string{in64("<userid>quentin</userid><host>kiwi.example.org</host><a>")[:40]}, nil},
	"csv":                {CSV, "Device Name,User ID,Directory Number,IP Address,Description\nSEPA1B2C3D4E5F6,quentin,7766,10.3.3.1,\"Walrus, Quentin\"\n", []string{"A1B2", "quentin", "Walrus", "7766", "10.3.3.1"}, nil},
	"sdp session name":   {Log, "v=0\ns=Meeting of Quentin Walrus\nu=http://kiwi.example.org\ne=quentin@kiwi.example.org\n", []string{"quentin", "kiwi"}, nil},
	"ccm sdl":            {Log, `00123.001 |14:05:01.100 |SdlSig |StationInit |wait |SIPStationD(1,100,76,1) |(1,100,77,1) |1,100,14,1.1^10.3.3.1^SEPA1B2C3D4E5F6 |[R:N-H:0] DeviceName=SEPA1B2C3D4E5F6 DN=7766 pattern="7766" cn=7767 cgpn=7768 lineDN=7769 userID=quentin Owner=walrus`, []string{"10.3.3.1", "A1B2", "7766", "7768", "quentin", "walrus"}, nil},
	"cert subject":       {Log, `subject="/C=DE/ST=Bavaria/L=Munich/O=Zoo GmbH/OU=IT/CN=kiwi01.zoo.de" issuer="CN=Zoo Root CA, DC=zoo" san="DNS:emu.zoo.de, IP Address:10.3.3.9, URI:sip:zoo.de"`, []string{"kiwi01", "emu", "10.3.3.9", "zoo.de"}, nil},
	"aligned":            {Log, "Password              : geheim1\npassword        =      \"geheim2\"\n<userid>\n                        quentin\n                </userid>\n", []string{"geheim1", "geheim2", "quentin"}, nil},
	"next header":        {Log, sip("Authorization: Basic "+in64("quentin:geheim"), "X-Other: y", "CSeq: 767 REGISTER"), []string{in64("quentin:geheim")}, []string{"X-Other: y", "CSeq: 767 REGISTER"}},
	"cut off":            {Log, `Detail="x" User="quentin Module="network.sip" Level="DEBUG"` + "\n", []string{"quentin"}, []string{`Level="DEBUG"`}},
	"header in detail":   {Log, `Detail="From: Quentin Walrus <sip:7766@kiwi.example.org>" x="To: Otto <sip:7767@kiwi.example.org>"`, []string{"Quentin", "Walrus", "Otto"}, []string{`x="To: `}},
	"ris":                {JSON, `{"Name":"SEPA1B2C3D4E5F6","LoginUserId":"quentin","DirNumber":"7766554-Registered,7766555-Registered","IPAddress":{"item":[{"IP":"10.3.3.1"}]}}`, []string{"A1B2C3", "quentin", "7766554", "7766555", "10.3.3.1"}, []string{"-Registered,", `-Registered"`}},
	"sdp people":         {Log, sip("Content-Type: application/sdp", "", "v=0", "o=walrus 1 2 IN IP4 10.3.3.1", "s=Call of Quentin Yak", "i=about emu", "e=q.w@kiwi.org (Otto Ibis)", "p=+49 7766 55443 (Olga Gnu)", "e=Hugo Hare <h@kiwi.org>", "c=IN IP4 10.3.3.1", "t=0 0", "m=audio 5000 RTP/AVP 0", "a=x s=y p=1 i=2"), []string{"walrus", "quentin", "yak", "emu", "otto", "ibis", "olga", "gnu", "hugo", "hare", "55443", "7766", "q.w"}, []string{"a=x s=y p=1 i=2", "t=0 0", "m=audio 5000"}},
	"sdp of machines":    {Log, "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=SIP Call\nt=0 0\n\ns=Otto\np=0.5 i=3\n", nil, []string{"s=SIP Call", "s=Otto\np=0.5 i=3"}},
	"short names":        {Log, "userid=\"hare\"\nUser hare logged in; refused for 'hare'; paused by hare\nthe hare runs, Mode=\"hare\" hare=1\n", []string{"user hare", "'hare'", "by hare"}, []string{"the hare runs, Mode=\"hare\" hare=1"}},
	"hex addresses":      {Log, "Src-ip=\"10.3.3.1\" ipAddr=0x0a030301 IpAddr=0x0103030A other=0x01020304 n=0x0a0303011\n", []string{"0x0a030301 ", "0x0103030a", "10.3.3.1"}, []string{"other=0x01020304 n=0x0a0303011"}},
	"mac with blanks":    {Log, "SEPA1B2C3D4E5F6 at A1 B2 C3 D4 E5 F6, not at a1 b2 c3 d4 e5 f7 or 00 a1 b2 c3 d4 e5\nmac: 00 1c 58 aa bb cc\n", []string{"C3 D4 E5 F6", "58 aa bb"}, []string{"a1 b2 c3 d4 e5 f7 or 00 a1 b2 c3 d4 e5"}},
	"descriptions":       {JSON, `{"phones":[{"device":"SEPA1B2C3D4E5F6","description":"Quentin Yak, Zoo","model":"8851"},{"device":"CSFEMU","description": "Olga","x":1}],` + strings.Repeat(" ", 3000) + `"description":"the request failed"}`, []string{"quentin", "yak", "zoo", "olga", "emu"}, []string{"the request failed", "8851"}},
	"description in xml": {XML, "<phone><name>SEPA1B2C3D4E5F6</name><description>Quentin Yak</description></phone>\n<phone>\n <description>\n  Olga Gnu\n </description>\n <product>x</product><name>CSFEMU</name></phone>" + strings.Repeat("\n", 3000) + "<description>the request failed</description>", []string{"quentin", "yak", "olga", "gnu"}, []string{"the request failed"}},
	"uuid v1":            {Log, `id=urn:uuid:f81d4fae-7dec-11d0-a765-a1b2c3d4e5f6 mac=a1b2c3d4e5f6`, []string{"a1b2c3d4e5f6"}, nil},
}

// TestPlaces: nothing is left of what stands in a place where names and credentials stand, in
// a text that says nothing else of it; and masked again it is the same.
func TestPlaces(t *testing.T) {
	for name, p := range places {
		t.Run(name, func(t *testing.T) {
			table := fixed()
			out := through(t, table, Identities, p.kind, p.text)[0]
			if strings.Count(out, "\n") != strings.Count(p.text, "\n") && p.kind != Mail {
				t.Error("it has another number of lines")
			}
			for _, raw := range p.raw {
				if i := strings.Index(strings.ToLower(out), strings.ToLower(raw)); i >= 0 {
					t.Errorf("%s is left: %q", raw, out[max(0, i-40):min(len(out), i+40)])
				}
			}
			for _, keep := range p.keep {
				if !strings.Contains(out, keep) {
					t.Errorf("%s is gone: %q", keep, out)
				}
			}
			twice, err := try(Again(table, Identities), p.kind, out)
			if err != nil || twice[0] != out {
				t.Errorf("masked again it is another one: %v\n%q\n%q", err, out, twice)
			}
		})
	}
}

// TestCutAnywhere: of texts that are cut and joined anywhere nothing is left after they were
// masked a few times, whatever the cuts make of what stands beside them.
func TestCutAnywhere(t *testing.T) {
	rounds := 600
	if testing.Short() || testrace.On {
		rounds = 60
	}
	rnd := rand.New(rand.NewPCG(1, 7))
	names := slices.Sorted(maps.Keys(places))
	signs := []string{" ", "\n", "=", "\"", ":", ";", ",", "<", ">", "@", "%40", "=3D", "&amp;", "\\\"", "/", "-", ".", "(", ")", "\r\n", "\n |", "%2E", "\\n", "=\n", "'", "[", "]", "{", "|", "#012"}
	for range rounds {
		k := Kind(rnd.IntN(int(HTML) + 1))
		var text strings.Builder
		for range 1 + rnd.IntN(12) {
			p := places[names[rnd.IntN(len(names))]].text
			from := rnd.IntN(len(p))
			text.WriteString(p[from:from+rnd.IntN(min(len(p)-from, 1+rnd.IntN(200))+1)] + signs[rnd.IntN(len(signs))])
		}
		m := New(fixed(), Identities)
		out, err := try(m, k, text.String())
		for range 4 {
			if errors.As(err, new(*Found)) {
				out, err = maskedAgain(m, k, out[0])
			}
		}
		if err != nil {
			t.Fatalf("%v\n%q\n%q", err, text.String(), out)
		}
	}
}

// maskedAgain masks what was masked, under the same, and searches it.
func maskedAgain(m *Masker, k Kind, text string) ([]string, error) {
	var w bytes.Buffer
	if err := m.Mask("a", k, &w, strings.NewReader(text)); err != nil {
		return nil, err
	}
	return []string{w.String()}, m.Search("a", k, bytes.NewReader(w.Bytes()))
}

// TestMade: in what is made of what was masked, a word that is somebody's short name is a word
// like others; his long name is his.
func TestMade(t *testing.T) {
	m := New(fixed(), Identities)
	if _, err := try(m, Log, `user="hand" User="quentin"`); err != nil {
		t.Fatal(err)
	}
	if err := m.SearchMade("README.txt", Log, strings.NewReader("Grabbed by hand, for the user 'hand'.\n")); err != nil {
		t.Error(err)
	}
	if err := m.SearchMade("README.txt", Log, strings.NewReader("for the user quentin\n")); err == nil {
		t.Error("a name is not found")
	}
}

// A site, a node or a user may be called like a word that we write, a folder of the bundle or the
// city of a time zone. That keeps no bundle from being masked; any other name is found.
func TestMadeOwnWords(t *testing.T) {
	m := New(fixed(), Identities)
	for _, name := range []string{"cucm", "central", "windows", "chicago", "diagnostics", "walrus"} {
		m.LearnHost(name)
	}
	for text, well := range map[string]bool{
		`{"path": "cucm/wfeo31/sdl.txt"}`: true, `{"time_zone": "America/Chicago"}`: true, `{"diagnostics": []}`: true, `{"what": "the central directory, as Windows shows it"}`: true,
		`{"path": "cucm/walrus/sdl.txt"}`: false, `{"what": "walrus"}`: false,
	} {
		if err := m.SearchMade("manifest.json", JSON, strings.NewReader(text)); (err == nil) != well {
			t.Errorf("%s: %v", text, err)
		}
	}
}
