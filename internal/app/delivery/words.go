package delivery

import (
	"rtmtgrab/internal/handover/sink"
)

// Hint is the next move for what stands in the way of deliveries to a destination of that
// kind: folder, sftp, s3, https, cxd, mail.
func Hint(kind string, cause sink.Cause) string {
	if h := hintsOf[kind][cause]; h != "" {
		return h
	}
	if h := hints[cause]; h != "" {
		return h
	}
	return "`grab check` tries every destination; `grab send --list` shows what waits"
}

var hints = map[sink.Cause]string{
	sink.Unreachable: "check the address, name resolution and the firewall; deliveries go on by themselves when it answers",
	sink.Timeout:     "it is reached and does not answer in time: see how the far side is; deliveries go on by themselves",
	sink.Certificate: "see the message. A certificate that has expired is renewed there, and TLS that is missing or too old is mended there: deliveries go on by themselves. For a certificate of another name write its name into the configuration; " +
		"put an authority that is not known here into ca_file when its administrator has confirmed it on another way; then `grab reload`",
	sink.Refused:  "check user, password, token or key, and the rights there; after a change `grab reload`, then deliveries go on",
	sink.Full:     "make room there; deliveries go on by themselves",
	sink.Busy:     "the far side asks to try later, which is done; if it stays, ask its administrator",
	sink.Redirect: "it points elsewhere, where nothing is sent: put the new address into the configuration and `grab reload`",
	sink.Mismatch: "what arrived there is not what was sent: check the far side and proxies between; it is tried again",
	sink.Rejected: "the far side does not take this: see its message; after a change there `grab check` tries all again, after one of the configuration `grab reload`; `grab send INCIDENT --to NAME` one, `--drop` gives it up",
	sink.Local:    "it cannot be prepared or read here: see the message; `grab verify` checks the bundle, `grab send INCIDENT --to NAME` tries again",
}

var hintsOf = map[string]map[sink.Cause]string{
	"folder": {
		sink.Unreachable: "check that the share is mounted and its server reached; deliveries go on by themselves",
		sink.Refused:     "let the user of grab watch write to the folder; deliveries go on by themselves",
		sink.Timeout:     "the share hangs: check its server and the mount; deliveries go on by themselves when it answers",
	},
	"sftp": {
		sink.Certificate: "its host key is not the one that is pinned: ask its administrator on another way, then put the new one into the configuration and `grab reload`",
		sink.Unreachable: "check the address, name resolution and the firewall, and that the folder is there; deliveries go on by themselves",
	},
	"cxd": {
		sink.Refused:  "the case's token is wrong or has expired, other cases go on: put the case's upload token into cxd.tokens or the configuration and `grab reload`",
		sink.Rejected: "see its message; if it has no case, `grab case INCIDENT NUMBER` names it; `grab send INCIDENT --to NAME` tries again, `--drop` gives it up",
	},
}
