package main

import (
	"fmt"
	"os/exec"
	"os/user"
	"strconv"

	"rtmtgrab/internal/config"
)

// nameless looks for what the configuration names and this machine does not have. That
// keeps no watcher from starting, so it is no fault of the file; it keeps people from
// being told, and from asking.
func (c *checkup) nameless() {
	if g := c.cfg.Socket.Group; g != "" && c.cfg.Socket.Path != config.SocketNone {
		_, err := user.LookupGroup(g)
		if _, number := strconv.Atoi(g); err != nil && number != nil {
			c.add(finding{What: "socket", Status: statusFail, Detail: fmt.Sprintf("socket.group: there is no group %s on this machine, so that grab watch answers nobody", g),
				Hint: "groupadd " + g + ", or name another under socket.group; then restart or reload grab watch"})
		}
	}
	if n := c.cfg.Notify; n != nil && len(n.Command) > 0 {
		if _, err := exec.LookPath(n.Command[0]); err != nil {
			c.add(finding{What: "notice/command", Status: statusFail, Detail: "notify.command: " + err.Error(), Hint: "put the program there, and make it executable (chmod 755)"})
		}
	}
}
