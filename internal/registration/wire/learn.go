package wire

// Learned is what somebody else's record tells of a transaction: CUCM's own trace.
type Learned struct {
	Kind     string // KindFull and the like; empty: it does not tell
	Answered bool   // it shows the answer: what follows
	NewReg   bool
	Rejected bool
	Expires  int32 // 0: not said
}

// Learn takes of transactions what the Expressways did not log, and nothing that they did.
func (w *Wire) Learn(of func(*Txn) Learned) {
	for _, l := range w.Timelines {
		learned := false
		for _, t := range l.Txns {
			learned = t.learn(of(t)) || learned
		}
		if learned {
			l.allSecondary()
		}
	}
}

func (t *Txn) learn(k Learned) (learned bool) {
	if t.Kind == KindRegister && k.Kind != "" {
		t.Kind, learned = k.Kind, true
		t.Marks.bulk = t.Marks.bulk || k.Kind == KindFull
	}
	if k.Answered && t.Code/100 == 2 && !t.Marks.Told {
		t.Marks.Told, t.Marks.NewReg, t.Marks.Rejected = true, t.Marks.NewReg || k.NewReg, t.Marks.Rejected || k.Rejected
		if t.Expires <= 0 {
			t.Expires = k.Expires
		}
		learned = true
	}
	return learned
}
