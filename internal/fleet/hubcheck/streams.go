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
	"rtmtgrab/internal/human"
)

// shareStream is the bucket of what collectors lend.
const shareStream = "KV_" + fleet.ShareBucket

// smallMessage is the most that a collector sends in one message, but for what it lends: of an alert as much of the mail goes as
// a hub takes, what came of a grab for somebody else is not cut.
const smallMessage = 512 << 10

// copies is how many of everything there are to be where there are several servers.
const copies = 3

// streams says which streams and buckets are missing or are not what they have to be.
func streams(ctx context.Context, h *hub.Hub, lends bool) Found {
	var bad, weak, refusing, full []string
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
		lent, refuses := fullness(info)
		full, refusing = append(full, lent...), append(refusing, refuses...)
	}
	f := Found{What: "streams", Detail: fmt.Sprintf("all %d streams and buckets are there", n)}
	switch {
	case len(bad) > 0:
		f.Level, f.Detail = Fail, some(bad)
		f.Hint = "grab hub init DIR makes what is missing, and mends what can be; of what is of another retention or storage it says so: remove that one first, with what is in it"
	case len(weak) > 0:
		f.Level, f.Detail = Warn, some(weak)
		f.Hint = "see that all servers run and find each other (port 6222), then grab hub init DIR"
	case len(refusing) > 0:
		f.Level, f.Detail = Warn, some(refusing)
		f.Hint = "what it refuses waits at the collectors, and is lost nowhere: alerts are kept for 7 days, so make two tenants of one, or give the stream more room (docs/fleet.md)"
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
		list = append(list, jetstream.StreamConfig{Name: "KV_" + b.Bucket, Subjects: []string{"$KV." + b.Bucket + ".>"}, MaxAge: b.TTL, Storage: b.Storage, MaxMsgsPerSubject: int64(b.History), MaxMsgSize: b.MaxValueSize, AllowDirect: true, Discard: jetstream.DiscardNew})
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
	if most := is.MaxMsgsPerSubject; want.MaxMsgsPerSubject == 0 && most > 0 {
		say("of each subject it keeps the last %d and drops the rest", most)
	}
	if least := leastMessage(want); is.MaxMsgSize > 0 && int64(is.MaxMsgSize) < least {
		say("it takes messages of at most %s, not of %s", human.Size(int64(is.MaxMsgSize)), human.Size(least))
	}
	if want.MaxMsgsPerSubject > 0 && is.MaxMsgsPerSubject < 1 {
		say("it is no bucket")
	}
	if want.AllowDirect && !is.AllowDirect {
		say("it cannot be read directly")
	}
	return wrong
}

// leastMessage is how large a message a stream has to take.
func leastMessage(of jetstream.StreamConfig) int64 {
	switch most := int64(of.MaxMsgSize); {
	case of.Name == shareStream:
		return fleet.MaxLent
	case most > 0:
		return min(most, smallMessage)
	}
	return smallMessage
}

// fullness says that collectors soon cannot lend any more, or that a stream that drops nothing soon refuses what comes.
func fullness(info *jetstream.StreamInfo) (lent, refuses []string) {
	c, name := info.Config, nameOf(info.Config.Name)
	switch bytes, n := info.State.Bytes, info.State.Msgs; {
	case c.Discard != jetstream.DiscardNew:
	case c.MaxBytes > 0 && bytes > uint64(c.MaxBytes)/10*9:
		said := fmt.Sprintf("%s is full, or nearly: %d of %d MiB", name, bytes>>20, c.MaxBytes>>20)
		if c.Name == shareStream {
			return []string{said}, nil
		}
		refuses = append(refuses, said)
	case c.MaxMsgs > 0 && n > uint64(c.MaxMsgs)/10*9:
		refuses = append(refuses, fmt.Sprintf("%s is full, or nearly: %d of %d messages", name, n, c.MaxMsgs))
	}
	return nil, refuses
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
