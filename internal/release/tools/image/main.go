// Command image makes the container image of a release, without a Docker engine:
//
//	image -out FILE -version V -revision R -date SECONDS -source URL -amd64 FOLDER -arm64 FOLDER
//
// The image is an OCI layout in a tar, an index of linux/amd64 and linux/arm64. It stands on nothing:
// what is in it is grab (which brings the zone data with it), the certificate authorities of the
// Mozilla programme, the licences, an example of the configuration, and the folders that it writes.
// FOLDER is the unpacked archive of that system. The same files give the same bytes.
//
// internal/release/oci looks at what it made, and knows nothing of it.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

// release is what is told of it.
type release struct {
	version, revision, source string
	date                      time.Time
	folders                   map[string]string // of the unpacked archives, by architecture
}

// architectures of the image, in the order of its index.
var architectures = []string{"amd64", "arm64"}

func main() {
	out := flag.String("out", "", "the file to write")
	version := flag.String("version", "", "of the release")
	revision := flag.String("revision", "", "commit it was made of")
	source := flag.String("source", "", "address of the sources")
	epoch := flag.Int64("date", 0, "of the commit, seconds since 1970")
	amd64 := flag.String("amd64", "", "unpacked archive for linux/amd64")
	arm64 := flag.String("arm64", "", "unpacked archive for linux/arm64")
	flag.Parse()

	r := release{*version, *revision, *source, time.Unix(*epoch, 0).UTC(), map[string]string{"amd64": *amd64, "arm64": *arm64}}
	if err := r.make(*out); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}
