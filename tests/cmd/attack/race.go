package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// exchange swaps two names without end, as renameat2(2) does in one step: there
// is no moment at which one of them is missing. Its pace changes, from none to
// 50 µs between two, for windows are of all widths.
func exchange(args []string) error {
	for {
		// Three of four bursts are without a pause.
		pause := unix.Timespec{Nsec: max(0, rand.Int64N(200_000)-150_000)}
		for range 1 + rand.IntN(64) {
			if pause.Nsec > 0 {
				_ = unix.Nanosleep(&pause, nil)
			}
			if err := unix.Renameat2(unix.AT_FDCWD, args[0], unix.AT_FDCWD, args[1], unix.RENAME_EXCHANGE); err != nil {
				return err
			}
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
