package mailwatch_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"time"

	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/mailwatch"
)

// A mail of RTMT lies in the mailbox; the watcher hands its alert over, and the cursor
// passes it only then.
func ExampleWatcher() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	box, err := rtmt.NewMailbox(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer box.Close()
	raised := time.Date(2026, 3, 2, 14, 14, 7, 0, time.UTC)
	if err := box.Deliver(rtmt.Mail(rtmt.MailOptions{Node: "cucm02", Count: 3, Time: raised}), time.Time{}); err != nil {
		fmt.Println(err)
		return
	}

	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(box.CAPEM())
	w := &mailwatch.Watcher{
		Server: mailwatch.Server{
			Addr: box.Addr(), TLSConfig: &tls.Config{RootCAs: roots},
			User: box.User, Password: func() (string, error) { return box.Password, nil },
		},
		CatchUp: time.Hour, // at the very first start
		Log:     slog.New(slog.DiscardHandler),
		Intake: mailwatch.Intake{
			Handle: func(_ context.Context, m mailwatch.Mail) error {
				a := m.Alert // a program writes it to its disk here
				fmt.Println(a.Cluster, a.Node, a.Name, *a.Count, a.Time.Format(time.RFC3339))
				return nil
			},
		},
		CursorStore: mailwatch.CursorStore{
			Load: func() (mailwatch.Cursor, bool, error) { return mailwatch.Cursor{}, false, nil },
			Save: func(c mailwatch.Cursor) error {
				if c.UID > 0 {
					fmt.Println("cursor at", c.UID)
					cancel()
				}
				return nil
			},
		},
	}
	w.Run(ctx)
	// Output:
	// StandAloneCluster cucm02 PartiallyRegisteredPhone 3 2026-03-02T14:14:07Z
	// cursor at 1
}
