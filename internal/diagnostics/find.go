package diagnostics

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
)

const (
	ramlPath = "/api/raml"
	resource = "diagnosticlogging"
	maxRAML  = 16 << 20
)

// paths are where it is, as clients know it. The first is asked first unless the appliance's
// own description names a version.
var paths = []string{"/api/provisioning/common/diagnosticlogging", "/api/v1/provisioning/common/diagnosticlogging"}

// Find is the path of diagnostic logging, if the appliance's own description of its API has
// it. Nothing is changed.
func (a *API) Find(ctx context.Context) (string, error) {
	a.mu.Lock()
	path := a.path
	a.mu.Unlock()
	if path != "" {
		return path, nil
	}
	versioned, err := a.described(ctx)
	if err != nil {
		return "", err
	}
	list := paths
	if versioned {
		list = []string{paths[1], paths[0]}
	}
	for _, path := range list {
		_, err = a.ask(ctx, http.MethodGet, path, nil)
		if e, ok := errors.AsType[*Error](err); ok && e.Kind == KindAbsent {
			continue
		}
		if err != nil {
			return "", err
		}
		a.mu.Lock()
		a.path = path
		a.mu.Unlock()
		return path, nil
	}
	return "", err
}

// described reports whether the description speaks of a version of the API; an error if it
// has no diagnostic logging.
func (a *API) described(ctx context.Context) (versioned bool, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, callLimit, errors.New("no whole answer within a minute"))
	defer cancel()
	reply, err := a.send(ctx, http.MethodGet, ramlPath, nil)
	if err != nil {
		return false, err
	}
	defer reply.Body.Close()
	if reply.StatusCode >= 300 {
		text, _ := io.ReadAll(io.LimitReader(reply.Body, maxAnswer))
		return false, a.refusal(reply.StatusCode, text)
	}
	has, versioned, err := readRAML(io.LimitReader(reply.Body, maxRAML))
	switch {
	case err != nil && !has:
		return false, a.err(KindUnreachable, err)
	case !has:
		e := a.err(KindAbsent, nil)
		e.Text = "https://" + a.Node.Address + ramlPath + " does not show " + resource
		return false, e
	}
	return versioned, nil
}

// readRAML looks for the resource in a description. It understands nothing else of it.
func readRAML(r io.Reader) (has, versioned bool, err error) {
	b := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := b.ReadSlice('\n') // a longer line comes in pieces
		low := strings.ToLower(string(line))
		has = has || strings.Contains(low, resource)
		versioned = versioned || strings.Contains(low, "/api/v1") || strings.Contains(low, "/v1/provisioning")
		if err == io.EOF {
			return has, versioned, nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return has, versioned, err
		}
	}
}
