// Command pairs runs two commands of an OCI runtime at the same time on one
// container, every pair of them, and looks at what they say and leave.
//
//	pairs [-rounds N] [-only COMMAND] RUNTIME BUNDLE STATE-FOLDER ID
//
// Each round begins with the container in one of its states. Whatever the two
// do to each other, they end in time, neither crashes nor tells of a data race,
// and a failure is one line; then `delete --force` succeeds and leaves nothing.
// What broke is printed, and then the number of rounds and of those that broke.
package main

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	rounds := flag.Int("rounds", 1, "rounds of each pair")
	only := flag.String("only", "", "only pairs with this command")
	flag.Parse()
	if flag.NArg() != 4 {
		flag.Usage()
		os.Exit(2)
	}
	c := container{runtime: flag.Arg(0), bundle: flag.Arg(1), root: flag.Arg(2), id: flag.Arg(3)}
	names := slices.Sorted(maps.Keys(commands))
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, unix.SIGINT, unix.SIGTERM)
	tried, broken := 0, 0
all:
	for range *rounds {
		for i, first := range names {
			for _, second := range names[i:] {
				if *only != "" && *only != first && *only != second {
					continue
				}
				select {
				case <-interrupted: // after what is under way, so that nothing is left
					break all
				default:
				}
				begin := beginnings[rand.IntN(len(beginnings))]
				tried++
				for _, fault := range c.round(begin, first, second) {
					broken++
					fmt.Printf("%s, %s with %s: %s\n", begin, first, second, fault)
				}
			}
		}
	}
	fmt.Printf("%d rounds of %d commands, %d faults\n", tried, len(names), broken)
	if broken > 0 {
		os.Exit(1)
	}
}

// round has the two commands meet once and returns what is wrong.
func (c *container) round(begin, first, second string) (faults []string) {
	if err := c.begin(begin); err != nil {
		return []string{"cannot begin: " + err.Error()}
	}
	done := make(chan []string)
	for _, name := range []string{first, second} {
		// Which of them comes first is the scheduler's matter, and this one's.
		delay := time.Duration(rand.Int64N(int64(8 * time.Millisecond)))
		go func() {
			time.Sleep(delay)
			done <- c.judge(name, c.run(commands[name](c)...))
		}()
	}
	faults = <-done
	select {
	case second := <-done:
		faults = append(faults, second...)
	case <-time.After(patience / 3):
		// A program that runs in the foreground, and is paused, is waited for until
		// somebody resumes it. All others have ended.
		if first != "exec" && second != "exec" {
			faults = append(faults, "one of them hangs")
		}
		c.run("resume", c.id)
		faults = append(faults, <-done...)
	}
	// A run in the foreground, and a container that it made, are gone by now.
	faults = append(faults, c.judge("delete --force", c.run("delete", "--force", c.id))...)
	return append(faults, c.left()...)
}
