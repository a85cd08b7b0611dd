#!/bin/sh
# boot.sh FOLDER boots systemd as process 1 of namespaces of its own, on a copy of this
# machine's files: what it writes stays in a tmpfs over FOLDER/root, beside what lies in
# FOLDER/files. The network is the machine's. It prints the process's id, and ends when that
# does; its control groups are below one of its own.
set -e
top=$1
me=grab-proof-$$

# groups prints the folder of each hierarchy of control groups.
groups() {
	while IFS=: read -r id controllers _; do
		if [ "$id" != 0 ]; then echo "/sys/fs/cgroup/${controllers#name=}"
		elif [ -d /sys/fs/cgroup/unified ]; then echo /sys/fs/cgroup/unified
		else echo /sys/fs/cgroup; fi
	done </proc/self/cgroup
}

# tidy removes the control groups, when the last process has left them.
tidy() {
	for g in $(groups); do
		for _ in 1 2 3 4 5 6 7 8 9; do
			find "$g/$me" -depth -type d -exec rmdir {} \; 2>/dev/null || true
			if [ ! -e "$g/$me" ]; then break; fi
			sleep 0.3
		done
	done
}

if [ -z "$2" ]; then
	for g in $(groups); do
		mkdir "$g/$me"
		for f in cpuset.cpus cpuset.mems; do
			if [ -e "$g/tasks" ] && [ -e "$g/$f" ]; then cat "$g/$f" >"$g/$me/$f"; fi
		done
		if [ -e "$g/cgroup.subtree_control" ]; then
			for c in memory pids; do echo "+$c" >"$g/cgroup.subtree_control" 2>/dev/null || true; done
		fi
	done
	trap tidy EXIT
	trap 'kill -KILL $child 2>/dev/null' TERM INT
	sh -c 'for g in '"$(groups | tr '\n' ' ')"'; do echo $$ >"$g/'"$me"'/cgroup.procs"; done
		exec unshare --mount --pid --fork --kill-child --cgroup --ipc --uts sh "$0" "$1" inside' "$0" "$top" &
	child=$!
	wait $child || true
	wait $child || true
	exit 0
fi

mount --make-rprivate /
mount -t tmpfs tmpfs "$top/root"
mkdir "$top/root/upper" "$top/root/work" "$top/root/all"
cp -R "$top/files/." "$top/root/upper"
mount -t overlay overlay -o "lowerdir=/,upperdir=$top/root/upper,workdir=$top/root/work" "$top/root/all"
mkdir -p "$top/root/all/etc/systemd/system"
ln -sf /dev/null "$top/root/all/etc/systemd/system/timers.target" # no work of the machine's here
kinds=$(groups)
cd "$top/root/all"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys # the kernel's settings are the machine's
mount -t sysfs -o ro sysfs sys
if [ -d /sys/fs/cgroup/unified ] || [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
	mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
	for g in $kinds; do
		name=${g##*/}
		mkdir "sys/fs/cgroup/$name"
		case $name in
		unified) mount -t cgroup2 cgroup2 "sys/fs/cgroup/$name" ;;
		systemd) mount -t cgroup -o none,name=systemd cgroup "sys/fs/cgroup/$name" ;;
		*) mount -t cgroup -o "$name" cgroup "sys/fs/cgroup/$name" ;;
		esac
	done
else
	mount -t cgroup2 cgroup2 sys/fs/cgroup
fi
mkdir -m 0700 -p "$top/state" var/lib/grab # the store lies on the disk, not in memory
mount --bind "$top/state" var/lib/grab
for d in run tmp; do mount -t tmpfs -o mode=1777 tmpfs $d; done
chmod 755 run
mount -t tmpfs -o mode=755 tmpfs dev
for d in null zero full random urandom tty; do : >dev/$d; mount --bind /dev/$d dev/$d; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs tmpfs dev/shm
mount --move . /
mount --make-rshared . # as at a boot: services see what systemd mounts for them
exec chroot . /usr/bin/env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
	/lib/systemd/systemd --log-target=journal --log-level=info --show-status=no --unit=basic.target
