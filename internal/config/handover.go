package config

import (
	"crypto/x509"
	"slices"
	"strings"

	"rtmtgrab/internal/config/secret"
	"rtmtgrab/internal/evidence"
)

// What is taken out of a bundle before it is handed over, Handover.Mask.
const (
	MaskNone        = "none"
	MaskCredentials = "credentials"
	MaskIdentities  = "identities" // credentials too
)

// KindHand is what Handover.Kinds calls grabs by hand.
const KindHand = "hand"

// Handover is one destination of finished bundles: which ones go there, in what form, and
// exactly one place.
type Handover struct {
	Name string `yaml:"name"` // goes into names of files
	Conditions

	Format    string   `yaml:"format"`    // zip, tar.zst or tar.gz; that of bundle: if none is given
	Mask      string   `yaml:"mask"`      // filled in, see defaultMask
	Seal      []string `yaml:"seal,some"` // recipients, or files of them, absolute; empty: not encrypted. See Recipients
	Bandwidth int64    `yaml:"bandwidth,size"`
	Case      string   `yaml:"case"` // where the incident has none

	Folder string     `yaml:"folder,path"`
	SFTP   *SFTPSink  `yaml:"sftp"`
	S3     *S3Sink    `yaml:"s3"`
	HTTPS  *HTTPSSink `yaml:"https"`
	CXD    *CXDSink   `yaml:"cxd"`
	Mail   *MailSink  `yaml:"mail"`
}

// Conditions say which bundles go to a destination. All that are given must be met; an
// empty list is met by all.
type Conditions struct {
	Sites    []string `yaml:"sites"`    // as the sites are written
	Kinds    []string `yaml:"kinds"`    // of alerts.kinds, evidence.DefaultKind, KindHand
	Verdicts []string `yaml:"verdicts"` // of the report; a bundle without one is "unknown"
	Coverage []string `yaml:"coverage"`
}

// SFTPSink is a folder on an SSH server.
type SFTPSink struct {
	Address string `yaml:"address"`  // as of Host
	HostKey string `yaml:"host_key"` // as of Host
	Account        // KnownHosts is that of ssh: if it has none itself
	Jump    []Jump `yaml:"jump"`
	Dir     string `yaml:"dir"` // "." is where the login begins
}

// S3Sink is a bucket of S3, or of what is compatible with it.
type S3Sink struct {
	Endpoint     string `yaml:"endpoint"` // host or host:port, by https; empty: that of AWS in Region
	Bucket       string `yaml:"bucket"`
	Region       string `yaml:"region"`
	Prefix       string `yaml:"prefix"`     // before the names of objects
	PathStyle    bool   `yaml:"path_style"` // the bucket in the path, not in the host's name
	AccessKey    Secret `yaml:"access_key"` // with SecretKey; neither: the instance's own credentials
	SecretKey    Secret `yaml:"secret_key"`
	SessionToken Secret `yaml:"session_token"`
	Encryption   string `yaml:"encryption"` // by the server: none, aes256 or kms
	KMSKey       string `yaml:"kms_key"`    // empty: the account's default
	Plain        bool   `yaml:"plain"`      // http, for loopback addresses only
	CAFile       string `yaml:"ca_file,path"`
	ca           caText // what CAFile held when it was judged
	Proxy        Proxy  `yaml:"proxy"`
}

// HTTPSSink is an address that bundles are put or posted to.
type HTTPSSink struct {
	URL         Address  `yaml:"url"`    // with PUT the bundle's name is added, or stands for {name}
	Method      string   `yaml:"method"` // PUT or POST
	Headers     []Header `yaml:"headers"`
	User        string   `yaml:"user"` // with Password: basic authentication
	Password    Secret   `yaml:"password"`
	Bearer      Secret   `yaml:"bearer"`      // in place of a user
	Certificate Secret   `yaml:"certificate"` // PEM: the client's certificate and its key
	CAFile      string   `yaml:"ca_file,path"`
	ca          caText   // what CAFile held when it was judged
	Proxy       Proxy    `yaml:"proxy"`
}

// Header is a header field of a request.
type Header struct {
	Name  string `yaml:"name"`
	Value Value  `yaml:"value"`
}

