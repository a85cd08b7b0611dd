package diskspace

import "golang.org/x/sys/windows"

// Measure looks at the disk that dir is on.
func Measure(dir string) (Space, error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return Space{}, err
	}
	var free, total uint64
	err = windows.GetDiskFreeSpaceEx(name, &free, &total, nil)
	return Space{Free: int64(free), Total: int64(total)}, err
}
