#!/usr/bin/env bats
# bats file_tags=beside
# The commands validate and config: one line for each fault, and the effective
# configuration.
# shellcheck disable=SC2154

load helpers

setup() {
	not_runc "the service commands are ours"
	work=$(mktemp -d "${TMPDIR:-/tmp}/blackhole-bats.XXXXXX")
	cd "$work" || return 1
	seed=$repo/spec/testdata/seed
}

teardown() { rm -rf "${work:?}"; }

# refused YAML LINE [FLAGS…]: validate says this one line about f.yaml, which
# stands for the YAML, and nothing on stdout.
refused() {
	local text=$1 line=$2
	shift 2
	printf '%s\n' "$text" >f.yaml
	run --separate-stderr "$BLACKHOLE" validate -c f.yaml "$@"
	[[ $status == 1 && $stderr == "f.yaml:$line" && -z $output ]] || {
		echo "of:       $text"
		echo "expected: f.yaml:$line"
		echo "got ($status):  $stderr$output"
		return 1
	}
}

# of KEYS LINE: a fault of service a, offline.
of() { refused "services: {a: {$1}}" "1:$2" --offline; }

# here KEYS LINE: a fault of service a on this host.
here() { refused "services: {a: {$1}}" "1:$2"; }

@test "an unknown key names the nearest" {
	of 'resources: {memroy: 1}' '28: services.a.resources.memroy: unknown key "memroy", did you mean "memory"?'
	of 'user: root' '16: services.a.user: unknown key "user", did you mean "security.user"?'
	refused 'sevices: {}' '1:1: sevices: unknown key "sevices", did you mean "services"?' --offline
}

@test "keys, kinds and files that do not fit" {
	refused $'services:\n  a: {}\n  a: {}' '3:3: duplicate key "a", first written in line 2' --offline
	refused 'services: [a]' '1:11: services: cannot use a list here: expected a mapping' --offline
	refused $'services:\n\ta: {}' '2:1: cannot read the file as YAML: there is a tab, and YAML is indented by blanks' --offline
	refused $'services: {}\n---\nservices: {}' '2:1: cannot take a second document: a file holds one, name each file with -c' --offline
	refused 'services: *a' "1:11: cannot read the file as YAML: unknown anchor 'a' referenced" --offline
	of 'args: x' '22: services.a.args: cannot use "x" here: expected a list'
}

@test "a name that is no container id" {
	refused 'services: {a b: {}}' "1:12: services.\"a b\": cannot use \"a b\" as a service's name: it is the container's id, and ' ' is not a letter, digit, _, +, - or ." --offline
	refused 'services: {..: {}}' "1:12: services.\"..\": cannot use \"..\" as a service's name: it is the container's id" --offline
}

@test "limits that contradict each other" {
	of 'resources: {memory: {limit: 1M, soft: 2M}}' '54: services.a.resources.memory.soft: cannot use 2M: it is above memory.limit 1M (f.yaml:1:44)'
	of 'resources: {memory: {limit: 1M, low: 2M}}' '53: services.a.resources.memory.low: cannot use 2M: it is above memory.limit 1M (f.yaml:1:44)'
	of 'resources: {fds: {soft: 2, hard: 1}}' '40: services.a.resources.fds.soft: cannot use 2: it is above fds.hard 1 (f.yaml:1:49)'
	of 'resources: {rlimits: {core: {soft: 2, hard: 1}}}' '38: services.a.resources.rlimits.core: cannot use a soft limit of 2: it is above the hard limit of 1'
	of 'resources: {cpu: {quota: 0.005}}' "41: services.a.resources.cpu.quota: cannot use 0.005: the kernel's least is 1ms, and this is 500us of a cpu.period of 100ms (the default)"
	of 'resources: {cpu: {quota: 1, burst: 101ms}}' '51: services.a.resources.cpu.burst: cannot use 101ms: it is above 100ms, what each cpu.period of 100ms has of cpu.quota 1 (f.yaml:1:41)'
	of 'restart: {backoff: 10s, max_backoff: 1s}' '53: services.a.restart.max_backoff: cannot use 1s: it is below restart.backoff 10s (f.yaml:1:35)'
	refused $'resource_isolation: {cgroup: {controllers: [cpu]}}\nservices: {a: {resources: {memory: {limit: 1G}}}}' \
		'2:44: services.a.resources.memory.limit: cannot set memory.limit: controller memory is not among cgroup.controllers (f.yaml:1:31)' --offline
}

