package handing

import (
	"errors"

	"rtmtgrab/bundle/seal/envelope"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/evidence"
	"rtmtgrab/internal/terminal"
)

// A PassphraseSource is where the passphrase of a key is: in a file, in a variable of the
// environment, or, with neither, in the head of who sits at the terminal.
type PassphraseSource struct{ File, Env string }

// Ask is that. person is nil where nobody can be asked.
func (s PassphraseSource) Ask(person *terminal.Asker) (envelope.Passphrase, error) {
	switch {
	case s.File != "" && s.Env != "":
		return nil, advice.Usage(errors.New("--passphrase-file and --passphrase-env: name one of them"))
	case s.File != "":
		return read(config.SecretFile(s.File)), nil
	case s.Env != "":
		return read(config.SecretEnv(s.Env)), nil
	case person == nil:
		return nil, nil
	}
	return func(file string) (string, error) {
		words, ok := person.Secret("Passphrase of %s:", evidence.Printable(file, 200))
		if !ok || words == "" {
			return "", envelope.ErrNoPassphrase
		}
		return words, nil
	}, nil
}

func read(s config.Secret) envelope.Passphrase {
	return func(string) (string, error) { return s.Read() }
}
