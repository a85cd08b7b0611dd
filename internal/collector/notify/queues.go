package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/config"
)

// Webhooks are called by their places in the configuration, and so are the folders in which their notices wait. A
// folder says which webhook its notices are for, so that they go with it when the places change.
const (
	ownerFile = "owner"
	asideName = "webhook-aside-" // with the owner: it is at no place now
	asideAge  = 7 * 24 * time.Hour
)

// ownerOf tells a webhook from others: by where its address is kept, or else by the address, which nobody can make
// out of it.
func ownerOf(h config.Webhook) string {
	from := h.URL.Source()
	if h.URL.FileName() == "" && h.URL.EnvName() == "" {
		from, _ = h.URL.Read() // it is in memory
	}
	sum := sha256.Sum256([]byte("grab webhook\x00" + from))
	return hex.EncodeToString(sum[:16])
}

func webhookName(i int) string { return fmt.Sprintf("webhook-%d", i+1) }

// owners are the webhooks by their places.
func owners(n *config.Notify) map[string]string {
	all := map[string]string{}
	for i, h := range n.Webhooks {
		all[webhookName(i)] = ownerOf(h)
	}
	return all
}

// settleQueues has each webhook's notices in the folder of its place. Those of one that is gone wait a week for it to
// come back.
func settleQueues(outbox string, owners map[string]string) error {
	var errs []error
	entries, err := os.ReadDir(outbox)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(outbox, e.Name())
		owner, err := os.ReadFile(filepath.Join(path, ownerFile))
		switch {
		case !strings.HasPrefix(e.Name(), "webhook-"), err != nil: // of a version that did not say it: the one at its place
		case strings.HasPrefix(e.Name(), asideName):
			if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > asideAge {
				errs = append(errs, os.RemoveAll(path))
			}
		case owners[e.Name()] != string(owner) && len(owner) == 32:
			errs = append(errs, atomicfile.Rename(path, filepath.Join(outbox, asideName+string(owner))))
		}
	}
	for name, owner := range owners {
		path := filepath.Join(outbox, name)
		err := atomicfile.Rename(filepath.Join(outbox, asideName+owner), path)
		if _, there := os.Stat(path); there == nil || errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		if _, lacks := os.Stat(filepath.Join(path, ownerFile)); lacks != nil {
			err = errors.Join(err, atomicfile.MkdirAll(path), atomicfile.WriteBytes(filepath.Join(path, ownerFile), []byte(owner)))
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
