package config

import "golang.org/x/sys/windows"

// programData is the folder of all services' files, as Windows knows it. The variable
// %ProgramData% is not asked: a user can set it for himself, and a service may have
// another one than the prompt it was installed from.
func programData() string {
	if dir, err := windows.KnownFolderPath(windows.FOLDERID_ProgramData, windows.KF_FLAG_DONT_VERIFY); err == nil {
		return dir
	}
	return `C:\ProgramData`
}
