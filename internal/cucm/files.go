package cucm

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"rtmtgrab/internal/cucm/soap"
	"rtmtgrab/internal/evidence"
)

// What logs of a node are asked for.
const (
	LogSDL         = "sdl"         // traces of Cisco CallManager
	LogSystem      = "system"      // Event Viewer System
	LogApplication = "application" // Event Viewer Application
	LogAlerts      = "alertlog"    // AlertLog of Cisco AMC Service
)

// Logs are all of them, in their order.
var Logs = []string{LogSDL, LogSystem, LogApplication, LogAlerts}

const (
	dimePath   = "/logcollectionservice/services/DimeGetFileService"
	dimeAction = "http://schemas.cisco.com/ast/soap/action/#LogCollectionPort#GetOneFile"

	callManager = "Cisco CallManager"
	amcService  = "Cisco AMC Service"
)

// A File is a log file of a node, as it was listed.
type File struct {
	Name     string
	Path     string
	Size     int64     // of the listing: it may have grown since; -1: not told
	Modified time.Time // zero: not told
	Twice    bool      // Modified stands in the hour that comes twice: it may be an hour later
}

// Growing reports whether the file is still written when it was listed.
func (f File) Growing() bool { return strings.HasSuffix(strings.ToLower(f.Name), ".gzo") }

// Files lists the logs of a kind that may hold something of a window. What CUCM's own
// filter lets through is filtered again by when each was written last: a file reaches back
// to where the one before it ends.
func (c *Cluster) Files(ctx context.Context, n Node, kind string, w evidence.Window) ([]File, error) {
	service, system, err := names(ctx, c, n, kind)
	if err != nil {
		return nil, err
	}
	zone := zoneText(ctx, c, n)
	loc := location(c, zone)
	now := time.Now()
	from, to := w.Since.Add(-slack-time.Hour), now.Add(24*time.Hour) // whether summer time counts is not known; what is written on is modified later
	if w.Until.After(to) {
		to = w.Until.Add(slack)
	}
	body := fmt.Sprintf(`<a:selectLogFiles><a:FileSelectionCriteria><a:ServiceLogs><a:item>%s</a:item></a:ServiceLogs><a:SystemLogs><a:item>%s</a:item></a:SystemLogs>`+
		`<a:SearchStr/><a:Frequency>OnDemand</a:Frequency><a:JobType>DownloadtoClient</a:JobType><a:ToDate>%s</a:ToDate><a:FromDate>%s</a:FromDate><a:TimeZone>%s</a:TimeZone>`+
		`<a:RelText>None</a:RelText><a:RelTime>0</a:RelTime><a:Port/><a:IPAddress/><a:UserName/><a:Password/><a:ZipInfo>false</a:ZipInfo><a:RemoteFolder/>`+
		`</a:FileSelectionCriteria></a:selectLogFiles>`, escape(service), escape(system), listDate(to, loc), listDate(from, loc), escape(zone))
	r := soap.Request{Service: logService, Path: logPath, Action: "selectLogFiles", Body: body, Background: true}
	var files []File
	err = c.soap.Call(ctx, target(n), r, func(d *xml.Decoder, _ xml.StartElement) error {
		files, err = readFiles(d, loc)
		return err
	})
	if err != nil {
		return nil, err
	}
	return within(files, kind, w), nil
}

// Zone is the zone that a node's logs are written in: as it says itself, else as it is
// configured.
func (c *Cluster) Zone(ctx context.Context, n Node) *time.Location {
	return location(c, zoneText(ctx, c, n))
}

