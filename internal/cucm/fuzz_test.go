package cucm

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
	"time"

	"rtmtgrab/internal/cucm/soap"
)

// FuzzPhones: whatever RISPort answers, each device is of a node that the answer names, and
// no value has a control character or more than the answer.
func FuzzPhones(f *testing.F) {
	f.Add(`<r><selectCmDeviceReturn><SelectCmDeviceResult><TotalDevicesFound>1</TotalDevicesFound><CmNodes><item><ReturnCode>Ok</ReturnCode><Name>cucm01</Name><CmDevices><item><Name>SEP1</Name>` +
		`<DirNumber>7042-Registered</DirNumber><TimeStamp>1795902690</TimeStamp><IPAddress><item><IP>10.0.30.2</IP></item></IPAddress></item></CmDevices></item></CmNodes></SelectCmDeviceResult>` +
		`<StateInfo>&lt;Node TotalItemsFound="2" TotalItemsReturned="1"/&gt;</StateInfo></selectCmDeviceReturn></r>`)
	f.Add(`<r><item><CmDevices><item/></CmDevices></item></r>`)
	f.Fuzz(func(t *testing.T, text string) {
		d := soap.NewDecoder(strings.NewReader(text), 1<<16)
		start, err := d.Token()
		for err == nil {
			if s, ok := start.(xml.StartElement); ok {
				var a answer
				if readPhones(d, s, &a) != nil {
					return
				}
				names := map[string]bool{}
				for _, n := range a.nodes {
					names[n.Name] = true
				}
				for _, x := range a.devices {
					if !names[x.Node] || x.Name == "" || strings.ContainsFunc(x.Name+x.Description+x.Status, func(r rune) bool { return r < ' ' }) || len(x.Description) > 3*len(text) {
						t.Errorf("%+v of %+v", x, a.nodes)
					}
				}
				return
			}
			start, err = d.Token()
		}
	})
}

// FuzzListed: a listed time reads back as it was written, in the node's zone.
func FuzzListed(f *testing.F) {
	f.Add("Sat Nov 28 21:31:27 EST 2026", int64(1795902690))
	f.Add("Sun Nov 01 01:30:00 EDT 2026", int64(1793511000))
	ny, err := time.LoadLocation("America/New_York")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string, sec int64) {
		listedTime(text, ny)
		at := time.Unix(sec%(1<<33), 0).In(ny)
		if at.Year() < 1970 || at.Year() > 2200 {
			return
		}
		got, twice := listedTime(at.Format("Mon Jan 02 15:04:05 MST 2006"), ny)
		if !got.Equal(at) || twice {
			t.Errorf("%s: %s, twice %v", at, got, twice)
		}
		if got, _ := listedTime(at.Format("Mon Jan 02 15:04:05 XYZ 2006"), ny); got.Sub(at).Abs() > time.Hour {
			t.Errorf("%s without its zone: %s", at, got)
		}
	})
}

// FuzzListing: what selectLogFiles answers gives files with a name and a path.
func FuzzListing(f *testing.F) {
	f.Add(`<r><File><name>a</name><absolutepath>/a</absolutepath><filesize>1</filesize><modifiedDate>Sat Nov 28 21:31:27 EST 2026</modifiedDate></File></r>`)
	f.Add(`<r><SetOfFiles><File><FileName>a</FileName><AbsolutePath>/x/a</AbsolutePath></File></SetOfFiles></r>`)
	f.Fuzz(func(t *testing.T, text string) {
		d := soap.NewDecoder(strings.NewReader(text), 1<<16)
		if _, err := d.Token(); err != nil {
			return
		}
		files, err := readFiles(d, time.UTC)
		if err != nil && err != io.EOF {
			return
		}
		for _, f := range files {
			if f.Name == "" || f.Path == "" || f.Size < -1 {
				t.Errorf("%+v", f)
			}
		}
	})
}
