//go:build !windows

package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/collector/notify/channel"
	"rtmtgrab/internal/lab/cucmlab"
	"rtmtgrab/internal/lab/rtmt"
	"rtmtgrab/internal/testserver"
)

// BenchmarkNames is how long after the delivery of an alert's mail the first notice names the
// phones: over lines to CUCM on which each of the three round trips of an answer (connecting, TLS,
// the request) takes so long; without CUCM for comparison.
func BenchmarkNames(b *testing.B) {
	const runs = 3
	rows := []string{"| CUCM | the first notice, after the mail |", "|---|---|"}
	for _, trip := range []time.Duration{-1, 0, 100 * time.Millisecond, 300 * time.Millisecond, time.Second} {
		var after []time.Duration
		for range runs {
			b.Run("", func(b *testing.B) {
				after = append(after, namesAfter(b, trip))
			})
		}
		what := fmt.Sprintf("%v a round trip", trip)
		if trip < 0 {
			what = "not asked"
		}
		rows = append(rows, fmt.Sprintf("| %s | %s |", what, spread(after)))
	}
	fmt.Printf("\n### Names in the first notice, %d runs\n\n%s\n", runs, strings.Join(rows, "\n"))
}

func spread(all []time.Duration) string {
	slices.Sort(all)
	return fmt.Sprintf("%.2f s (%.2f to %.2f)", all[len(all)/2].Seconds(), all[0].Seconds(), all[len(all)-1].Seconds())
}

// namesAfter is when the first notice was made, after the mail was delivered. A trip below zero:
// CUCM is not asked.
func namesAfter(b *testing.B, trip time.Duration) time.Duration {
	c, came := newToldLab(b, "1h")
	if trip >= 0 {
		cluster, err := cucmlab.New(b.Context(), cucmlab.Config{Records: []cucmlab.Record{{Device: came.Device, Node: "cucm01", Status: "PartiallyRegistered", Since: came.Time, IP: "10.0.30.2",
			Description: "Reception, home", Lines: []cucmlab.LineState{{Number: "7042", Status: "Registered"}, {Number: "7043", Status: "UnRegistered"}}}}})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { cluster.Close() })
		line, err := testserver.Start(cluster.Nodes()[0].Addr(), trip)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { line.Close() })
		account := cluster.Account(cucmlab.RoleRealtime)
		c.File("cucm.secret", account.Password)
		c.File("cucm-ca.pem", string(cluster.CAPEM()))
		c.Extra += fmt.Sprintf("\ncucm: [{cluster: Main, publisher: %q, user: %s, password: {file: cucm.secret}, ca_file: cucm-ca.pem, proxy: none}]\n", line.Addr(), account.User)
		c.Write()
		c.Replace("  - name: hq\n", "  - name: hq\n    cucm: [Main]\n")
	}
	stop := c.watching(c.Socket())
	defer stop()
	began := time.Now()
	c.alertNow(rtmt.MailOptions{Node: "cucm01", Count: 1})

	n := c.toldOf(channel.KindCopied, 1)[0]
	if named := strings.Contains(n.Text, came.Device+", 7042 up, 7043 down, Reception, home"); named != (trip >= 0) {
		b.Fatalf("named %v:\n%s", named, n.Text)
	}
	return n.Time.Sub(began)
}
