package access

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Of reads the owner and the access list of a file or folder.
func Of(name string) (List, error) {
	sd, err := windows.GetNamedSecurityInfo(name, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return List{}, &os.PathError{Op: "read the access list of", Path: name, Err: err}
	}
	if sd == nil { // a file system without lists
		return List{Open: true}, nil
	}
	dacl, _, err := sd.DACL()
	if errors.Is(err, windows.ERROR_OBJECT_NOT_FOUND) || err == nil && dacl == nil {
		return List{Open: true}, nil
	}
	text := sd.String()
	if err != nil || text == "" {
		return List{}, fmt.Errorf("read the access list of %s: it has no text form", name)
	}
	return Parse(text)
}

// Exposed names the groups of more or less anybody who can read or change a file.
func Exposed(name string) ([]string, error) {
	l, err := Of(name)
	return l.Broad(ReadData | Change), err
}

// Me is the SID of the user that runs this program.
func Me() (string, error) {
	u, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return "", err
	}
	return u.User.Sid.String(), nil
}

// Vouched is an error if a file, or the folder it lies in, belongs to or can be changed
// by somebody who is neither this user nor an administrator: any user can make folders
// in %ProgramData%.
func Vouched(name string) error {
	me, err := Me()
	if err != nil {
		return err
	}
	for _, n := range []string{name, filepath.Dir(name)} {
		l, err := Of(n)
		if err != nil {
			return err
		}
		if why := l.Foreign(me); why != "" {
			return fmt.Errorf("%s is not to be relied on: %s", n, why)
		}
	}
	return nil
}

// Mkdir makes a folder. What it gets from the folder above stays, if that keeps anybody
// out; else it is closed to all but SYSTEM, the Administrators and this user.
func Mkdir(dir string) error {
	above, err := Of(filepath.Dir(dir))
	if err == nil && above.keepsOut() {
		return os.Mkdir(dir, 0o700)
	}
	me, err := Me()
	if err != nil {
		return err
	}
	return MkdirList(dir, Closed("FA;"+me))
}

// MkdirList makes a folder that has the list from its first moment.
func MkdirList(dir, sddl string) error {
	sd, err := windows.SecurityDescriptorFromString(sddl)
	if err != nil {
		return &os.PathError{Op: "mkdir", Path: dir, Err: err}
	}
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return &os.PathError{Op: "mkdir", Path: dir, Err: err}
	}
	sa := &windows.SecurityAttributes{SecurityDescriptor: sd}
	sa.Length = uint32(unsafe.Sizeof(*sa))
	if err := windows.CreateDirectory(name, sa); err != nil {
		return &os.PathError{Op: "mkdir", Path: dir, Err: err}
	}
	return nil
}

// Set gives a folder that is there a list, and what lies below what it inherits. An
// owner in sddl becomes the owner.
func Set(name, sddl string) error {
	sd, err := windows.SecurityDescriptorFromString(sddl)
	if err != nil {
		return err
	}
	dacl, _, err := sd.DACL()
	if err != nil {
		return err
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return err
	}
	what := windows.SECURITY_INFORMATION(windows.DACL_SECURITY_INFORMATION | windows.PROTECTED_DACL_SECURITY_INFORMATION)
	if owner != nil {
		what |= windows.OWNER_SECURITY_INFORMATION
	}
	if err := windows.SetNamedSecurityInfo(name, windows.SE_FILE_OBJECT, what, owner, nil, dacl, nil); err != nil {
		return &os.PathError{Op: "set the access list of", Path: name, Err: err}
	}
	return nil
}
