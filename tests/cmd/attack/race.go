package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// exchange swaps two names without end, as renameat2(2) does in one step: there
// is no moment at which one of them is missing. It pauses between, for a path
// with .. in it is resolved anew by openat2(2) at each rename on the whole host.
func exchange(args []string) error {
	for {
		_ = unix.Nanosleep(&unix.Timespec{Nsec: 20_000}, nil)
		if err := unix.Renameat2(unix.AT_FDCWD, args[0], unix.AT_FDCWD, args[1], unix.RENAME_EXCHANGE); err != nil {
			return err
		}
	}
}

// naive is a runtime as they once were: it looks whether ROOT/a/x leads out of
// ROOT, and then makes it by that name. It ends once WHERE was made by that, or
// after so many seconds. It is the proof that the race which others have to
// withstand is one.
func naive(args []string) error {
	root, where, seconds := args[0], args[1], args[2]
	limit, err := time.ParseDuration(seconds + "s")
	if err != nil {
		return err
	}
	for end := time.Now().Add(limit); time.Now().Before(end); {
		real, err := filepath.EvalSymlinks(filepath.Join(root, "a"))
		if err != nil || !strings.HasPrefix(real+"/", root+"/") {
			continue
		}
		if err := os.Mkdir(filepath.Join(root, "a/x"), 0o755); err != nil {
			continue
		}
		if _, err := os.Stat(where); err == nil {
			fmt.Println("made", where)
			return nil
		}
		_ = os.Remove(filepath.Join(root, "a/x"))
		_ = os.Remove(filepath.Join(root, "b/x"))
	}
	return nil
}
