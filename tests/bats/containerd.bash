# containerd with a folder of its own, for bats files that drive the binary
# under test through it. Uses $work, $BLACKHOLE and $repo of helpers.bash.
# $way is how: "runc" is containerd's own shim with the binary in runc's place,
# "blackhole" is our shim.
# shellcheck shell=bash disable=SC2154,SC2034

: "${SHIM:=$(dirname "$(command -v "$BLACKHOLE")")/containerd-shim-blackhole-v2}"

# containerd_setup: a containerd on $work with an image of busybox; ctr_ calls
# ctr on it. Its namespace is $namespace, and so is the parent of its cgroups.
containerd_setup() {
	work=$(mktemp -d "${TMPDIR:-/tmp}/blackhole-bats.XXXXXX")
	namespace=bats-$$-$BATS_TEST_NUMBER
	mounts_before=$(wc -l </proc/self/mountinfo)
	mkdir -p "$work"/{root,state,runc}
	cat >"$work/config.toml" <<-END
		version = 2
		root = "$work/root"
		state = "$work/state"
		disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
			"io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.tracing.processor.v1.otlp"]
		[grpc]
		  address = "$work/containerd.sock"
		[plugins."io.containerd.internal.v1.opt"]
		  path = "$work/opt"
	END
	echo "Root = \"$work/runc\"" >"$work/options.toml"
	containerd_start
	busybox_image "$work/image.tar"
	ctr_ image import "$work/image.tar" >/dev/null
}

# containerd_start: starts it and waits until it answers.
containerd_start() {
	PATH=$(dirname "$SHIM"):$PATH containerd --config "$work/config.toml" --log-level info >>"$work/containerd.log" 2>&1 3>&- &
	containerd=$!
	local i
	for ((i = 0; i < 200; i++)); do
		if ctr_ version >/dev/null 2>&1; then return 0; fi
		sleep 0.1
	done
	echo "containerd does not answer:"
	tail -n 5 "$work/containerd.log"
	return 1
}

# containerd_kill: kills it, and nothing that it started.
containerd_kill() {
	kill -KILL "$containerd"
	wait "$containerd" 2>/dev/null || true
}

ctr_() { timeout --kill-after=1 30 ctr --address "$work/containerd.sock" --namespace "$namespace" "$@" 3>&-; }

# busybox_image FILE: an image example.org/busybox:1 of this host's busybox, in
# the form of docker save.
busybox_image() {
	local name layer
	mkdir -p "$work"/image/rootfs/{bin,dev,etc,proc,sys,tmp}
	cp /bin/busybox "$work/image/rootfs/bin/busybox"
	for name in cat echo env false id ls readlink sh sleep stty touch true tty; do
		ln -s busybox "$work/image/rootfs/bin/$name"
	done
	(
		cd "$work/image" || exit
		tar -C rootfs -cf layer.tar .
		layer=$(sha256sum layer.tar | cut -d ' ' -f 1)
		jq -n --arg layer "sha256:$layer" '{architecture: "amd64", os: "linux", config: {Env: ["PATH=/bin"], Cmd: ["sh"]},
			rootfs: {type: "layers", diff_ids: [$layer]}}' >config.json
		jq -n '[{Config: "config.json", RepoTags: ["example.org/busybox:1"], Layers: ["layer.tar"]}]' >manifest.json
		tar -cf "$1" manifest.json config.json layer.tar
	)
	rm -rf "$work/image"
}

image=example.org/busybox:1

# on_runtime: the flags of ctr run that choose the runtime under test.
on_runtime() {
	case $way in
	runc) echo --runtime io.containerd.runc.v2 --runc-binary "$(command -v "$BLACKHOLE")" --runc-root "$work/runc" ;;
	blackhole) echo --runtime io.containerd.blackhole.v2 --runtime-config-path "$work/options.toml" ;;
	esac
}

# ctr_run FLAGS… ID PROGRAM…: flags stand before the image.
ctr_run() {
	local flags=()
	while [[ $1 == -* ]]; do
		flags+=("$1")
		shift
	done
	# shellcheck disable=SC2046
	ctr_ run $(on_runtime) "${flags[@]}" "$image" "$@"
}

# task_call VERB ID ARGS…: what ctr cannot ask for.
task_call() { "$(tool task)" "$work/containerd.sock" "$namespace" "$@" 3>&-; }

# task_status ID
task_status() { ctr_ task ls | sed -n "s/^$1 *[0-9]* *//p"; }

# is_task ID STATUS
is_task() { [[ $(task_status "$1") == "$2" ]]; }

# shims: the shims of this test's containers.
shims() { pgrep -f -- "^[^ ]*containerd-shim[^ ]* -namespace $namespace " || true; }

no_shims() { [[ -z $(shims) ]]; }

# containerd_teardown: ends everything, and fails where something of a
# container was left.
containerd_teardown() {
	local id failed=0 left pid
	for id in $(ctr_ task ls -q 2>/dev/null); do
		ctr_ task rm --force "$id" >/dev/null 2>&1 || true
	done
	for id in $(ctr_ container ls -q 2>/dev/null); do
		ctr_ container rm "$id" >/dev/null 2>&1 || true
	done
	wait_until no_shims || failed=1
	if [[ -n ${containerd:-} ]]; then
		kill "$containerd" 2>/dev/null || true
		wait "$containerd" 2>/dev/null || true
	fi
	for pid in $(shims); do
		kill -KILL "$pid"
	done
	left=$(
		find /sys/fs/cgroup -type d -path "*/$namespace/*" 2>/dev/null
		find "$work/runc" -mindepth 2 2>/dev/null
		grep -F "$work" /proc/self/mountinfo
	) || true
	[[ -z $left ]] || {
		echo "left: $left"
		failed=1
	}
	{ grep -F "$work" /proc/self/mountinfo || true; } | cut -d ' ' -f 5 | sort -r | xargs -r umount -l
	rm -rf "$work"
	# The namespace's own cgroup: whoever removes the last container cannot know
	# that it was the first one that made it.
	find /sys/fs/cgroup -depth -type d -name "$namespace" -exec rmdir {} + 2>/dev/null || true
	# The shims' sockets and ctr's pipes have one folder for every containerd.
	rmdir /run/containerd/s /run/containerd/fifo /run/containerd 2>/dev/null || true
	return $failed
}
