// Command attack is what a hostile program in a container would try, for
// tests/bats/attacks-*.bats. Each verb tells on standard output what it got
// through with, one a line; a verb that got nowhere says nothing.
package main

import (
	"fmt"
	"os"
	"sort"
	"strings"
)

// verbs are filled in here and not by init functions, so that one list shows
// all there is.
var verbs = map[string]func(args []string) error{
	"exchange":  exchange,
	"naive":     naive,
	"exe":       overwriteExe,
	"fds":       listDescriptors,
	"cwd":       outsideCwd,
	"cwd-leak":  leakCwd,
	"joiner":    attackJoiner,
	"probe":     probe,
	"masks":     unmasked,
	"syscall":   rawSyscall,
	"int80":     compatSyscall,
	"x32":       x32Syscall,
	"unknown":   unknownSyscalls,
	"rewrite":   rewriteSyscall,
	"keys":      keys,
	"session":   withKey,
	"tiocsti":   typeAhead,
	"devices":   openDevices,
	"cgroup":    cgroupEscape,
	"hostlinks": hostLinks,
	"stdout":    growStdout,
	"connect":   connectUnix,
	"mounted":   mountedOutside,
	"sees":      sees,
	"strayed":   strayed,
	"sleep":     sleepForever,
	"writefile": writeFile,
}

func main() {
	if len(os.Args) < 2 || verbs[os.Args[1]] == nil {
		var names []string
		for name := range verbs {
			names = append(names, name)
		}
		sort.Strings(names)
		fmt.Fprintln(os.Stderr, "attack: one of", strings.Join(names, " "))
		os.Exit(2)
	}
	if err := verbs[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "attack:", err)
		os.Exit(1)
	}
}
