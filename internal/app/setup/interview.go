package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"rtmtgrab/fetch/hostconn"
	"rtmtgrab/internal/atomicfile"
	"rtmtgrab/internal/config"
	"rtmtgrab/internal/terminal"
)

// An Interview asks a person for what a configuration is written from. Each answer is
// judged at its prompt, as loading the configuration would judge it; the mailbox and each
// host are tried as soon as they are named. Answers are kept in a file beside the
// configuration until that is written, so that none is asked for twice.
type Interview struct {
	Answers *Answers
	Preset  Answers // what is in Answers if no flag says otherwise
	Ask     *terminal.Asker
	Path    string         // of the configuration
	Prints  []string       // fingerprints of host keys that are pinned without asking
	Pool    *hostconn.Pool // keeps the sessions of hosts that were tried; nil: nothing is tried

	over   bool              // nobody answers any more
	tried  map[string]string // what came of the mailbox and of each host
	secret map[string]bool   // files that this interview has written
	conns  []hostconn.Conn
}

// draft is where the answers are kept.
func (i *Interview) draft() atomicfile.JSON[Answers] {
	return atomicfile.JSON[Answers]{Path: i.Path + ".answers"}
}

// Run asks for everything, with what is known as the default.
func (i *Interview) Run(ctx context.Context) error {
	i.tried, i.secret = map[string]string{}, map[string]bool{}
	i.resume()
	for _, part := range []func(context.Context){i.askStore, i.askMailbox, i.askSite, i.askLogin, i.askHosts} {
		if part(ctx); i.over {
			break
		}
	}
	if !i.over {
		i.summary()
		write, ok := i.Ask.Yes(true, "Write %s?", i.Path)
		if i.over = !ok; write && ok {
			return nil
		}
	}
	kept := ""
	if _, err := os.Stat(i.draft().Path); err == nil {
		kept = " but the answers, to " + i.draft().Path + ": `grab init` offers them the next time"
	}
	if !i.over {
		return fmt.Errorf("the answer was no; nothing was written%s", kept)
	}
	return fmt.Errorf("interrupted; nothing was written%s", kept)
}

// Close ends the sessions of the hosts.
func (i *Interview) Close() {
	for _, c := range i.conns {
		c.Close(false)
	}
}

// forget removes the kept answers: they are in the configuration by now.
func (i *Interview) forget() error {
	if err := os.Remove(i.draft().Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// resume offers the answers of an earlier interview. What a flag says counts more.
func (i *Interview) resume() {
	kept, found, err := i.draft().Load()
	if err != nil || !found {
		return
	}
	yes, ok := i.Ask.Yes(true, "%s has the answers of an earlier `grab init`. Go on with them?", i.draft().Path)
	if i.over = !ok; !yes || !ok {
		return
	}
	now, preset, old := reflect.ValueOf(i.Answers).Elem(), reflect.ValueOf(i.Preset), reflect.ValueOf(kept)
	for _, f := range reflect.VisibleFields(now.Type()) {
		if !f.Anonymous && reflect.DeepEqual(now.FieldByIndex(f.Index).Interface(), preset.FieldByIndex(f.Index).Interface()) {
			now.FieldByIndex(f.Index).Set(old.FieldByIndex(f.Index))
		}
	}
}

// save keeps the answers. That they cannot be kept is said, and hinders nothing.
func (i *Interview) save() {
	err := configDir(filepath.Dir(i.Path))
	if err == nil {
		err = i.draft().Save(*i.Answers)
	}
	if err != nil {
		fmt.Fprintln(i.Ask.Out, "the answers cannot be kept:", err)
	}
}

// one asks for a value until it is judged right.
func (i *Interview) one(value *string, question string, judge func() error) {
	for before := *value; !i.over; *value = before {
		line, ok := i.Ask.Or(before, "%s", question)
		if i.over = !ok; i.over {
			return
		}
		*value = line
		err := judge()
		if err == nil {
			i.save()
			return
		}
		fmt.Fprintln(i.Ask.Out, err)
	}
}

// must is one for what cannot be empty.
func (i *Interview) must(value *string, question string, judge func() error) {
	i.one(value, question, func() error {
		if *value == "" {
			return errors.New("an answer is needed here")
		}
		return judge()
	})
}

// yes asks for a yes or a no.
func (i *Interview) yes(preset bool, format string, args ...any) bool {
	if i.over {
		return false
	}
	yes, ok := i.Ask.Yes(preset, format, args...)
	i.over = !ok
	return yes && ok
}

// judge is what loading a configuration of the answers would find wrong at or below paths.
func (i *Interview) judge(paths ...string) func() error {
	return func() error {
		_, err := i.load(config.Options{MissingKnownHosts: true})
		faults, ok := errors.AsType[config.Faults](err)
		if !ok {
			return err
		}
		for _, f := range faults {
			if slices.ContainsFunc(paths, func(p string) bool {
				return f.Path == p || strings.HasPrefix(f.Path, p+".") || strings.HasPrefix(f.Path, p+"[")
			}) {
				return errors.New(f.What)
			}
		}
		return nil
	}
}

// load is the configuration that the answers so far make, with stand-ins for what is not
// answered yet.
func (i *Interview) load(o config.Options) (*config.Config, error) {
	f := *i.Answers
	if len(f.Hosts) == 0 {
		f.Hosts = []string{"stand-in,C,192.0.2.1"}
	}
	if f.KeyFile == "" && f.PasswordFile == "" {
		f.KeyFile = "stand-in"
	}
	text, err := f.Render()
	if err != nil {
		return nil, err
	}
	return o.Parse(i.Path, text)
}

// summary shows what will be written, and what came of trying it.
func (i *Interview) summary() {
	f := i.Answers
	row := func(name, value string) { fmt.Fprintf(i.Ask.Out, "  %-8s  %s\n", name, value) }
	with := func(value, what string) string {
		if s := i.tried[what]; s != "" {
			return value + " (" + s + ")"
		}
		return value
	}
	fmt.Fprintln(i.Ask.Out)
	row("store", f.Store)
	if f.mail() {
		row("mailbox", with(fmt.Sprintf("%s at %s, %s", f.MailUser, f.MailServer, f.Mailbox), ""))
	} else {
		row("mailbox", "none: `grab now` only")
	}
	row("site", strings.Join(append([]string{f.Site, f.TimeZone}, f.Clusters...), ", "))
	how := "the password in " + f.PasswordFile
	if f.KeyFile != "" {
		how = "the key " + f.KeyFile
	}
	row("login", f.User+" with "+how)
	for _, line := range f.Hosts {
		if h, err := parseHost(line); err == nil {
			row("host", with(h.Name+" "+h.Role+" "+h.Address, h.Name))
		}
	}
}
