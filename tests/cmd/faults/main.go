// Command faults runs commands of the built binary and lets something go wrong
// at the n-th system call that changes or opens something, for every n: the
// command is killed, or the call fails. Afterwards nothing of the container may
// be left, and another one beside it must be as it was. See docs/faults.md.
package main

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const workVariable = "FAULTS_WORK"

func main() {
	if os.Getenv(launchVariable) != "" {
		os.Unsetenv(launchVariable)
		fail(launch(os.Args[1:]))
	}
	if text := os.Getenv(workVariable); text != "" {
		os.Unsetenv(workVariable)
		var j job
		if err := json.Unmarshal([]byte(text), &j); err != nil {
			fail(err)
		}
		if err := work(j, os.Stdout); err != nil {
			fail(err)
		}
		return
	}
	ok, err := parent()
	if err != nil {
		fail(err)
	}
	if !ok {
		os.Exit(1)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "faults:", err)
	os.Exit(2)
}

func parent() (bool, error) {
	var names []string
	for _, s := range scenes() {
		names = append(names, s.name)
	}
	binary := flag.String("blackhole", "build/blackhole", "the binary under test")
	hooks := flag.String("hooks", "", "the binary of the bundles' network hooks, of which one runs no process for its own; empty is the one under test")
	commands := flag.String("command", strings.Join(names, ","), "commands under test")
	kinds := flag.String("fault", strings.Join(faultKinds(), ","), "what goes wrong")
	call := flag.String("call", "", "the one system call to count, such as unlinkat; empty is all")
	only := flag.Int("n", 0, "the one call to go wrong; 0 is all")
	stride := flag.Int("stride", 1, "take every so-manieth call")
	offset := flag.Int("offset", 0, "the first of them; 0 is a random one")
	pairs := flag.Int("pairs", 0, "take so many pairs of command and fault alone, random ones; 0 is all")
	jobs := flag.Int("jobs", 2, "how many are tried at a time")
	flag.Parse()
	path, err := filepath.Abs(*binary)
	if err != nil {
		return false, err
	}
	if *stride < 1 {
		return false, fmt.Errorf("a stride of %d", *stride)
	}
	if *offset == 0 {
		*offset = 1 + rand.IntN(*stride)
	}
	t := table{stride: *stride, offset: *offset}
	for c := range strings.SplitSeq(*commands, ",") {
		if !slices.Contains(names, c) {
			return false, fmt.Errorf("no such command: %q; there are %s", c, strings.Join(names, ", "))
		}
		t.commands = append(t.commands, c)
	}
	for k := range strings.SplitSeq(*kinds, ",") {
		if !slices.Contains(faultKinds(), k) {
			return false, fmt.Errorf("no such fault: %q; there are %s", k, strings.Join(faultKinds(), ", "))
		}
		t.kinds = append(t.kinds, k)
	}
	fmt.Fprintf(os.Stdout, "every call whose number is %d plus a multiple of %d\n", *offset, *stride)
	if err := t.fill(job{Binary: path, Hooks: cmp.Or(*hooks, path), Call: *call, Only: *only}, *pairs, *jobs); err != nil {
		return false, err
	}
	t.print(os.Stdout)
	return t.survived(), nil
}