@test "settings of cgroup v1 alone" {
	refused $'resource_isolation: {cgroup: {version: 2}}\nservices: {a: {resources: {memory: {kernel: 1M}}}}' \
		'2:45: services.a.resources.memory.kernel: cannot limit kernel memory to 1M: cgroup v2 counts it in memory.limit, use that alone' --offline
	refused $'resource_isolation: {cgroup: {version: 2}}\nservices: {a: {resources: {memory: {oom_kill_disable: true}}}}' \
		'2:55: services.a.resources.memory.oom_kill_disable: cannot use true: cgroup v2 always kills at memory.limit, use memory.soft to slow the service down before' --offline
}

@test "values that cannot be read" {
	of 'resources: {cpu: {quota: -1}}' '41: services.a.resources.cpu.quota: cannot read "-1" as a number of CPUs: it is negative'
	of 'resources: {cpu: {quota: .nan}}' '41: services.a.resources.cpu.quota: cannot read ".nan" as a number of CPUs: it is not a decimal number'
	of 'resources: {cpu: {period: 2s}}' '42: services.a.resources.cpu.period: cannot use 2s: it must be from 1ms to 1s'
	of 'resources: {cpu: {cpuset: 3-1}}' '42: services.a.resources.cpu.cpuset: cannot read "3-1" as a list of CPUs: the range "3-1" runs backwards'
	of 'resources: {cpu: {shares: 1}}' '42: services.a.resources.cpu.shares: cannot use "1": it must be from 2 to 262144'
	of 'resources: {memory: {limit: 9999999999T}}' '44: services.a.resources.memory.limit: cannot read "9999999999T" as a size: it is too large'
	of 'resources: {memory: {limit: 0}}' '44: services.a.resources.memory.limit: cannot use "0": it must be more than 0'
	of 'resources: {io: {weight: 9}}' '41: services.a.resources.io.weight: cannot use "9": it must be from 10 to 1000'
	of 'resources: {io: {priority: idle:1}}' '43: services.a.resources.io.priority: cannot read "idle:1" as an I/O priority: idle has no levels'
	of 'resources: {pids: {limit: 0}}' '42: services.a.resources.pids.limit: cannot use "0": it must be at least 1'
	of 'resources: {rlimits: {nofile: 1}}' '38: services.a.resources.rlimits.nofile: cannot set "nofile" here: it is the key fds'
	of 'security: {capabilities: [NET_ADMIN]}' '42: services.a.security.capabilities[0]: unknown capability "NET_ADMIN", did you mean "CAP_NET_ADMIN"?'
	of 'security: {seccomp_profile: strickt}' '44: services.a.security.seccomp_profile: unknown seccomp profile "strickt", did you mean "strict"?'
	of 'stop: {signal: SIGFOO}' '31: services.a.stop.signal: unknown signal "SIGFOO", use a name such as SIGTERM, a number, or RTMIN+n'
	of 'executable: nginx' '28: services.a.executable: cannot use "nginx" as a path: it must be absolute, beginning with /'
	of 'working_dir: tmp' '29: services.a.working_dir: cannot use "tmp" as a path: it must be absolute, beginning with /'
	of 'priority: high' '26: services.a.priority: unknown priority "high", use critical, normal or batch'
	of 'environment: [A]' '30: services.a.environment[0]: cannot read "A" as a variable: write NAME=value'
	of 'health_check: {}' '16: services.a.health_check: cannot check health without one of exec, tcp and http'
	of 'health_check: {tcp: 1, exec: [x]}' '36: services.a.health_check.tcp: cannot use tcp beside exec: one of them says when the service is healthy'
	of 'filesystem: {writable: [/a], read_only: [/a]}' '57: services.a.filesystem.read_only[0]: cannot mount "/a" twice, it is also services.a.filesystem.writable[0] (f.yaml:1:40)'
	refused 'resource_isolation: {monitor: {alert_at: 80%}}' '1:42: resource_isolation.monitor.alert_at: cannot read "80%" as a part: it is not a decimal number' --offline
	refused 'resource_isolation: {cgroup: {version: 1}}' '1:40: resource_isolation.cgroup.version: cannot ask for cgroup version "1": use auto, which takes v1 where there is no v2' --offline
}

@test "networks that cannot be" {
	of 'network: {ports: ["80:0"]}' '34: services.a.network.ports[0]: cannot read "80:0" as a published port: "0" is not a port from 1 to 65535'
	of 'network: {mode: host, ports: [80]}' '38: services.a.network.ports: cannot publish ports: network.mode is host (f.yaml:1:32)'
	of 'network: {interfaces: [averyveryverylongname]}' "39: services.a.network.interfaces[0]: cannot use \"averyveryverylongname\" as an interface's name: it has 21 characters, and the kernel takes 15"
	refused 'services: {a: {network: {ports: [80]}}, b: {network: {ports: ["127.0.0.1:80:8080"]}}}' \
		'1:63: services.b.network.ports[0]: cannot publish port 80/tcp twice, service a has it (f.yaml:1:34)' --offline
	refused 'resource_isolation: {network: {subnet: 10.88.0.1/16}}' \
		'1:40: resource_isolation.network.subnet: cannot read "10.88.0.1/16" as a subnet: it has bits set beyond the prefix, use 10.88.0.0/16' --offline
}

