# fish completion for blackhole: /usr/share/fish/vendor_completions.d

function __blackhole_command
	set -l skip 0
	for word in (commandline -opc)[2..]
		if test $skip = 1
			set skip 0
		else if contains -- $word --root --log --log-format --rootless
			set skip 1
		else if not string match -q -- '-*' $word
			echo $word
			return
		end
	end
end

function __blackhole_words
	set -l command (__blackhole_command)
	if string match -q -- '-*' (commandline -ct)
		blackhole $command - --generate-bash-completion 2>/dev/null
	else if test -z "$command"
		blackhole --generate-bash-completion 2>/dev/null
	else if test "$command" = seccomp; and test (count (commandline -opc)) -le 2
		echo record
	else if contains -- $command start state kill delete exec ps pause resume update events checkpoint top
		blackhole list -q 2>/dev/null
	else
		__fish_complete_path (commandline -ct)
	end
end

complete -c blackhole -f -a '(__blackhole_words)'
