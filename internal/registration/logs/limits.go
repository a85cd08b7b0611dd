package logs

// What an analysis keeps and a report says at most, whatever the logs are: an Expressway-E
// logs what any stranger sends. What is beyond it is counted and said. Ordinary sites stay
// far below: 5,000 phones for 20 min take a third of what one log may.
const (
	// MaxKept is how many bytes may be kept of all logs, by what a message costs up to the
	// finished report. A process that analyses may have 512 MiB, and the garbage collector
	// needs room.
	MaxKept = 336 << 20

	// Of that, one part in sixteen is for logs that hold no SIP messages. Each log has an
	// equal share, so that one host's flood takes nothing from another's log.
	otherPart = 16
	// Of a log's share, phones that never registered in it have one part in four: they may
	// be strangers, who must not crowd out those that did.
	strangerPart = 4
	// Beyond that part, so much of it is for what else their calls say: an answer that is
	// not kept would look like none.
	overdraft = 4
	notePart  = 4 // for records of connections and events
	linePart  = 8 // for what is noted of phones' lines

	// MaxPhones is how many a report lists: more than an Expressway serves, and what a
	// browser still shows.
	MaxPhones = 5000
	// MaxNumbers and MaxCallIDs are how many are listed of one phone: phones have at most
	// some fifty lines, and a new Call-ID with each registration.
	MaxNumbers, MaxCallIDs = 100, 200
	// MaxTransactions is how many a report lists: 5,000 phones for 80 min, some 100 MB of
	// JSON. MaxOfPhone is how many of one phone: one each second for more than an hour.
	MaxTransactions, MaxOfPhone = 200_000, 5000

	// The messages of one Call-ID in one log: of one that never registered, and of one that
	// did, which is ten a second for half an hour.
	maxStranger, maxCall = 200, 20_000
	// Records of connections, and events, of one log.
	maxNotes = 200_000
	// Calls beyond all that are counted, each once, as long as these many do.
	maxCounted = 400_000
)

// What things cost in bytes of memory, from reading to the finished report, as measured.
const (
	costCall    = 4500 // its timeline, phone, ruling, and words
	costAttempt = 800  // a transaction, mostly
	costMessage = 70   // a record of one; most have two
	costNote    = 48
	costText    = 96 // beside its bytes
	costLine    = 200
	costStretch = 16
)
