package garbage

import (
	"testing"
	"testing/fstest"
)

// What a control group allows is the least of its own bound and those of the groups around it, in both versions.
func TestAllowed(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"no groups":         {nil, 0},
		"a unit":            {map[string]string{"proc/self/cgroup": "0::/system.slice/grab.service\n", "sys/fs/cgroup/system.slice/grab.service/memory.max": "134217728\n", "sys/fs/cgroup/system.slice/memory.max": "max\n"}, 128 << 20},
		"around it is less": {map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "999999999\n", "sys/fs/cgroup/a/memory.max": "1000\n"}, 1000},
		"a container":       {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "268435456\n"}, 256 << 20},
		"no bound":          {map[string]string{"proc/self/cgroup": "0::/x\n", "sys/fs/cgroup/x/memory.max": "max\n"}, 0},
		"another namespace": {map[string]string{"proc/self/cgroup": "0::/../../x\n", "sys/fs/cgroup/x/memory.max": "5\n"}, 5},
		"version 1":         {map[string]string{"proc/self/cgroup": "12:cpu,cpuacct:/y\n4:memory:/docker/x\n", "sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes": "7\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 7},
		"nonsense":          {map[string]string{"proc/self/cgroup": "\n::\n0:\n0::/z\n", "sys/fs/cgroup/z/memory.max": "-5\n"}, 0},
	} {
		root := fstest.MapFS{}
		for at, text := range c.files {
			root[at] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := allowed(root); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
