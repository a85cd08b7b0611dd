package hubinit

import (
	"slices"
	"time"

	"github.com/nats-io/jwt/v2"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
)

// Self stands in a role for the user's own name, as its credentials have it.
const Self = "{{name()}}"

// Tag is in all credentials that this package makes: their hub has servers as it configures them.
const Tag = "grab-hub-init"

// How long, and how often, a collector may answer one request: a grab by hand takes minutes, and
// tells how far it is.
const (
	answerFor  = time.Hour
	answerMost = 10_000
)

// A Role is which subjects a user may publish to and subscribe to.
type Role struct {
	Publish, Subscribe []string
	Answer             bool // it may answer what it was asked
}

// shared are the buckets in which a collector writes only what is its own, as the subjects that
// it may write; in all others it may write every key.
var shared = map[string]string{
	fleet.StatusBucket:    Self,
	fleet.DirectoryBucket: "*." + Self,
	fleet.ShareBucket:     Self + ".>",
}

// Collector is what a collector may do in its tenant's account: publish alerts and verdicts;
// write its own status and directory, and what it lends; write what collectors agree upon (who owns, who claimed
// what, which logins were refused); read all of these buckets; have consumers of alerts,
// by site; answer requests. It may not make, change, purge or delete streams and buckets, delete
// consumers of alerts, read verdicts, or ask other collectors for anything.
func Collector() Role {
	r := Role{Answer: true, Subscribe: []string{inbox(), "ask.*.*"}}
	r.Publish = []string{"$JS.API.INFO"}
	for _, s := range hub.Streams(1) {
		r.Publish = append(r.Publish, s.Subjects...)
		r.Publish = append(r.Publish, "$JS.API.STREAM.INFO."+s.Name)
	}
	alerts := fleet.AlertStream
	r.Publish = append(r.Publish,
		"$JS.API.CONSUMER.CREATE."+alerts+".*", "$JS.API.CONSUMER.CREATE."+alerts+".*.alerts.*", // of several sites, of one
		"$JS.API.CONSUMER.INFO."+alerts+".*", "$JS.API.CONSUMER.MSG.NEXT."+alerts+".*", "$JS.API.CONSUMER.UNPIN."+alerts+".*",
		"$JS.ACK."+alerts+".>")
	for _, b := range hub.Buckets(1) {
		keys := shared[b.Bucket]
		if keys == "" {
			keys = ">"
		}
		r.Publish = append(r.Publish, "$KV."+b.Bucket+"."+keys)
		r.Publish = append(r.Publish, reading("KV_"+b.Bucket)...)
	}
	return r
}

// Viewing is what who looks at all of a tenant may do: read streams and buckets, and ask
// collectors.
func Viewing() Role {
	r := Role{Subscribe: []string{inbox()}}
	r.Publish = []string{"$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST", "ask.*.*"}
	events, alerts := fleet.EventStream, fleet.AlertStream
	r.Publish = append(r.Publish, reading(events)...)
	r.Publish = append(r.Publish, "$JS.API.CONSUMER.INFO."+events+".*", "$JS.API.CONSUMER.MSG.NEXT."+events+".*", "$JS.ACK."+events+".>")
	r.Publish = append(r.Publish, fetching(alerts)...) // consumers of alerts are the collectors' to make
	r.Publish = append(r.Publish, "$JS.API.CONSUMER.INFO."+alerts+".*", "$JS.API.CONSUMER.LIST."+alerts, "$JS.API.CONSUMER.NAMES."+alerts)
	for _, b := range hub.Buckets(1) {
		if b.Bucket == fleet.ShareBucket { // it is there, and no more
			r.Publish = append(r.Publish, "$JS.API.STREAM.INFO.KV_"+b.Bucket)
			continue
		}
		r.Publish = append(r.Publish, reading("KV_"+b.Bucket)...)
	}
	return r
}

// inbox is fleet.InboxPrefix of whoever it is.
func inbox() string { return "_INBOX." + Self + ".>" }

// fetching is how single messages of a stream are read.
func fetching(stream string) []string {
	return []string{"$JS.API.STREAM.INFO." + stream, "$JS.API.STREAM.MSG.GET." + stream,
		"$JS.API.DIRECT.GET." + stream, "$JS.API.DIRECT.GET." + stream + ".>"}
}

// reading is fetching, and how a stream is followed by a consumer for once.
func reading(stream string) []string {
	return append(fetching(stream), "$JS.API.CONSUMER.CREATE."+stream+".>", "$JS.API.CONSUMER.DELETE."+stream+".*", "$JS.FC."+stream+".>")
}

// scope is a role as an account's signing key carries it.
func (r Role) scope(key, name string) *jwt.UserScope {
	s := jwt.NewUserScope()
	s.Key, s.Role = key, name
	s.Template.Pub.Allow, s.Template.Sub.Allow = slices.Clone(r.Publish), slices.Clone(r.Subscribe)
	if r.Answer {
		s.Template.Resp = &jwt.ResponsePermission{MaxMsgs: answerMost, Expires: answerFor}
	}
	return s
}
