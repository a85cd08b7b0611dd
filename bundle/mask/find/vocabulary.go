package find

import (
	"bytes"
	"maps"
)

// A Key says what stands behind a key: `key="value"`, `Key: value`, <key>value</key>.
type Key uint8

const (
	keyNone        Key = iota
	keyUser            // or a number, or a device
	keyHost            // or an address
	keyNumber          // or a user
	keyDevice          // or a user
	keyDisplay         // words
	keySerial          //
	keyFile            // a file's name, with an ending
	keyPath            // names in it that are known
	keyName            // of anything: devices, numbers, and what is known
	keyMAC             // in any form
	keyRelative        // part of a name of a directory
	keyWarning         // a code, a host, a text
	keyReceived        // hosts after words
	keyOrigin          // of SDP, whose user it begins with
	keyDescription     // of a phone: whose it is
	keyOpaque          // an ID: what stands before an @ is no user
	keyVersion         // four numbers are no address
	keySecret          // goes
	keyLong            // goes if it is long enough to be no word
	keyDigest          // goes
	keySDP             // goes
	keyAuth            // goes but for the scheme and what a digest may tell
	keyCookie          // goes to the end of the line
)

func kindsOf(k Key, words ...string) map[string]Key {
	m := map[string]Key{}
	for _, w := range words {
		m[w] = k
	}
	return m
}

// keyKinds has keys in lower case, without - and _.
var keyKinds = func() map[string]Key {
	all := map[string]Key{}
	for _, m := range []map[string]Key{
		kindsOf(keyUser, "user", "username", "userid", "users", "login", "loginname", "owner", "ownerid", "owneruserid", "mailid", "alias", "srcalias", "dstalias", "account", "accountname",
			"samaccountname", "principal", "subscriber", "enduser", "enduserid", "askedby", "by", "who", "uid", "sip.userid", "sip.user.id", "requestedby", "operator", "jid", "impi", "impu", "email", "mail", "emailaddress"),
		kindsOf(keyHost, "host", "hostname", "hosts", "server", "servername", "node", "nodename", "nodeid", "realm", "domain", "domainname", "fqdn", "peer", "peername", "publisher", "subscribernode",
			"commonname", "dns", "dnsname", "expressway", "cucm", "proxy", "relay", "gateway", "phonecontext", "maddr", "servers", "nodes", "peers", "processnode", "callmanager", "homecluster", "collector"),
		kindsOf(keyNumber, "dn", "directorynumber", "number", "numbers", "callingnumber", "callednumber", "callingpartynumber", "calledpartynumber", "callingparty", "calledparty", "extension", "extn",
			"phonenumber", "telephonenumber", "telephone", "mobile", "homephone", "pattern", "dnorpattern", "originalcalledpartynumber", "finalcalledpartynumber", "lastredirectdn", "e164", "linenumber", "cgpn", "cdpn",
			"externalnumber", "dirnumber", "linedirnumber", "homenumber", "mobilenumber", "worknumber", "officenumber", "othernumber", "cellnumber", "cellphone", "mobilephone", "workphone", "otherphone", "ipphone", "pager",
			"fax", "faxnumber", "facsimiletelephonenumber", "msisdn", "ext", "dirn", "primaryextension", "touser", "fromuser"),
		kindsOf(keyDevice, "device", "devices", "devicename", "devicenames", "deviceid", "phone", "phones", "origdevicename", "destdevicename", "endpoint", "sip.device.name", "sip.devicename"),
		kindsOf(keyDisplay, "displayname", "firstname", "lastname", "givenname", "surname", "fullname", "callername", "calleename", "callingpartyname", "calledpartyname", "middlename", "alertingname", "contactname", "nickname"),
		kindsOf(keySerial, "serial", "serialnumber", "serialno", "sn", "chassisserial", "hardwareserial", "serials"),
		kindsOf(keyFile, "filename", "filename*", "attachment"),
		kindsOf(keyPath, "file", "path", "files", "folder", "slice", "dir", "bundle", "entry"),
		kindsOf(keyName, "name"),
		kindsOf(keyRelative, "cn", "ou", "dc"),
		kindsOf(keyDescription, "description", "devicedescription"),
		kindsOf(keyWarning, "warning"),
		kindsOf(keyReceived, "received"),
		kindsOf(keyOrigin, "o"),
		kindsOf(keyMAC, "mac", "macaddress", "macaddr", "macs", "hwaddr", "ether", "phonemac"),
		kindsOf(keyOpaque, "callid", "i", "messageid", "proxycallid", "inreplyto", "references", "cid", "replaces", "targetdialog", "contentid", "tag", "branch", "fromtag", "totag", "xtaatag"),
		kindsOf(keyVersion, "version", "swversion", "softwareversion", "load", "activeload", "inactiveload", "useragent", "release"),
		kindsOf(keySecret, "password", "passwd", "pwd", "passwort", "pass", "passphrase", "pin", "passcode", "secret", "clientsecret", "credential", "credentials", "apikey", "xapikey", "privatekey", "community",
			"passwords", "secrets", "tokens", "token", "accesstoken", "refreshtoken", "idtoken", "authtoken", "oauthtoken", "bearertoken", "usertoken", "assertion", "clientassertion", "samlresponse", "samlrequest", "samlassertion", "jsessionid",
			"jsessionidsso", "authorizationcode", "userpassword", "xauthtoken", "sessiontoken", "csrftoken", "xcsrftoken", "authpassword", "hash", "jwt", "bearer", "devicecode", "refresh", "digestcredentials"),
		kindsOf(keyLong, "session", "sessionid", "sid", "code", "response", "key", "auth", "state", "ticket", "otp"),
		kindsOf(keyDigest, "nonce", "cnonce", "opaque", "nextnonce", "rspauth"),
		kindsOf(keySDP, "inline", "icepwd", "iceufrag", "keymgmt"),
		kindsOf(keyAuth, "authorization", "proxyauthorization", "wwwauthenticate", "proxyauthenticate", "authenticationinfo", "proxyauthenticationinfo"),
		kindsOf(keyCookie, "cookie", "setcookie", "cookies", "cookie2", "setcookie2"),
	} {
		for w, k := range m {
			all[w] = k
		}
	}
	delete(all, "hash") // of messages and files, which are no secrets
	return all
}()

