# Common to the files that test doctor, beside those of the supervisor.
# shellcheck shell=bash disable=SC2034,SC2154

doctor_teardown() {
	local one
	for one in $(bhs list -q 2>/dev/null); do # those without a supervisor
		[[ -e $root/@supervisor ]] || bhs delete --force "$one"
	done
	if mountpoint -q "$work/data"; then
		bhs down
		umount "$work/data"
	fi
	up_teardown
}

# data_disk: the folder $work/data on a disk whose bandwidth can be limited.
data_disk() {
	mkdir "$work/data"
	if [[ -b /dev/guest/plain ]]; then # the guest's /tmp is in memory
		mkfs.ext4 -q -F -E nodiscard,lazy_itable_init=0 /dev/guest/plain
		mount /dev/guest/plain "$work/data"
	fi
	dd if=/dev/zero of="$work/data/file" bs=1M count=8 conv=fsync status=none
}

# doctor ARGS…: what it says is in $work/doctor, its exit code in $status.
doctor() {
	status=0
	bhs doctor -c "$config" "$@" >"$work/doctor" 2>&1 || status=$?
}

# says SERVICE KIND TEXT KEY: the service has this trouble, whose message matches
# TEXT, at the line that sets KEY.
says() {
	local line
	line=$(grep -nF "$4" "$config" | head -n 1 | cut -d: -f1)
	awk -v service="$pre$1:" '/^[^ ]/ { mine = $1 == service } mine' "$work/doctor" >"$work/part"
	grep -A 1 "^  $2: " "$work/part" >"$work/found" && grep -q "$3" "$work/found" &&
		grep -qF "└ $config:$line:" "$work/found"
}

# all_said: each line of $work/wanted is a trouble, see says.
all_said() {
	doctor --sample 2s
	local service kind text key
	while IFS='|' read -r service kind text key; do
		says "$service" "$kind" "$text" "$key" || {
			echo "not yet: $service: $kind: $text ($key)" >"$work/missing"
			return 1
		}
	done <"$work/wanted"
}

# tells: doctor says all that is in $work/wanted, in the end.
tells() {
	wait_for 60 all_said || {
		cat "$work/missing" "$work/doctor"
		return 1
	}
	cat "$work/doctor"
}
