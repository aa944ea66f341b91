#!/usr/bin/env bats
# bats file_tags=beside
# blackhole is installed as several programs: what starts containers, and what it
# becomes for a service command.
# shellcheck disable=SC2154

load helpers

setup() {
	oci_setup
	not_runc "the service commands are ours"
	bin=$work/usr/bin libexec=$work/usr/libexec/blackhole
	mkdir -p "$bin" "$libexec"
	cp "$BLACKHOLE" "$bin/blackhole"
}
teardown() { oci_teardown; }

installed() { "$bin/blackhole" --root "$root" "$@" 3>&-; }

# all_installed: where make install puts them.
all_installed() { cp "$BLACKHOLE-services" "$libexec"; }

@test "the OCI commands need no other program, the others say which one is missing" {
	installed create -b "$bundle" "$id" </dev/null >/dev/null 2>&1
	installed start "$id"
	[[ $(installed state "$id" | jq -r .status) == running ]]
	installed update --pids-limit 50 "$id"
	[[ $(installed list -q) == "$id" ]]
	[[ $(installed --version) == "blackhole version"* && $(installed -v) == "blackhole version"* ]]
	installed delete -f "$id"
	local args
	for args in "validate -c $work/none.yaml" status "" --help help nonsense --generate-bash-completion; do
		# shellcheck disable=SC2086
		fails "cannot run a service command: the program blackhole-services is neither $bin/blackhole-services nor $libexec/blackhole-services" installed $args
	done
}

@test "the others are in libexec, and speak of all commands" {
	all_installed
	local commands
	commands=$(installed --generate-bash-completion)
	for name in up validate create hook; do
		[[ $name == hook || $'\n'$commands == *$'\n'$name$'\n'* ]]
		installed "$name" --help | grep -q "^ *blackhole $name - "
		installed help "$name" | grep -q "^ *blackhole $name - "
	done
	installed --help | grep -q "^ *up  *start"
	installed --help | grep -q "^ *create  *"
	fails 'unknown command "creat"; did you mean "create"?' installed creat
	fails "*flag provided but not defined: -nonsense*" installed --nonsense
	printf 'services: {a: {executable: /bin/sh, memroy: 1}}\n' >"$work/f.yaml"
	fails "$work/f.yaml:1:37: services.a.memroy: *" installed validate -c "$work/f.yaml"
}

@test "a bundle names blackhole as its hooks, whoever wrote it, and one that stands alone is its own" {
	all_installed
	printf 'services: {%s: {executable: /bin/sh}}\n' "$id" >"$work/f.yaml"
	installed bundle -c "$work/f.yaml" "$id" "$work/service"
	[[ $(jq -r '.hooks.createRuntime[0].path' "$work/service/config.json") == "$bin/blackhole" ]]
	# Beside each other, as they are built.
	mv "$libexec/blackhole-services" "$bin"
	installed bundle -c "$work/f.yaml" "$id" "$work/service2"
	[[ $(jq -r '.hooks.createRuntime[0].path' "$work/service2/config.json") == "$bin/blackhole" ]]
	# Alone it is its own: all commands are in it.
	rm "$bin/blackhole"
	"$bin/blackhole-services" bundle -c "$work/f.yaml" "$id" "$work/service3"
	[[ $(jq -r '.hooks.createRuntime[0].path' "$work/service3/config.json") == "$bin/blackhole-services" ]]
	"$bin/blackhole-services" --root "$root" create -b "$bundle" "$id" </dev/null >/dev/null 2>&1
	"$bin/blackhole-services" --root "$root" delete -f "$id"
}

@test "what it becomes is the same process, with the same arguments and descriptors" {
	all_installed
	mkfifo "$work/go"
	printf 'services: {%s: {executable: /bin/sh, network: {mode: none}}}\n' "$id" >"$work/f.yaml"
	"$bin/blackhole" --root "$root" validate -c "$work/go" >"$work/out" 2>&1 3>&- &
	local pid=$!
	wait_until is_services "$pid"
	[[ $(tr '\0' ' ' <"/proc/$pid/cmdline") == "$bin/blackhole --root $root validate -c $work/go " ]]
	cat "$work/f.yaml" >"$work/go"
	wait "$pid"
	grep -q "1 service" "$work/out"
}

is_services() { [[ $(readlink "/proc/$1/exe") == "$libexec/blackhole-services" ]]; }
