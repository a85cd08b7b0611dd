package masking

import (
	"errors"
	"io"
	"path"

	"rtmtgrab/bundle/mask"
)

// A file that this program does not make is masked if it is a text, also one that is packed;
// what is none is left out.

func (j *job) learnOther(name string, r io.Reader) error {
	j.masker.LearnName(name)
	if ofPhones(j, name) {
		return phonesError(name, phoneMasker{j}.learn(name, r))
	}
	file := name
	p := &packer{job: j, left: func(string, error) error { return nil }, leaf: func(name string, k mask.Kind, _ io.Writer, r io.Reader) error {
		j.masker.LearnName(name)
		return j.masker.Learn(name, k, withoutDescriptions(j, path.Join(path.Dir(file), path.Base(name)), r))
	}}
	return maskable(p.file(name, io.Discard, r, 0))
}

func (j *job) writeOther(name string, r io.Reader) error {
	if ofPhones(j, name) {
		return phonesError(name, phoneMasker{j}.write(name))
	}
	file := name
	p := &packer{job: j, left: func(member string, why error) error { return j.leave(member, why.Error()) }, leaf: func(name string, k mask.Kind, w io.Writer, r io.Reader) error {
		return j.masker.MaskStrictly(name, k, w, withoutDescriptions(j, path.Join(path.Dir(file), path.Base(name)), r))
	}}
	err := j.writeFile(name, func(w io.Writer) error { return p.file(name, w, r, 0) })
	if why, is := errors.AsType[unmaskable](err); is {
		delete(j.made, name)
		return j.leave(name, why.Error())
	}
	return err
}

func (j *job) searchOther(name string, r io.Reader) error {
	if ofPhones(j, name) && name == phonesCSV { // made of the same list; in a cell stand several numbers, with semicolons
		return j.masker.Search(name, mask.Text, r)
	}
	p := &packer{job: j, left: func(string, error) error { return nil }, leaf: func(name string, k mask.Kind, _ io.Writer, r io.Reader) error {
		return j.masker.Search(name, k, r)
	}}
	return p.file(name, io.Discard, r, 0)
}

// maskable is an error without those that are no failure.
func maskable(err error) error {
	if _, is := errors.AsType[unmaskable](err); is {
		return nil
	}
	return err
}