@test "dependencies that cannot be" {
	refused 'services: {storage: {}, a: {depends_on: [storag]}}' '1:42: services.a.depends_on[0]: cannot find service "storag", did you mean "storage"?' --offline
	refused 'services: {a: {depends_on: [b]}, b: {depends_on: [a]}}' \
		'1:51: services.b.depends_on[0]: cannot order the services: they depend on each other in a circle, a -> b -> a' --offline
}

@test "what this host does not have" {
	here 'security: {user: nobody-here}' '33: services.a.security.user: cannot find user "nobody-here": no such entry in /etc/passwd'
	here 'security: {user: root, group: nobody-here}' '46: services.a.security.group: cannot find group "nobody-here": no such entry in /etc/group'
	here 'resources: {cpu: {cpuset: 8000}}' "42: services.a.resources.cpu.cpuset: cannot use CPUs 8000: this host has no CPU 8000, it has $(cat /sys/devices/system/cpu/online)"
	here 'executable: /usr/bin/none' '28: services.a.executable: cannot run "/usr/bin/none": no such file or directory'
	here 'executable: /etc/passwd' '28: services.a.executable: cannot run "/etc/passwd": it is not executable (mode 0644)'
	here 'executable: /usr' '28: services.a.executable: cannot run "/usr": it is a folder'
	here 'rootfs: /none' '24: services.a.rootfs: cannot use "/none": no such file or directory'
	here 'filesystem: {read_only: [/none]}' '41: services.a.filesystem.read_only[0]: cannot mount "/none": no such file or directory'
	# By path: a host that never had a named namespace has no /run/netns either.
	here "network: {namespace: $work/none}" "37: services.a.network.namespace: cannot join \"$work/none\": no such file or directory"
	mkdir "$work/tmpfs"
	mount -t tmpfs none "$work/tmpfs"
	run here "resources: {io: {device: $work/tmpfs, read_bps: 1M}}" "41: services.a.resources.io.device: cannot find the disk behind $work/tmpfs: $work/tmpfs is on tmpfs (mounted at $work/tmpfs): it has no disk"
	umount "$work/tmpfs"
	[[ $status == 0 ]] || {
		echo "$output"
		return 1
	}
	if [[ $(stat -fc %T /sys/fs/cgroup) != cgroup2fs ]]; then
		refused 'resource_isolation: {cgroup: {version: 2}}' \
			'1:40: resource_isolation.cgroup.version: cannot use cgroup v2: /sys/fs/cgroup is not a cgroup v2 hierarchy with controllers; version auto takes what this host has'
	fi
}

@test "a broken seccomp profile names what is wrong in it" {
	printf '{"defaultAction": "SCMP_ACT_ERRNO",\n "sycalls": []}\n' >p.json
	printf 'services: {a: {security: {seccomp_profile: %s/p.json}}}\n' "$work" >f.yaml
	fails "f.yaml:1:44: services.a.security.seccomp_profile: cannot use seccomp profile $work/p.json: 2:2: *sycalls*" "$BLACKHOLE" validate -c f.yaml
}

