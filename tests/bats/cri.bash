# containerd's CRI plugin on a "host" of its own, for bats files that make pods
# with the binary under test. Uses helpers.bash and containerd.bash, and
# build/tests/cri in crictl's place.
# shellcheck shell=bash disable=SC2154,SC2034

# cri_setup: a containerd with its folders in $work, CNI and an image, all of it
# in network and mount namespaces of its own with an empty /run. The cgroups of
# its pods are below /$parent.
cri_setup() {
	work=$(mktemp -d "${TMPDIR:-/tmp}/blackhole-bats.XXXXXX")
	parent=bats-cri-$$-$BATS_TEST_NUMBER
	socket=$work/containerd.sock
	mkdir -p "$work"/{root,state,runc,logs,cni}
	cri_config >"$work/config.toml"
	cri_network >"$work/cni/10-bats.conflist"
	unshare -n -m --propagation private bash -c '
		mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/lib && ip link set lo up && echo >"$1/ready" && exec sleep 1000' \
		bash "$work" 3>&- &
	host=$!
	wait_until test -e "$work/ready"
	# The shim of our own is beside the binary under test.
	(
		export PATH=${BLACKHOLE%/*}:$PATH
		# Without a process between, which a signal would end instead.
		exec nsenter -t "$host" -n -m -- containerd --config "$work/config.toml" --log-level info
	) >>"$work/containerd.log" 2>&1 3>&- &
	containerd=$!
	wait_until is_up || {
		tail -n 5 "$work/containerd.log"
		return 1
	}
	busybox_image "$work/image.tar"
	images "$work/image.tar" "$work/images.tar"
	on_host ctr --address "$socket" --namespace k8s.io image import "$work/images.tar" >/dev/null
	wait_until has_image example.org/busybox:1
	wait_until has_image example.org/pause:1
}

# on_host COMMAND…
on_host() { nsenter -t "$host" -n -m -- "$@" 3>&-; }

# cri METHOD [JQ-FILTER]: calls with the request on standard input, and prints
# the answer through jq.
cri() {
	local answer
	answer=$(timeout 70 "$repo/build/tests/cri" "$socket" "$1") && jq -r "${2:-.}" <<<"$answer"
}

is_up() { echo '{}' | cri Status '.status.conditions | all(.status)' 2>/dev/null | grep -qx true; }

has_image() { echo '{}' | cri ListImages '.images[].repoTags[]' | grep -qx "$1"; }

# images FROM TO: the image of busybox_image, and one for the sandboxes that
# does nothing at all.
images() {
	mkdir "$work/images"
	(
		cd "$work/images" || exit
		tar -xf "$1"
		jq '.config.Cmd = ["sleep", "100000"]' config.json >pause.json
		jq '. + [.[0] | .Config = "pause.json" | .RepoTags = ["example.org/pause:1"]]' manifest.json >both.json
		mv both.json manifest.json
		tar -cf "$2" manifest.json config.json pause.json layer.tar
	)
	rm -r "$work/images"
}

# cri_config: as docs/containerd.md has it, plus what keeps it to its folders.
# A host may not let a process lower its oom_score_adj, as CRI asks for.
cri_config() {
	cat <<-END
		version = 2
		root = "$work/root"
		state = "$work/state"
		disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
			"io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.tracing.processor.v1.otlp"]
		[grpc]
		  address = "$socket"
		[plugins."io.containerd.internal.v1.opt"]
		  path = "$work/opt"
		[plugins."io.containerd.grpc.v1.cri"]
		  sandbox_image = "example.org/pause:1"
		  restrict_oom_score_adj = true
		  disable_apparmor = true
		  stream_server_address = "127.0.0.1"
		  stream_server_port = "0"
		  [plugins."io.containerd.grpc.v1.cri".cni]
		    bin_dir = "/usr/lib/cni"
		    conf_dir = "$work/cni"
		  [plugins."io.containerd.grpc.v1.cri".containerd]
		    default_runtime_name = "blackhole"
		    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.blackhole]
		      runtime_type = "io.containerd.runc.v2"
		      pod_annotations = ["kubernetes.io/*", "io.blackhole.network.*"]
		      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.blackhole.options]
		        BinaryName = "$(command -v "$BLACKHOLE")"
		        Root = "$work/runc"
		    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.shim]
		      runtime_type = "io.containerd.blackhole.v2"
		      pod_annotations = ["kubernetes.io/*", "io.blackhole.network.*"]
	END
}

cri_network() {
	jq -n --arg data "$work/addresses" '{cniVersion: "0.4.0", name: "bats", plugins: [{type: "bridge", bridge: "cni0", isGateway: true,
		ipam: {type: "host-local", dataDir: $data, ranges: [[{subnet: "10.77.0.0/24"}]]}}]}'
}

# pod NAME [JQ-FILTER]: its sandbox's configuration, changed by the filter.
pod() {
	jq -n --arg name "$1" --arg logs "$work/logs/$1" --arg parent "/$parent" '{
		metadata: {name: $name, uid: $name, namespace: "bats"}, hostname: $name, log_directory: $logs,
		linux: {cgroup_parent: $parent, security_context: {namespace_options: {pid: "CONTAINER"}}}} | '"${2:-.}"
}

# root_of HANDLER: the state folder of its pods. containerd 1.6 hands no options
# on to a shim that is not its own.
root_of() { if [[ $1 == shim ]]; then echo /run/containerd/blackhole/k8s.io; else echo "$work/runc/k8s.io"; fi; }

# runp HANDLER POD: starts a sandbox, and prints its id.
runp() { jq -n --arg handler "$1" --argjson config "$2" '{runtime_handler: $handler, config: $config}' | cri RunPodSandbox .podSandboxId; }

# container NAME [JQ-FILTER] -- PROGRAM…: its configuration.
container() {
	local name=$1 filter=.
	[[ $2 == -- ]] || {
		filter=$2
		shift
	}
	shift 2
	jq -n --arg name "$name" --argjson command "$(json_list "$@")" '{metadata: {name: $name}, image: {image: "example.org/busybox:1"},
		command: $command, log_path: ($name + ".log"), linux: {security_context: {namespace_options: {pid: "CONTAINER"}}}} | '"$filter"
}

# start SANDBOX-ID POD CONTAINER: creates and starts a container, and prints its id.
start() {
	local id
	id=$(jq -n --arg id "$1" --argjson pod "$2" --argjson config "$3" '{pod_sandbox_id: $id, sandbox_config: $pod, config: $config}' |
		cri CreateContainer .containerId) && [[ -n $id ]] || return 1
	jq -n --arg id "$id" '{container_id: $id}' | cri StartContainer >/dev/null && echo "$id"
}

# exec_in CONTAINER-ID PROGRAM…: prints its output and returns its exit code.
exec_in() {
	local id=$1 answer
	shift
	answer=$(jq -n --arg id "$id" --argjson cmd "$(json_list "$@")" '{container_id: $id, cmd: $cmd, timeout: "20"}' | cri ExecSync) || return 126
	jq -j '.stdout, .stderr | @base64d' <<<"$answer"
	return "$(jq .exitCode <<<"$answer")"
}

# about CONTAINER-ID FILTER: of its status.
about() { jq -n --arg id "$1" '{container_id: $id}' | cri ContainerStatus ".status | $2"; }

# has_exited CONTAINER-ID
has_exited() { [[ $(about "$1" .state) == CONTAINER_EXITED ]]; }

# stop CONTAINER-ID SECONDS
stop() { jq -n --arg id "$1" --arg timeout "$2" '{container_id: $id, timeout: $timeout}' | cri StopContainer >/dev/null; }

# rmp SANDBOX-ID: stops a pod and removes it with its containers.
rmp() {
	jq -n --arg id "$1" '{pod_sandbox_id: $id}' | cri StopPodSandbox >/dev/null
	jq -n --arg id "$1" '{pod_sandbox_id: $id}' | cri RemovePodSandbox >/dev/null
}

# sandbox_pid SANDBOX-ID: the process that holds its namespaces.
sandbox_pid() { jq -n --arg id "$1" '{pod_sandbox_id: $id, verbose: true}' | cri PodSandboxStatus '.info.info | fromjson | .pid'; }

# pod_shims: the shims of this test's pods.
pod_shims() { pgrep -f -- "^[^ ]*containerd-shim[^ ]* .*-address $socket( |\$)" || true; }

no_pod_shims() { [[ -z $(pod_shims) ]]; }

# what_is_left: of all pods, on the host and on the machine.
what_is_left() {
	on_host ip -o link | grep -vE '^[0-9]+: (lo|cni0|tunl0|sit0|ip6tnl0):' || true
	on_host tc qdisc | grep -E 'tbf|clsact' || true
	on_host sh -c 'ls -d /run/blackhole-network; ls /run/netns' 2>/dev/null || true
	find "$work/runc" -mindepth 2
	on_host sh -c 'test ! -e /run/containerd/blackhole || find /run/containerd/blackhole -mindepth 2'
	find "$work/addresses" -name '10.*' 2>/dev/null || true
	find /sys/fs/cgroup -mindepth 2 -type d -path "*/$parent/*" 2>/dev/null || true
	on_host grep -F "$work/state" /proc/self/mountinfo || true
	pod_shims
}

nothing_is_left() { [[ -z $(what_is_left) ]]; }

# cri_teardown: removes all pods, and fails where something of one was left.
cri_teardown() {
	local id failed=0
	for id in $(echo '{}' | cri ListPodSandbox '.items[].id' 2>/dev/null); do
		rmp "$id" || failed=1
	done
	wait_until nothing_is_left || {
		echo "left: $(what_is_left)"
		failed=1
	}
	if [[ -n ${containerd:-} ]]; then
		kill "$containerd" 2>/dev/null || true
		wait "$containerd" 2>/dev/null || true
	fi
	for id in $(pod_shims); do
		kill -KILL "$id"
	done
	if [[ -n ${host:-} ]]; then
		kill "$host" 2>/dev/null || true
		wait "$host" 2>/dev/null || true
	fi
	rm -rf "$work"
	find /sys/fs/cgroup -depth -type d -name "$parent" -exec rmdir {} + 2>/dev/null || true
	return $failed
}
