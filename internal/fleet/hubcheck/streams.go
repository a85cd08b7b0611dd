package hubcheck

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"rtmtgrab/internal/fleet"
	"rtmtgrab/internal/fleet/hub"
)

// shareStream is the bucket of what collectors lend.
const shareStream = "KV_" + fleet.ShareBucket

// copies is how many of everything there are to be where there are several servers.
const copies = 3

// streams says which streams and buckets are missing or are not what they have to be.
func streams(ctx context.Context, h *hub.Hub, lends bool) Found {
	var bad, weak, full []string
	n := 0
	for _, want := range wanted() {
		if want.Name == shareStream && !lends {
			continue
		}
		s, err := h.Stream.Stream(ctx, want.Name)
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound):
			bad = append(bad, nameOf(want.Name)+" is missing")
			continue
		case err != nil:
			bad = append(bad, nameOf(want.Name)+" cannot be looked at: "+err.Error())
			continue
		}
		n++
		info := s.CachedInfo()
		if wrong := differs(want, info.Config); len(wrong) > 0 {
			bad = append(bad, nameOf(want.Name)+" is of the wrong kind: "+strings.Join(wrong, ", "))
		}
		weak = append(weak, weakness(h, info)...)
		full = append(full, fullness(info)...)
	}
	f := Found{What: "streams", Detail: fmt.Sprintf("all %d streams and buckets are there", n)}
	switch {
	case len(bad) > 0:
		f.Level, f.Detail = Fail, some(bad)
		f.Hint = "grab hub init DIR makes what is missing, and mends what can be; of what is of another retention or storage it says so: remove that one first, with what is in it"
	case len(weak) > 0:
		f.Level, f.Detail = Warn, some(weak)
		f.Hint = "see that all servers run and find each other (port 6222), then grab hub init DIR"
	case len(full) > 0:
		f.Level, f.Detail = Warn, some(full)
		f.Hint = "what is lent for incidents that are not sealed goes when they are; what a collector left that is gone goes after a day (docs/fleet.md). Until then each has its own copy"
	}
	return f
}

func some(list []string) string {
	if len(list) <= namedMost {
		return strings.Join(list, "; ")
	}
	return strings.Join(list[:namedMost], "; ") + fmt.Sprintf("; and %d more", len(list)-namedMost)
}

// wanted are the streams that hub.Ensure makes, buckets by what they are made of.
func wanted() []jetstream.StreamConfig {
	list := hub.Streams(1)
	for _, b := range hub.Buckets(1) {
		list = append(list, jetstream.StreamConfig{Name: "KV_" + b.Bucket, Subjects: []string{"$KV." + b.Bucket + ".>"}, MaxAge: b.TTL, Storage: b.Storage, MaxMsgsPerSubject: int64(b.History), AllowDirect: true})
	}
	return list
}

// nameOf is what a stream is called where people know it.
func nameOf(stream string) string {
	if name, ok := strings.CutPrefix(stream, "KV_"); ok {
		return "bucket " + name
	}
	return "stream " + stream
}

// differs says what of a stream is another than it has to be.
func differs(want, is jetstream.StreamConfig) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if is.Retention != want.Retention {
		say("retention %s, not %s", is.Retention, want.Retention)
	}
	if is.Storage != want.Storage {
		say("storage %s, not %s", is.Storage, want.Storage)
	}
	slices.Sort(is.Subjects)
	slices.Sort(want.Subjects)
	if !slices.Equal(is.Subjects, want.Subjects) {
		say("subjects %s, not %s", strings.Join(is.Subjects, " "), strings.Join(want.Subjects, " "))
	}
	if shorter := is.MaxAge != 0 && (want.MaxAge == 0 || is.MaxAge < want.MaxAge); shorter || want.Name == "KV_"+fleet.StatusBucket && is.MaxAge != want.MaxAge {
		say("it keeps messages for %v, not %v", is.MaxAge, want.MaxAge)
	}
	if want.Discard == jetstream.DiscardNew && is.Discard != want.Discard {
		say("when it is full it drops the oldest instead of refusing the newest")
	}
	if want.MaxMsgsPerSubject > 0 && is.MaxMsgsPerSubject < 1 {
		say("it is no bucket")
	}
	if want.AllowDirect && !is.AllowDirect {
		say("it cannot be read directly")
	}
	return wrong
}

// fullness says that collectors soon cannot lend any more.
func fullness(info *jetstream.StreamInfo) (full []string) {
	if most := info.Config.MaxBytes; info.Config.Name == shareStream && most > 0 && info.State.Bytes > uint64(most)/10*9 {
		full = append(full, fmt.Sprintf("%s is full, or nearly: %d of %d MiB", nameOf(shareStream), info.State.Bytes>>20, most>>20))
	}
	return full
}

// weakness says of a stream of a hub of several servers that the loss of one would be felt.
func weakness(h *hub.Hub, info *jetstream.StreamInfo) (weak []string) {
	if h.Conn.ConnectedClusterName() == "" || info.Cluster == nil {
		return nil
	}
	if n := info.Config.Replicas; n < copies {
		weak = append(weak, fmt.Sprintf("of %s the servers keep %d of %d copies", nameOf(info.Config.Name), n, copies))
	}
	for _, r := range info.Cluster.Replicas {
		if r.Offline || !r.Current {
			weak = append(weak, fmt.Sprintf("the copy of %s on server %s is not up to date", nameOf(info.Config.Name), r.Name))
		}
	}
	return weak
}
