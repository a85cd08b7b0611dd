package channel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/httpproxy"
	"rtmtgrab/internal/redact"
)

// Templates of a Webhook.
const (
	TemplateJSON  = "json"  // the Notice
	TemplateTeams = "teams" // an Adaptive Card, for a Teams workflow "when a webhook request is received"
	TemplateSlack = "slack" // blocks, for an incoming webhook of Slack
)

// idempotency is the header field that bears a notice's ID, quoted, as
// draft-ietf-httpapi-idempotency-key-header has it: what comes with the same one came
// before.
const idempotency = "Idempotency-Key"

// A Webhook posts notices as JSON. Redirects are not followed, and no error holds
// the address, for the address is a secret.
type Webhook struct {
	URL      func() (string, error) // asked anew for every notice; it has judged the address
	Template string
	Client   *http.Client // nil: one without redirects; tests set its transport
}

// Send posts a notice. Any 2xx is success.
func (w *Webhook) Send(ctx context.Context, n Notice) error {
	address, err := w.URL()
	if err != nil {
		return err
	}
	redact.AddURL(address)
	body, err := json.Marshal(w.document(n))
	if err != nil {
		return &Refusal{err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return errors.New("the address is not a URL")
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", "grab")
	req.Header.Set(idempotency, `"`+n.ID+`"`)
	client := w.Client
	if client == nil {
		client = webClient
	}
	resp, err := client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err // without the address
		}
		return fmt.Errorf("post: %w", redact.Error(err))
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 2<<10))
	return judge(resp, string(said))
}

// webClient keeps no connection: notices are few.
var webClient = &http.Client{
	Transport:     &http.Transport{Proxy: httpproxy.Environment, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10, TLSHandshakeTimeout: 10 * time.Second},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// judge reads an answer.
func judge(resp *http.Response, said string) error {
	if resp.StatusCode >= 200 && resp.StatusCode <= 299 {
		return nil
	}
	err := fmt.Errorf("the server answered %d %s %s", resp.StatusCode, http.StatusText(resp.StatusCode), redact.Foreign(strings.TrimSpace(said), 150))
	switch code := resp.StatusCode; {
	case code >= 300 && code <= 399:
		return fmt.Errorf("the server answered %d, a redirect; redirects are not followed", code)
	case code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable:
		return &Wait{retryAfter(resp.Header.Get("Retry-After")), err}
	case code == http.StatusBadRequest || code == http.StatusRequestEntityTooLarge || code == http.StatusUnprocessableEntity:
		return &Refusal{err}
	}
	return err
}

// retryAfter reads seconds or a date; zero if it is neither.
func retryAfter(s string) time.Duration {
	if n, err := strconv.Atoi(s); err == nil && n >= 0 {
		return time.Duration(min(n, 1<<20)) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil {
		return max(0, time.Until(t))
	}
	return 0
}

func (w *Webhook) document(n Notice) any {
	switch w.Template {
	case TemplateTeams:
		return teams(n)
	case TemplateSlack:
		return slack(n)
	}
	return n
}

type object map[string]any

// teams is a card without Markdown, so that nothing out of a mail becomes a link.
// Teams takes at most 28 KB.
func teams(n Notice) any {
	run := func(text string, more object) object {
		o := object{"type": "TextRun", "text": text}
		for k, v := range more {
			o[k] = v
		}
		return object{"type": "RichTextBlock", "inlines": []object{o}}
	}
	body := []object{run(n.Subject, object{"weight": "Bolder", "size": "Medium"})}
	for _, line := range pieces(n.body(), 20<<10, 1000) {
		body = append(body, run(line, nil))
	}
	return object{"type": "message", "attachments": []object{{
		"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": nil,
		"content": object{"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": body},
	}}}
}

// slack is plain text in blocks of at most 3,000 characters; text is what shows
// where there is no room for blocks.
func slack(n Notice) any {
	blocks := []object{{"type": "header", "text": object{"type": "plain_text", "text": evidence.Printable(n.Subject, 140), "emoji": false}}}
	for _, piece := range chunks(n.body(), 2900, 10) {
		blocks = append(blocks, object{"type": "section", "text": object{"type": "plain_text", "text": piece, "emoji": false}})
	}
	return object{"text": slackEscape.Replace(n.Subject), "blocks": blocks}
}

var slackEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// pieces is the lines of a text, each of at most limit runes, as many as fit into so
// many bytes of a card.
func pieces(text string, room, limit int) []string {
	const around = 80 // bytes of JSON for a line
	var out []string
	for line := range strings.Lines(text) {
		line = evidence.Printable(strings.TrimRight(line, "\n"), limit)
		if strings.TrimSpace(line) == "" {
			continue
		}
		quoted, _ := json.Marshal(line) // of a string: cannot fail
		if room -= len(quoted) + around; room < 0 {
			return append(out, "...")
		}
		out = append(out, line)
	}
	return out
}

// chunks cuts a text at line ends into at most most pieces of at most limit runes.
func chunks(text string, limit, most int) []string {
	var out []string
	piece, size := "", 0
	for line := range strings.Lines(text) {
		n := len([]rune(line))
		if n > limit {
			line = evidence.Printable(strings.TrimRight(line, "\n"), limit-4) + "\n"
			n = len([]rune(line))
		}
		if size+n > limit {
			if out = append(out, piece); len(out) == most {
				out[most-1] += "..."
				return out
			}
			piece, size = "", 0
		}
		piece, size = piece+line, size+n
	}
	if strings.TrimSpace(piece) != "" {
		out = append(out, piece)
	}
	return out
}
