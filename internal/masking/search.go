package masking

import (
	"errors"
	"fmt"
	"io"
	"os"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/mask"
	"rtmtgrab/internal/advice"
)

// maxAgain is how often a file is masked again in which something was found.
const maxAgain = 4

// searchMasked looks through what was masked, as it lies there and will be packed, for what
// was taken out. A file in which something is found is masked again: in lines that were cut
// off anywhere, what has another name may make what stands beside it look like one.
func searchMasked(j *job) error {
	if err := j.step("search"); err != nil {
		return err
	}
	for _, name := range j.names("") {
		err := searchFile(j, name)
		for n := 0; n < maxAgain && errors.As(err, new(*mask.Found)); n++ {
			what, kind := partOf(name)
			if what == other { // packed in it, may be
				break
			}
			if err = maskAgain(j, name, kind); err == nil {
				err = j.step("search")
			}
			if err == nil {
				err = searchFile(j, name)
			}
		}
		if err != nil {
			return leftover(err)
		}
	}
	return nil
}

// searchFile searches a file that was masked.
func searchFile(j *job, name string) error {
	f, err := os.Open(j.made[name].path)
	if err != nil {
		return err
	}
	what, kind := partOf(name)
	if r := (stopped{j.ctx, f}); what == other {
		err = j.searchOther(name, r)
	} else {
		err = j.masker.Search(name, kind, r)
	}
	return errors.Join(err, f.Close())
}

// maskAgain masks what became of a file, in its place.
func maskAgain(j *job, name string, kind mask.Kind) error {
	was := j.made[name].path
	f, err := os.Open(was)
	if err != nil {
		return err
	}
	err = j.maskFile(name, kind, stopped{j.ctx, f})
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	anew := j.made[name]
	if err := os.Rename(anew.path, was); err != nil {
		return err
	}
	anew.path = was
	j.made[name] = anew
	return nil
}

// searchMade looks for it through what was made of what was masked, as it stands in the
// bundle.
func searchMade(j *job, path string) error {
	return leftover(bundle.Files(j.ctx, path, func(name string, r io.Reader) error {
		if what, kind := partOf(name); what == anew && name != bundle.SignatureFile { // that has a key's ID and the bundle's name
			return j.masker.SearchMade(name, kind, r)
		}
		return nil
	}))
}

// leftover says what an error means that tells of something that was found.
func leftover(err error) error {
	found, is := errors.AsType[*mask.Found](err)
	if !is {
		return err
	}
	return advice.WithHint(fmt.Errorf("something that was taken out is still there, nothing was handed over: %w", found),
		"report it with the name of the rule; `grab export --encrypt-to` hands the bundle over unmasked, to those who may read it")
}