@test "every fault at once, in the order of the files" {
	printf 'services:\n  a: {resources: {memroy: 1}, depends_on: [b, none]}\n  b: {depends_on: [a]}\n' >one.yaml
	printf 'services:\n  a: {executable: nginx, security: {user: nobody-here}}\n' >two.yaml
	run --separate-stderr "$BLACKHOLE" validate -c one.yaml -c two.yaml
	[[ $status == 1 ]]
	[[ ${stderr_lines[0]} == 'one.yaml:2:19: services.a.resources.memroy: unknown key'* ]]
	[[ ${stderr_lines[1]} == 'one.yaml:2:47: services.a.depends_on[1]: cannot find service "none"' ]]
	[[ ${stderr_lines[2]} == 'one.yaml:3:20: services.b.depends_on[0]: cannot order the services'* ]]
	[[ ${stderr_lines[3]} == 'two.yaml:2:19: services.a.executable: cannot use "nginx"'* ]]
	[[ ${stderr_lines[4]} == 'two.yaml:2:43: services.a.security.user: cannot find user "nobody-here"'* ]]
	[[ ${#stderr_lines[@]} == 5 ]]
}

@test "the seed's files load, as two and as one" {
	run "$BLACKHOLE" validate --offline -c "$seed/isolation.yaml" -c "$seed/services.yaml"
	[[ $status == 0 && $output == "$seed/isolation.yaml, $seed/services.yaml: valid, 2 services" ]]
	cat "$seed/isolation.yaml" "$seed/services.yaml" >blackhole.yaml
	run "$BLACKHOLE" validate --offline
	[[ $status == 0 && $output == "blackhole.yaml: valid, 2 services" ]]
	run "$BLACKHOLE" config storage --format json
	[[ $status == 0 ]]
	[[ $(jq -c '.services.storage.resources | [.cpu.quota, .cpu.shares, .memory.limit, .memory.swap, .io.read_bps, .fds.hard]' <<<"$output") == '[2,1024,"4G","512M","500M",8192]' ]]
}

@test "--format json" {
	printf 'services: {a: {resources: {memroy: 1}}}\n' >f.yaml
	run "$BLACKHOLE" validate --offline --format json -c f.yaml
	[[ $status == 1 ]]
	jq -e '.valid == false and (.faults | length) == 1 and .warnings == []' <<<"$output"
	jq -e '.faults[0] | .file == "f.yaml" and .line == 1 and .column == 28 and .path == "services.a.resources.memroy" and (.message | test("memory"))' <<<"$output"
	printf 'services: {a: {}}\n' >f.yaml
	run "$BLACKHOLE" validate --offline --format json -c f.yaml
	[[ $status == 0 ]]
	jq -e '. == {valid: true, faults: [], warnings: []}' <<<"$output"
}

@test "a warning does not fail" {
	printf 'services: {a: {network: {interfaces: [none0]}}}\n' >f.yaml
	run --separate-stderr "$BLACKHOLE" validate -c f.yaml
	[[ $status == 0 && $output == "f.yaml: valid, 1 service" ]]
	[[ $stderr == *'f.yaml:1:39: services.a.network.interfaces[0]: warning: there is no interface "none0" on this host now'* ]]
}

@test "config prints what it reads again, and its schema" {
	"$BLACKHOLE" config -c "$repo/spec/testdata/everything.yaml" >one.yaml
	"$BLACKHOLE" config -c one.yaml >two.yaml
	diff one.yaml two.yaml
	"$BLACKHOLE" config --format json -c one.yaml >three.json
	"$BLACKHOLE" config -c three.json >four.yaml
	# The comments tell what a priority stands for, and JSON has none.
	diff one.yaml four.yaml
	"$BLACKHOLE" config --schema | jq -e '."$schema" == "https://json-schema.org/draft/2020-12/schema" and .properties.services.description != null'
}

@test "files and arguments that do not fit" {
	fails 'cannot find a configuration: there is neither ./blackhole.yaml nor /etc/blackhole/blackhole.yaml; name one with --config' "$BLACKHOLE" validate
	fails 'none.yaml: cannot read the configuration: no such file or directory' "$BLACKHOLE" validate -c none.yaml
	fails 'none.yaml: cannot read the configuration: no such file or directory' "$BLACKHOLE" config -c none.yaml
	fails "$work: cannot read the configuration: is a directory" "$BLACKHOLE" validate -c "$work"
	fails 'cannot read the configuration "": the path is empty' "$BLACKHOLE" validate -c ''
	echo 'services: {storage: {}}' >a,b.yaml
	run "$BLACKHOLE" validate --offline -c a,b.yaml
	[[ $status == 0 && $output == "a,b.yaml: valid, 1 service" ]]
	fails 'cannot find service "stroage", did you mean "storage"?' "$BLACKHOLE" config stroage -c a,b.yaml
	fails 'cannot use --format "xml": it is text or json' "$BLACKHOLE" validate -c a,b.yaml --format xml
	fails 'cannot use --format "text": it is yaml or json' "$BLACKHOLE" config -c a,b.yaml --format text
	fails '*takes no arguments*' "$BLACKHOLE" validate a
	fails '*takes at most 1 arguments*' "$BLACKHOLE" config a b
	fails 'cannot print the schema of one service*' "$BLACKHOLE" config --schema storage
}

@test "a configuration without read permission" {
	[[ $(id -u) == 0 ]] || skip "needs root, to be somebody else"
	chmod 755 "$work"
	echo 'services: {}' >f.yaml
	chmod 600 f.yaml
	cp "$BLACKHOLE" "$BLACKHOLE-services" "$work"
	fails 'f.yaml: cannot read the configuration: permission denied' env XDG_RUNTIME_DIR="$work" setpriv --reuid 65534 --clear-groups "$work/blackhole" --root /tmp/none validate -c f.yaml
}
