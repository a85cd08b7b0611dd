// Package bench measures grab against scp, sftp, rsync and lftp, side by side on
// OpenSSH's own server behind a proxy that adds latency. It holds nothing but
// benchmarks, for Linux: `make bench` runs them, docs/benchmarks.md has the figures.
package bench
