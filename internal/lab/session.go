package lab

import (
	"io"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// session answers the one request of a channel that starts something.
func (s *server) session(ch ssh.Channel, reqs <-chan *ssh.Request) {
	defer ch.Close()
	for req := range reqs {
		var run func() uint32 // returns the exit status
		switch req.Type {
		case "subsystem":
			if payload(req) == "sftp" && s.cfg.Refuses != SFTP {
				run = func() uint32 { return s.serveSFTP(ch) }
			}
		case "exec":
			cmd := payload(req)
			s.countCommand(cmd)
			run = func() uint32 { return s.shell.exec(ch, cmd) }
			if s.cfg.Refuses == Commands {
				run = func() uint32 { return s.serveSFTP(ch) }
			}
		case "shell":
			if s.cfg.Refuses == Commands {
				run = func() uint32 { return s.serveSFTP(ch) }
			}
		}
		if req.WantReply {
			req.Reply(run != nil, nil)
		}
		if run != nil {
			s.wg.Go(func() { ssh.DiscardRequests(reqs) })
			status := run()
			ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
			return
		}
	}
}

func payload(req *ssh.Request) string {
	var p struct{ Value string }
	if err := ssh.Unmarshal(req.Payload, &p); err != nil {
		return ""
	}
	return p.Value
}

func (s *server) countCommand(cmd string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.stats.Commands) >= 1000 {
		s.stats.Commands = s.stats.Commands[1:]
	}
	s.stats.Commands = append(s.stats.Commands, cmd)
}

// serveSFTP serves until the client hangs up. It is the library's plain server:
// its handles are open files, which survive rename and unlink, and its FSTAT
// looks at them, as OpenSSH's does.
func (s *server) serveSFTP(ch ssh.Channel) uint32 {
	s.mu.Lock()
	s.stats.SFTP++
	s.mu.Unlock()
	var wire io.ReadWriteCloser = ch
	if s.cfg.Wire != nil {
		wire = s.cfg.Wire(ch)
	}
	server, err := sftp.NewServer(wire, sftp.ReadOnly(), sftp.WithServerWorkingDirectory(s.cfg.Dir))
	if err != nil {
		return 1
	}
	if err := server.Serve(); err != nil {
		return 1
	}
	return 0
}
