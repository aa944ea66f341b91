package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// flagsFirst moves a command's flags before its arguments: runc, and so
// everything that was written for it, has always taken "delete ID --force",
// while the flag parser stops at the first argument. What follows "--" stays.
func flagsFirst(app *cli.App, args []string) []string {
	at := commandIndex(app, args)
	if at < 0 || args[len(args)-1] == "--generate-bash-completion" { // whose place is the end
		return args
	}
	command := app.Command(args[at])
	if command == nil || command.SkipFlagParsing || keepsOrder(command.Name) {
		return args
	}
	if len(command.Subcommands) > 0 && at+1 < len(args) {
		if sub := command.Command(args[at+1]); sub != nil {
			command, at = sub, at+1
		}
	}
	var flags, rest []string
	words := args[at+1:]
	for len(words) > 0 {
		word := words[0]
		if word == "--" {
			break
		}
		words = words[1:]
		if len(word) < 2 || word[0] != '-' {
			rest = append(rest, word)
			continue
		}
		flags = append(flags, word)
		if len(words) > 0 && takesValue(command.Flags, word) {
			flags = append(flags, words[0])
			words = words[1:]
		}
	}
	return slices.Concat(args[:at+1], flags, rest, words)
}

// keepsOrder tells of a command whose arguments are a program with flags of
// its own.
func keepsOrder(command string) bool { return command == "exec" || command == "ps" }

// commandIndex finds the first argument that is neither a global flag nor the
// value of one.
func commandIndex(app *cli.App, args []string) int {
	for i := 1; i < len(args); i++ {
		word := args[i]
		switch {
		case word == "--":
			return -1
		case len(word) < 2 || word[0] != '-':
			return i
		case takesValue(app.Flags, word):
			i++
		}
	}
	return -1
}

// takesValue tells whether a flag as written, without =, is followed by its
// value.
func takesValue(flags []cli.Flag, word string) bool {
	if strings.Contains(word, "=") {
		return false
	}
	name := strings.TrimPrefix(strings.TrimPrefix(word, "-"), "-")
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			d, ok := f.(cli.DocGenerationFlag)
			return ok && d.TakesValue()
		}
	}
	return false
}