var keyFilter = newFilter(maps.Keys(keyKinds))

// secretEndings are how the names of secrets end whatever stands before.
var secretEndings = []string{"password", "passwd", "secret", "token", "cookie", "apikey", "passphrase"}

// endings are how the names of things end that have pseudonyms, whatever stands before:
// mobilityUserID, altPhoneNumber.
var endings = []struct {
	end string
	key Key
}{
	{"userid", keyUser}, {"username", keyUser}, {"devicename", keyDevice}, {"hostname", keyHost}, {"phonenumber", keyNumber}, {"directorynumber", keyNumber}, {"partynumber", keyNumber},
}

// keyLetters has the first letter and the last two of all that is a key, and of all that may
// end one any first.
var keyLetters = func() (t [32][32]uint32) {
	note := func(from, to int, end string) {
		for first := from; first <= to; first++ {
			t[end[len(end)-1]&31][end[max(0, len(end)-2)]&31] |= 1 << first
		}
	}
	for w := range keyKinds {
		note(int(w[0]&31), int(w[0]&31), w)
	}
	for _, e := range endings {
		note(0, 31, e.end)
	}
	for _, end := range secretEndings {
		note(0, 31, end)
	}
	note(0, 31, keySuffix)
	return t
}()

// maybeKey tells most words that are no keys, at little cost.
func maybeKey(word []byte) bool {
	n := len(word)
	first, before, last := word[0], word[max(0, n-2)], word[n-1]
	if (kinds[first]|kinds[before]|kinds[last])&isDash != 0 {
		return true
	}
	return keyLetters[last&31][before&31]&(1<<(first&31)) != 0
}

// keySuffix may end a key that is one without it.
const keySuffix = ".ccm.cisco.com"

// maxKey is how long a key may be that is looked at.
const maxKey = 40

// keyKindOf is what a key says of its value.
func keyKindOf(word []byte) Key {
	if len(word) == 0 || len(word) > maxKey || !maybeKey(word) {
		return keyNone
	}
	var buf [maxKey]byte
	n := 0
	for _, c := range word {
		if c != '-' && c != '_' {
			buf[n] = lower(c)
			n++
		}
	}
	if n == 0 {
		return keyNone
	}
	key := bytes.TrimSuffix(buf[:n], []byte(keySuffix))
	if n = len(key); n == 0 {
		return keyNone
	}
	if keyFilter.maybe(key) {
		if k := keyKinds[string(key)]; k != keyNone {
			return k
		}
	}
	switch key[n-1] {
	case 'd', 'r', 't', 'n', 'e', 'y':
		for _, e := range endings {
			if n > len(e.end) && string(key[n-len(e.end):]) == e.end {
				return e.key
			}
		}
		for _, end := range secretEndings {
			if n > len(end) && string(key[n-len(end):]) == end {
				return keySecret
			}
		}
	}
	return keyNone
}