// Open opens a file of a node as a stream of its bytes, compressed as they are. Close ends
// the connection; ctx holds until then.
func (c *Cluster) Open(ctx context.Context, n Node, path string) (io.ReadCloser, error) {
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "/../") || strings.ContainsFunc(path, func(r rune) bool { return r < ' ' }) {
		return nil, &Error{Kind: KindLocal, Cluster: c.cfg.Cluster, Node: n.Name, Address: n.Address, Service: logService, Err: fmt.Errorf("%q is no path of a log", path)}
	}
	dime := soap.Request{Service: logService, Path: dimePath, Action: dimeAction, Background: true,
		Body: `<d:GetOneFile S:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><FileName i:type="f:FileName" xmlns:f="http://cisco.com/ccm/serviceability/soap/LogCollection/GetFile/">` + escape(path) + `</FileName></d:GetOneFile>`}
	f, err := c.soap.File(ctx, target(n), dime)
	if e, ok := errors.AsType[*Error](err); ok && (e.Kind == KindService || e.Kind == KindAnswer && e.Status == 200) {
		other := soap.Request{Service: logService, Path: logPath, Action: "GetOneFile", Background: true, Body: `<a:FileName>` + escape(path) + `</a:FileName>`}
		f, again := c.soap.File(ctx, target(n), other)
		if again == nil {
			return f, nil
		}
		if o, ok := errors.AsType[*Error](again); ok && o.Kind != KindService && o.Kind != KindAnswer {
			return nil, again // it has the operation: what it says is of the file
		}
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// OpenFile is Open of a listed file whose length is compared at its end: one that is
// shorter than it was listed ends with an error. One may have grown.
func (c *Cluster) OpenFile(ctx context.Context, n Node, f File) (io.ReadCloser, error) {
	body, err := c.Open(ctx, n, f.Path)
	if err != nil {
		return nil, err
	}
	return &measured{ReadCloser: body, want: f.Size}, nil
}

// slack is what clocks and the minutes of the listing may differ by.
const slack = 2 * time.Minute

// maxFiles bounds a listing.
const maxFiles = 20_000

type xmlFile struct {
	Name     string `xml:"name"`
	FileName string `xml:"filename"`
	Path     string `xml:"absolutepath"`
	Size     string `xml:"filesize"`
	Modified string `xml:"modifieddate"`
}

// readFiles reads the files of a listing, wherever in it they stand. One without any is
// no fault.
func readFiles(d *xml.Decoder, loc *time.Location) ([]File, error) {
	var files []File
	depth := 1
	for depth > 0 {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.EndElement:
			depth--
		case xml.StartElement:
			if t.Name.Local != "file" {
				depth++
				continue
			}
			var x xmlFile
			if err := d.DecodeElement(&x, &t); err != nil {
				return nil, err
			}
			if f, ok := x.file(loc); ok {
				files = append(files, f)
			}
			if len(files) > maxFiles {
				return nil, fmt.Errorf("more than %d files are listed", maxFiles)
			}
		}
	}
	return files, nil
}

func (x xmlFile) file(loc *time.Location) (File, bool) {
	f := File{Name: clean(cmp.Or(x.Name, x.FileName)), Path: clean(x.Path), Size: -1}
	if f.Name == "" {
		f.Name = f.Path[strings.LastIndexByte(f.Path, '/')+1:]
	}
	if n, err := strconv.ParseInt(clean(x.Size), 10, 64); err == nil && n >= 0 {
		f.Size = n
	}
	f.Modified, f.Twice = listedTime(clean(x.Modified), loc)
	return f, f.Path != "" && f.Name != ""
}

// names are what a kind of log is called on a node: as a service, or as a system log. They
// differ by release and language, so what the node lists is looked at.
func names(ctx context.Context, c *Cluster, n Node, kind string) (service, system string, err error) {
	lists, err := c.Services(ctx, n)
	if err != nil {
		return "", "", err
	}
	var own Services
	for _, s := range lists {
		if n.Is(s.Node) || len(lists) == 1 {
			own = s
		}
	}
	pick := func(names []string, words ...string) string {
		for _, name := range names {
			low := strings.ToLower(name)
			if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(low, w) }) {
				return name
			}
		}
		return ""
	}
	switch kind {
	case LogSDL:
		service = cmp.Or(exact(own.Service, callManager), callManager)
	case LogAlerts:
		service = cmp.Or(exact(own.Service, amcService), amcService)
	case LogSystem:
		system = cmp.Or(pick(own.System, "event viewer", "system"), "Event Viewer-System Log")
	case LogApplication:
		system = cmp.Or(pick(own.System, "event viewer", "application"), "Event Viewer-Application Log")
	default:
		return "", "", fmt.Errorf("logs of the kind %s are not known", kind)
	}
	return service, system, nil
}

func exact(names []string, want string) string {
	for _, n := range names {
		if strings.EqualFold(strings.TrimSpace(n), want) {
			return n
		}
	}
	return ""
}
