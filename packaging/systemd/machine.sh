# shellcheck shell=bash
# A whole Debian with its own systemd, for tests: booted by systemd-nspawn from
# a tree that is made once, with an overlay that is thrown away. Sourced by the
# tests; works as root on Debian alone, and says so elsewhere.
#
# The machine has nginx, logrotate, and nothing of logmeter. Its network is a
# loopback of its own. Its disk lives on over a reboot.

MACHINE_CACHE=${LOGMETER_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/logmeter}
MACHINE_TREE=$MACHINE_CACHE/bookworm-1
machine_dir=''    # what this run makes; empty: no machine
machine_leader='' # pid of the machine's init; empty: it's off
machine_nspawn=''

# machine_needs ends the script when there can't be a machine here.
machine_needs() {
	local why=''
	if [ "$(id -u)" != 0 ]; then
		why="only root can boot a machine"
	elif ! unshare --mount --pid --fork true 2>/dev/null; then
		why="namespaces aren't allowed here"
	elif ! command -v apt-get >/dev/null; then
		why="there is no apt-get to make a Debian with"
	fi
	if [ -n "$why" ]; then
		echo "SKIPPED: $0: $why" >&2
		exit 0
	fi
	local lacking=()
	command -v systemd-nspawn >/dev/null || lacking+=(systemd-container)
	command -v mmdebstrap >/dev/null || lacking+=(mmdebstrap)
	command -v ip >/dev/null || lacking+=(iproute2)
	if [ ${#lacking[@]} -gt 0 ]; then
		apt-get update -qq
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${lacking[@]}" >/dev/null
	fi
}

# machine_tree makes the tree, if this user doesn't have it yet.
machine_tree() {
	[ -d "$MACHINE_TREE" ] && return
	mkdir -p "$MACHINE_CACHE"
	local new
	new=$(mktemp -d "$MACHINE_CACHE/new.XXXXXX")
	chmod 755 "$new"
	mmdebstrap --quiet --variant=minbase \
		--include=systemd,systemd-sysv,dbus,nginx-light,logrotate,procps,ca-certificates,curl \
		bookworm "$new" http://deb.debian.org/debian
	mv -T "$new" "$MACHINE_TREE" 2>/dev/null || rm -rf "$new" # somebody else was faster
}

# machine_new makes a fresh disk. The caller's trap on EXIT calls machine_end.
machine_new() {
	machine_dir=$(mktemp -d)
	trap 'exit 130' INT TERM
	mkdir "$machine_dir"/{upper,work,root}
	mount -t overlay overlay -o "lowerdir=$MACHINE_TREE,upperdir=$machine_dir/upper,workdir=$machine_dir/work" "$machine_dir/root"
	tr -d - </proc/sys/kernel/random/uuid >"$machine_dir/root/etc/machine-id"
}

# machine_boot [NSPAWN-OPTION…] turns the machine on and waits until it runs.
machine_boot() {
	local h group=lm-$$
	(
		# cgroups of its own: two systemds at one root would fight.
		for h in /sys/fs/cgroup /sys/fs/cgroup/*; do
			[ -f "$h/cgroup.procs" ] || continue
			mkdir -p "$h/$group" 2>/dev/null || continue
			if [ -f "$h/cpuset.cpus" ]; then
				cat "$h/cpuset.cpus" >"$h/$group/cpuset.cpus"
				cat "$h/cpuset.mems" >"$h/$group/cpuset.mems"
			fi
			echo $BASHPID >"$h/$group/cgroup.procs" || true
		done 2>/dev/null
		exec systemd-nspawn --quiet --directory="$machine_dir/root" --machine="lm$$" \
			--register=no --keep-unit --private-network --console=pipe --boot "$@"
	) </dev/null >>"$machine_dir/console.log" 2>&1 &
	machine_nspawn=$!
	machine_leader=''
	local end=$((SECONDS + 60))
	while :; do
		machine_leader=$(awk '{print $1}' "/proc/$machine_nspawn/task/$machine_nspawn/children" 2>/dev/null || true)
		if [ -n "$machine_leader" ] && inside systemctl is-system-running --quiet 2>/dev/null; then break; fi
		if [ $SECONDS -ge $end ] || ! kill -0 $machine_nspawn 2>/dev/null; then
			echo "the machine doesn't come up:" >&2
			[ -z "$machine_leader" ] || inside systemctl --failed >&2 || true
			tail -30 "$machine_dir/console.log" >&2
			exit 1
		fi
		sleep 0.2
	done
	inside ip link set lo up 2>/dev/null || true
	# The kernel shall hold the limits of units, where the first cgroups are.
	for h in memory cpu,cpuacct cpu cpuacct pids blkio; do
		inside mount -o remount,rw,bind "/sys/fs/cgroup/$h" 2>/dev/null || true
	done
	inside systemctl daemon-reexec
}

# inside COMMAND… runs a command in the machine.
inside() { nsenter -t "$machine_leader" -a -- "$@"; }

# put FILE [MODE] writes standard input into a file of the machine.
put() { inside install -D -m "${2:-644}" /dev/stdin "$1"; }

# machine_off shuts the machine down in order, as a reboot does; machine_boot
# turns it on again.
machine_off() {
	local end=$((SECONDS + 60))
	inside systemctl poweroff --no-block || true # the bus may go before it answers
	while kill -0 $machine_nspawn 2>/dev/null; do
		if [ $SECONDS -ge $end ]; then
			echo "the machine doesn't go down" >&2
			exit 1
		fi
		sleep 0.1
	done
	wait $machine_nspawn || true
	machine_leader='' machine_nspawn=''
}

# machine_end throws the machine away. It's for traps: whatever fails, it goes
# on, and so does the trap after it.
machine_end() {
	local code=$? h
	set +e
	[ -n "$machine_dir" ] || return 0
	if [ -n "$machine_nspawn" ] && kill -0 $machine_nspawn 2>/dev/null; then
		if [ $code != 0 ] && [ -n "$machine_leader" ]; then
			inside journalctl --no-pager -n 60 -o short-precise >&2 || true
		fi
		kill -KILL "$machine_leader" $machine_nspawn 2>/dev/null || true
		wait $machine_nspawn 2>/dev/null || true
	fi
	umount -l "$machine_dir/root" 2>/dev/null || true
	rm -rf "$machine_dir"
	# A group goes when its last process is gone, which takes a moment.
	for _ in {1..50}; do
		for h in /sys/fs/cgroup /sys/fs/cgroup/*; do
			[ ! -d "$h/lm-$$" ] || find "$h/lm-$$" -depth -type d -exec rmdir {} \; 2>/dev/null
		done
		compgen -G "/sys/fs/cgroup/*lm-$$" >/dev/null || compgen -G "/sys/fs/cgroup/*/lm-$$" >/dev/null || break
		sleep 0.2
	done
	machine_dir=''
}

# eventually WHAT COMMAND… waits until the command succeeds, up to 20 s.
eventually() {
	local what=$1 end=$((SECONDS + 20))
	shift
	until "$@" >/dev/null 2>&1; do
		if [ $SECONDS -ge $end ]; then
			echo "not within 20 s: $what" >&2
			exit 1
		fi
		sleep 0.1
	done
}

# property NAME prints a property of the service.
property() { inside systemctl show logmeter.service -P "$1"; }

# want WHAT GOT WANT ends the test when the two differ.
want() {
	if [ "$2" != "$3" ]; then
		echo "FAILED: $1: got $2, want $3" >&2
		exit 1
	fi
	echo "   ok: $1: $2"
}
