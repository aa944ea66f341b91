# bash completion for blackhole: /usr/share/bash-completion/completions/blackhole
# shellcheck shell=bash

# Commands and flags come from blackhole itself, ids from what is in the state
# folder that the command line names.
_blackhole() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} word command='' root=() i
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		--root)
			root=(--root "${COMP_WORDS[i + 1]}")
			((i += 1))
			;;
		--log | --log-format | --rootless) ((i += 1)) ;;
		-*) ;;
		*)
			command=$word
			break
			;;
		esac
	done
	case $prev in
	--root | --log | --bundle | -b | --config | -c | --pid-file | --console-socket | --pidfd-socket | --process | -p | --image-path | --work-path | --resources | -r)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	--log-format)
		mapfile -t COMPREPLY < <(compgen -W "text json" -- "$cur")
		return
		;;
	esac
	if [[ -n $command && $cur != -* ]]; then
		case $command in
		seccomp)
			if [[ $prev == seccomp ]]; then
				mapfile -t COMPREPLY < <(compgen -W "record" -- "$cur")
				return
			fi
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			;;
		start | state | kill | delete | exec | ps | pause | resume | update | events | checkpoint | top)
			mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" "${root[@]}" list -q 2>/dev/null)" -- "$cur")
			;;
		*)
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			;;
		esac
		return
	fi
	local ask=("${COMP_WORDS[0]}")
	if [[ -n $command ]]; then
		ask+=("$command")
	fi
	if [[ $cur == -* ]]; then
		ask+=(-)
	fi
	mapfile -t COMPREPLY < <(compgen -W "$("${ask[@]}" --generate-bash-completion 2>/dev/null)" -- "$cur")
}
complete -F _blackhole blackhole
