package garbage

import (
	"io/fs"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

const (
	groupShare = 80       // percent of what the control group allows that Go may have: the rest is stacks of the kernel, and children
	leastLimit = 64 << 20 // below it garbage would be collected all the time
)

// Within keeps the program's memory below what its control group allows, as in a small container: without
// garbage collected for it the kernel would end the program, in the middle of a storm. Who sets GOMEMLIMIT has
// the last word.
func Within() {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	if most := allowed(os.DirFS("/")); most > 0 {
		debug.SetMemoryLimit(max(leastLimit, most/100*groupShare))
	}
}

// allowed is the least that this process's control group, or one that it is in, allows; zero: there is no bound,
// or none that can be read. Both versions of control groups are known (cgroups(7)); root is the root folder.
func allowed(root fs.FS) (most int64) {
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(groups)) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3) // number, controllers, path
		if len(part) != 3 {
			continue
		}
		mounted, file := "", ""
		switch {
		case part[0] == "0" && part[1] == "":
			mounted, file = "sys/fs/cgroup", "memory.max"
		case part[1] == "memory":
			mounted, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		for group := path.Clean("/" + part[2]); ; group = path.Dir(group) {
			b, _ := fs.ReadFile(root, path.Join(mounted, group, file))
			if n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil && n > 0 && (most == 0 || n < most) { // or "max"
				most = n
			}
			if group == "/" {
				break
			}
		}
	}
	return most
}
