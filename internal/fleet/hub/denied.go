package hub

import (
	"errors"

	"github.com/nats-io/nats.go"
)

// Denied is what these credentials were not allowed last; nil: nothing, as far as the hub has
// said so. Who asks for something that is not allowed gets no answer otherwise.
func (h *Hub) Denied() error {
	if err := h.Conn.LastError(); errors.Is(err, nats.ErrPermissionViolation) {
		return err
	}
	return nil
}
