package masking

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"rtmtgrab/bundle"
	"rtmtgrab/bundle/mask"
	"rtmtgrab/internal/advice"
	"rtmtgrab/internal/atomicfile"
)

// maxAgain is how often a file is masked again in which something was found.
const maxAgain = 4

// searched looks through what was masked, as it lies there and will be packed, for what was
// taken out, while the report is made of it. A file in which something is found is masked
// again, and the report made anew: in lines that were cut off anywhere, what has another name
// may make what stands beside it look like one.
func searched(j *job) (*input, error) {
	if err := j.step("search"); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(j.ctx)
	defer cancel()
	var found []string
	over := make(chan error, 1)
	go func() {
		var err error
		found, err = withFinds(ctx, j)
		over <- err
	}()

	leftOut := slices.Clip(j.how.LeftOut)
	in, err := j.input()
	if err != nil {
		cancel()
		<-over
		return nil, err
	}
	if err := <-over; err != nil {
		in.remove()
		return nil, leftover(err)
	}
	if len(found) == 0 {
		return in, nil
	}
	in.remove()
	j.how.LeftOut = leftOut
	for _, name := range found {
		if err := clean(j, name); err != nil {
			return nil, leftover(err)
		}
	}
	return j.input()
}

// withFinds are the masked files in which something is found. It changes nothing of the job.
func withFinds(ctx context.Context, j *job) (names []string, err error) {
	for _, name := range j.names("") {
		err := searchFile(ctx, j, name)
		what, _ := partOf(name)
		switch {
		case err == nil:
		case what != other && errors.As(err, new(*mask.Found)): // what is packed cannot be masked again
			names = append(names, name)
		default:
			return nil, err
		}
	}
	return names, nil
}

// clean masks a file again until nothing is found in it.
func clean(j *job, name string) (err error) {
	_, kind := partOf(name)
	for range maxAgain {
		if err = maskAgain(j, name, kind); err == nil {
			err = j.step("search")
		}
		if err == nil {
			err = searchFile(j.ctx, j, name)
		}
		if !errors.As(err, new(*mask.Found)) {
			return err
		}
	}
	return err
}

// searchFile searches a file that was masked.
func searchFile(ctx context.Context, j *job, name string) error {
	f, err := os.Open(j.made[name].path)
	if err != nil {
		return err
	}
	what, kind := partOf(name)
	if r := (stopped{ctx, f}); what == other {
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
	err = j.maskFile(name, kind, stopped{j.ctx, f}, j.masker.MaskStrictly)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	anew := j.made[name]
	if err := atomicfile.Rename(anew.path, was); err != nil {
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
