package sshdial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/ssh"

	"rtmtgrab/internal/redact"
)

// A login is the one login of one Dial. It can be handed to several handshakes,
// for those that end at the host key come before it; it submits at most once.
type login struct {
	cred    *credential
	attempt *attempt

	reached bool     // the server has let us ask what it offers
	began   bool     // the key or secret is on its way: an attempt that counts
	unshown bool     // by key, and the server has not seen it
	partial bool     // it was accepted, but does not suffice
	offered []string // methods
	odd     error    // the server asks what we do not answer
	signing error    // the key (an agent's) has not signed
	signed  string   // the algorithm by which it has
	said    string   // what the server has said since the key or secret was on its way
}

// maxSaid is about how many characters of what a server says beside its answer are kept.
const maxSaid = 500

// hear is ssh.ClientConfig.BannerCallback. What comes before a login is anybody's greeting;
// what comes after the secret says why it will not do: an account that has expired, a system
// that is going down. sshd then hangs up without a further word.
func (l *login) hear(text string) error {
	if l.began && len(l.said) < maxSaid {
		l.said = redact.Foreign(strings.TrimSpace(l.said+"\n"+text), maxSaid)
	}
	return nil
}

// next is ssh.ClientConfig.AuthCallback: x/crypto asks it after "none" and after
// every answer. It gives away one method, once. Nil and nil thereafter ends the
// login with the server's own error, as ClientConfig.Auth is empty.
func (l *login) next(ctx context.Context, ac *ssh.ClientAuthContext, remote string) (ssh.AuthMethod, error) {
	l.reached = true
	if l.began {
		l.partial = l.partial || len(ac.PartialSuccessMethods) > 0
		l.offered = ac.AllowedMethods
		return nil, nil
	}
	l.offered = ac.AllowedMethods
	if len(ac.AllowedMethods) == 0 {
		return nil, nil // the connection broke during "none"
	}
	m := l.cred.method(ac.AllowedMethods)
	if m == "" {
		return nil, &Error{Kind: KindNotOffered, Stage: StageLogin, Offered: l.offered,
			Err: fmt.Errorf("it offers %s", strings.Join(l.offered, ", "))}
	}
	if err := l.attempt.begin(ctx, remote); err != nil {
		return nil, err
	}
	l.began = true
	switch m {
	case "publickey":
		l.unshown = true
		return ssh.PublicKeys(watched{l.cred.signer, l}), nil
	case "password":
		return ssh.Password(l.cred.password), nil
	}
	return ssh.KeyboardInteractive(l.answer()), nil
}

// answer answers one hidden prompt, once. Messages without a prompt are let pass.
func (l *login) answer() ssh.KeyboardInteractiveChallenge {
	asked := false
	return func(_, instruction string, questions []string, echos []bool) ([]string, error) {
		l.hear(instruction)
		switch {
		case len(questions) == 0:
			return nil, nil
		case len(questions) > 1:
			l.odd = fmt.Errorf("the server asks %d questions at once", len(questions))
		case asked:
			l.odd = fmt.Errorf("the server asks again: %q", questions[0])
		case echos[0]:
			l.odd = fmt.Errorf("the server asks for something other than a secret: %q", questions[0])
		}
		if l.odd != nil {
			return nil, l.odd
		}
		asked = true
		return []string{l.cred.password}, nil
	}
}

// conclude tells the ledger how the login ended; err is the handshake's.
func (l *login) conclude(err error) {
	if err == nil {
		l.attempt.succeeded()
		return
	}
	if !l.began {
		return
	}
	switch {
	case l.signing != nil, l.unshown: // it never came to an attempt
		l.attempt.cancel()
	case isWire(err): // nobody knows
		l.attempt.release()
	default:
		l.attempt.refused()
	}
}

// explain finds the kind of an error after the server has let us ask.
func (l *login) explain(e *Error, wire bool) {
	switch {
	case !l.began || wire:
		// A connection that breaks, or that the server ends before we try.
	case l.unshown:
		e.Kind = KindNoCommon
	case l.odd != nil:
		e.Kind, e.Err = KindLoginRefused, l.odd
	case l.partial:
		e.Kind, e.Offered = KindLoginRefused, l.offered
		e.Err = fmt.Errorf("the server accepts this but requires more: %s", strings.Join(l.offered, ", "))
	default:
		// Every other answer counts as a no, an ill-formed one too: better stop
		// once too often than be banned.
		e.Kind, e.Offered = KindLoginRefused, l.offered
		if l.cred.signer == nil && strings.Contains(e.Err.Error(), changeRequest) {
			e.Err = errors.New("the server wants the password changed first")
		}
	}
	if l.said != "" {
		e.Err = fmt.Errorf("the server says %q: %w", l.said, e.Err)
	}
}

// changeRequest is how x/crypto puts SSH_MSG_USERAUTH_PASSWD_CHANGEREQ (RFC 4252, section 8).
const changeRequest = "unexpected message type 60 "

// watched remembers how a signer has signed, or why it has not.
type watched struct {
	ssh.MultiAlgorithmSigner
	login *login
}

func (w watched) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	sig, err := w.MultiAlgorithmSigner.SignWithAlgorithm(rand, data, algorithm)
	w.login.signing, w.login.signed = err, algorithm
	return sig, err
}

func (w watched) PublicKey() ssh.PublicKey {
	return watchedKey{w.MultiAlgorithmSigner.PublicKey(), w.login}
}

// watchedKey remembers that it was sent. x/crypto sends no key if it finds no algorithm to
// sign with, an error that has no type.
type watchedKey struct {
	ssh.PublicKey
	login *login
}

func (k watchedKey) Marshal() []byte {
	k.login.unshown = false
	return k.PublicKey.Marshal()
}