// CXDSink is the Customer eXperience Drive, by which a vendor's cases take files.
type CXDSink struct {
	URL    Address `yaml:"url"`         // the folder that files are put into
	Token  Secret  `yaml:"token"`       // of Handover.Case
	Tokens string  `yaml:"tokens,path"` // folder: a file with the token for each case, called like it
	CAFile string  `yaml:"ca_file,path"`
	ca     caText  // what CAFile held when it was judged
	Proxy  Proxy   `yaml:"proxy"`
}

// MailSink sends what is known of a bundle through smtp:, never the bundle.
type MailSink struct {
	To   []string `yaml:"to,some"` // bare addresses
	Link string   `yaml:"link"`    // where the bundle is to be had; {name} and {case} stand for its own; may be empty
}

// Roots are the authorities of CAFile, or nil for the system's if there is none.
func (s *S3Sink) Roots() (*x509.CertPool, error) { return roots(s.CAFile, s.ca) }

// Roots is that of S3Sink.
func (s *HTTPSSink) Roots() (*x509.CertPool, error) { return roots(s.CAFile, s.ca) }

// Roots is that of S3Sink.
func (s *CXDSink) Roots() (*x509.CertPool, error) { return roots(s.CAFile, s.ca) }

// Sink is the key of what the entry hands over to: folder, sftp, s3, https, cxd, mail.
func (h *Handover) Sink() string {
	if given := h.sinks(); len(given) > 0 {
		return given[0]
	}
	return ""
}

// sinks are the keys of all destinations that the entry names.
func (h *Handover) sinks() (given []string) {
	for _, s := range []struct {
		key string
		is  bool
	}{{"folder", h.Folder != ""}, {"sftp", h.SFTP != nil}, {"s3", h.S3 != nil}, {"https", h.HTTPS != nil}, {"cxd", h.CXD != nil}, {"mail", h.Mail != nil}} {
		if s.is {
			given = append(given, s.key)
		}
	}
	return given
}

// Destination is the entry of handover: of that name, without regard to case, or nil.
func (c *Config) Destination(name string) *Handover {
	for i := range c.Handover {
		if strings.EqualFold(c.Handover[i].Name, name) {
			return &c.Handover[i]
		}
	}
	return nil
}

// A Finished bundle is what conditions are asked of.
type Finished struct {
	Site     string
	Kind     string // of its alerts, KindHand of a grab by hand; empty: evidence.DefaultKind
	Verdict  string // of its report; empty: it has none
	Coverage evidence.Coverage
}

// Takes reports whether a bundle meets the conditions.
func (h Conditions) Takes(b Finished) bool {
	if b.Kind == "" {
		b.Kind = evidence.DefaultKind
	}
	if b.Verdict == "" {
		b.Verdict = "unknown"
	}
	return among(h.Sites, b.Site) && among(h.Kinds, b.Kind) && among(h.Verdicts, b.Verdict) && among(h.Coverage, string(b.Coverage))
}

// among reports whether a list is empty or has s, without regard to case.
func among(list []string, s string) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(l string) bool { return strings.EqualFold(l, s) })
}

// Recipients are those, and files of those, to whom bundles of a site are encrypted.
func (h *Handover) Recipients(site string) []string {
	out := make([]string, len(h.Seal))
	for i, to := range h.Seal {
		out[i] = strings.ReplaceAll(to, siteMark, site)
	}
	return out
}

// siteMark stands for the site in names of recipients' files.
const siteMark = "{site}"

// defaultMask is what goes from a bundle unless the file says otherwise: a folder is this
// site's own, everything else may be read by others.
func defaultMask(sink string) string {
	if sink == "folder" {
		return MaskNone
	}
	return MaskIdentities
}

func beginHandover(v any, cfg *Config) {
	switch v := v.(type) {
	case *SFTPSink:
		*v = SFTPSink{Account: Account{Login: "auto", Compat: CompatNone}, Dir: "."}
		if cfg != nil {
			v.KnownHosts = cfg.SSH.KnownHosts
		}
	case *S3Sink:
		*v = S3Sink{Region: "us-east-1", Encryption: "none"}
	case *HTTPSSink:
		*v = HTTPSSink{Method: "PUT"}
	case *CXDSink:
		*v = CXDSink{URL: Address{secret.Text(cxdURL)}}
	}
}

const cxdURL = "https://cxd.cisco.com/home/"
