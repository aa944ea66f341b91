package main

import (
	"strings"
	"testing"
)

func TestFlagsFirst(t *testing.T) {
	app := newApp()
	for in, want := range map[string]string{
		"delete x --force":                      "delete --force x",
		"delete x -f":                           "delete -f x",
		"delete -f x":                           "delete -f x",
		"--root /r --debug delete x -f":         "--root /r --debug delete -f x",
		"--root=/r delete x -f":                 "--root=/r delete -f x",
		"run x --bundle /b --detach":            "run --bundle /b --detach x",
		"run x -b /b":                           "run -b /b x",
		"run x --bundle=/b y":                   "run --bundle=/b x y",
		"run x --preserve-fds 2":                "run --preserve-fds 2 x",
		"restore x -no-subreaper":               "restore -no-subreaper x",
		"nosuchcommand x -f":                    "nosuchcommand x -f",
		"ps x -o pid --format json":             "ps x -o pid --format json",
		"delete x - --generate-bash-completion": "delete x - --generate-bash-completion",
		"run x -no-subreaper":                   "run -no-subreaper x",
		"kill x KILL --all":                     "kill --all x KILL",
		"kill --all x 9":                        "kill --all x 9",
		"list --format json -q":                 "list --format json -q",
		"delete x -- --force":                   "delete x -- --force",
		"delete -- -x":                          "delete -- -x",
		"exec x --tty sh -c --tty":              "exec x --tty sh -c --tty",
		"create x -":                            "create x -",
		"create x --nope":                       "create --nope x",
		"create x --bundle":                     "create --bundle x",
		"--root /r":                             "--root /r",
		"":                                      "",
		"--":                                    "--",
		"bundle s d -- prog --bundle -c x":      "bundle s d -- prog --bundle -c x",
	} {
		args := append([]string{"blackhole"}, strings.Fields(in)...)
		got := strings.Join(flagsFirst(app, args)[1:], " ")
		if got != want {
			t.Errorf("%s\n got  %s\n want %s", in, got, want)
		}
	}
}