// neutral are words that stand where names do and name nobody.
var neutral = set("", "anonymous", "localhost", "invalid", "unknown", "null", "none", "nil", "true", "false", "yes", "no", "unavailable", "restricted", "private", "undefined", "na", "any", "all", "ccmsipline",
	"tandberg", "ciscosystemsccm-sip", "cisco-sipua", "asterisk", "defaultzone", "traversalzone", "collaborationedgezone", "localzone", "defaultsubzone", "traversalsubzone", "clustersubzone", "conf-factory",
	"undisclosed-recipients", "multiple", "self", "public", "digest", "bearer", "basic", "e", "c", "udp", "tcp", "tls", "sip", "sips", "http", "https", "tel", "mailto", "conference", "voicemail", "on", "off", "up",
	"down", "transport", "service", "server", "client", "host", "user", "phone", "device", "number", "name", "from", "by", "with", "for")

// common are words of which logs are full: a name that is one of them is replaced only where
// names stand, never wherever it is seen.
var common = set("network", "developer", "messages", "register", "request", "response", "received", "sending", "receive", "method", "detail", "module", "action", "thread", "reason", "service", "server", "client",
	"contact", "content", "length", "session", "connection", "connected", "connecting", "closed", "failed", "established", "expires", "expired", "warning", "critical", "system", "process", "status", "transport",
	"protocol", "address", "subject", "message", "cluster", "traffic", "expressway", "callmanager", "registration", "registered", "unregistered", "authentication", "authorization", "succeeded", "attempted",
	"disconnected", "completed", "search", "admin", "administrator", "operator", "manager", "default", "traversal", "collaboration", "supported", "required", "allowed", "forward", "forwards", "package", "application",
	"multipart", "boundary", "version", "encoding", "register", "options", "invite", "notify", "subscribe", "publish", "cancel", "refer", "update", "prack", "location", "contenttype", "complete", "partial",
	"recovered", "healthy", "missing", "manifest", "bundle", "report", "hosts", "files", "window", "coverage", "records", "developer_log", "network_log", "gateway", "internal", "external", "library", "security",
	"monitor", "backup", "primary", "secondary", "publisher", "subscriber", "subscription", "presence", "jabber", "webex", "mobile", "remote", "access", "proxy", "cisco", "router", "switch", "database", "support",
	"accept", "accepted", "expired", "keepalive", "timeout", "certificate", "verified", "intact", "sealed", "likely", "certain", "possible", "unknown", "incident", "alert", "notice", "summary", "phones",
	"january", "february", "march", "april", "june", "july", "august", "september", "october", "november", "december", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
	"component", "connectionid", "language", "profile", "template", "parameter", "username", "password", "displayname", "configuration", "provisioning", "edgeconfigprovisioning")

// topLevels are labels at the end of a domain name that stay.
var topLevels = set("com", "net", "org", "edu", "gov", "mil", "int", "local", "lan", "internal", "corp", "intranet", "home", "localdomain", "info", "biz", "io", "cloud", "example", "test", "invalid", "arpa",
	"de", "at", "ch", "uk", "fr", "nl", "be", "lu", "it", "es", "pt", "pl", "cz", "sk", "hu", "ro", "bg", "gr", "dk", "se", "no", "fi", "ie", "us", "ca", "mx", "br", "ar", "cl", "jp", "cn", "kr", "tw", "hk", "sg",
	"au", "nz", "za", "il", "tr", "ru", "ua", "eu", "in", "ae", "sa", "co", "ac", "app", "dev", "tech", "online", "global", "group", "bank", "health", "email", "network", "systems")

// spellings are endings of which no domain is told by them alone: words of sentences and of
// source code end so.
var spellings = set("in", "at", "no", "it", "is", "be", "de", "co", "ac", "io", "se", "us", "ca", "test", "int", "info", "home", "app", "dev", "network", "systems", "group", "global", "email", "online", "cloud", "health", "internal", "example", "es", "ch", "cl", "il", "eu", "invalid")

// foreign are domains of makers and standards, which tell nothing of a site.
var foreign = []string{"cisco.com", "w3.org", "ietf.org", "xmlsoap.org", "oasis-open.org", "jabber.org", "openxmlformats.org", "apache.org", "java.net", "age-encryption.org"}

// devicePrefixes are those of CUCM before a user's name or a MAC address, in lower case.
var devicePrefixes = []string{"sep", "csf", "tct", "bot", "tab", "ata", "cipc", "ip-"}

// noDevices are words that begin like one.
var noDevices = set("table", "tables", "tablet", "tablets", "tabs", "tabular", "both", "bottom", "bots", "botnet", "sept", "september", "separator", "separate", "ata")

// zonePrefixes are those of the zones that Expressways make by themselves.
var zonePrefixes = []string{"CEtcp-", "CEtls-", "CEOAuth-", "CEudp-"}

// agents are products of which four numbers are the version.
var agents = set("chrome", "firefox", "edge", "edg", "safari", "version", "opr", "jabber", "webex", "java", "apache", "openssl", "curl", "python", "nginx", "tandberg", "applewebkit", "teams")
