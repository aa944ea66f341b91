// Command life times the lives of containers and services under several OCI
// runtimes, alternating them in one run, and prints medians, ratios and which of
// this project's targets they meet. See benchmarks/README.md.
//
//	life [FLAGS] BLACKHOLE PEER…
//
// benchmarks/run prepares what it needs. Exit code 1 when a runtime fails, with
// its output.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

var errStopped = errors.New("stopped by a signal")

// bench is one run.
type bench struct {
	n        int
	variants []string
	crowds   []string // variants of which several containers run at a time
	counts   []int
	modes    []string // networks of the services
	newest   []string // names of runcs that the targets are about
	folder   string
	stamp    string
	bare     string

	peers   []*peer // ours first
	measure *measurer
	results *results
	stop    atomic.Bool
	began   time.Time
}

func (b *bench) stopped() bool { return b.stop.Load() }

func main() {
	b := &bench{results: newResults(), began: time.Now()}
	flag.IntVar(&b.n, "n", 30, "lives of one container of each runtime and variant")
	variants := flag.String("variants", strings.Join(variantNames, " "), "variants of the bundle")
	crowds := flag.String("crowds", "plain hook", "those in which several containers run at a time")
	counts := flag.String("containers", "1 10 100", "containers at a time")
	modes := flag.String("services", "none isolated", "network modes of the services under up")
	newest := flag.String("newest", "", "versions of runc that the targets are about")
	programs := flag.String("programs", "build/bench", "`folder` of measure, stamp and bare")
	flag.StringVar(&b.folder, "folder", "", "empty `folder` to work in")
	output := flag.String("json", "", "`file` that gets every value")
	flag.Parse()
	if b.folder == "" || flag.NArg() == 0 || b.n < 1 {
		flag.Usage()
		os.Exit(2)
	}
	b.variants, b.crowds, b.modes, b.newest = strings.Fields(*variants), strings.Fields(*crowds), strings.Fields(*modes), strings.Fields(*newest)
	b.measure = &measurer{program: filepath.Join(*programs, "measure"), folder: b.folder}
	b.stamp, b.bare = filepath.Join(*programs, "stamp"), filepath.Join(*programs, "bare")
	if err := b.run(strings.Fields(*counts), flag.Args(), *output); err != nil {
		fmt.Fprintln(os.Stderr, "life:", err)
		os.Exit(1)
	}
}

func (b *bench) run(counts, programs []string, output string) (err error) {
	for _, c := range counts {
		n, err := strconv.Atoi(c)
		if err != nil || n < 1 {
			return fmt.Errorf("cannot run %q containers", c)
		}
		b.counts = append(b.counts, n)
	}
	// What a command leaves running becomes our child, and can be waited for.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-signals
		b.stop.Store(true)
	}()
	if b.peers, err = newPeers(programs); err != nil {
		return err
	}
	for _, p := range b.peers {
		b.results.peers = append(b.results.peers, p.name)
	}
	load := loadAverage()
	for _, step := range []func() error{b.lives, b.memories, b.hooks, b.services} {
		if err := step(); err != nil {
			return err
		}
	}
	fmt.Fprint(os.Stderr, "\r\033[K")
	about := map[string]any{"time": b.began, "took_s": time.Since(b.began).Seconds(), "load_before": load, "load_after": loadAverage(), "n": b.n}
	if output != "" {
		f, err := os.Create(output)
		if err != nil {
			return err
		}
		if err := errors.Join(b.results.writeJSON(f, about), f.Close()); err != nil {
			return err
		}
	}
	fmt.Printf("load average %s before, %s after; %.0f s\n", load, loadAverage(), time.Since(b.began).Seconds())
	if busy, _ := strconv.ParseFloat(load, 64); busy > 0.5 {
		fmt.Println("warning: the machine was not quiet: ratios hold, times do not")
	}
	fmt.Println("medians; ±: half the distance between the quartiles; ratio:", b.peers[0].name, "to the peer")
	b.results.printTable(os.Stdout)
	b.results.printTargets(os.Stdout, targets(b.newest), []limit{{mHookUp, 15}})
	return nil
}

// lives measures commands: every runtime in turn, another one first each time.
func (b *bench) lives() error {
	number := 0
	for _, name := range b.variants {
		v, err := writeVariant(name, b.folder, b.peers[0].program)
		if err != nil {
			return err
		}
		for _, lives := range b.counts {
			if lives > 1 && !slices.Contains(b.crowds, name) {
				continue
			}
			n := b.rounds(lives)
			for i := range n + 1 { // the first warms the caches and is not counted
				if lives > 10 && i == 0 {
					continue
				}
				b.progress("%s, %s: %d of %d", name, containers(lives), i, n)
				for _, p := range rotated(b.peers, i) {
					number++
					settle()
					if err := b.live(p, v, number, lives, i > 0); err != nil {
						return err
					}
				}
				if lives == 1 {
					settle()
					if err := b.yardstick(v, i > 0); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// rounds: the more containers, the fewer.
func (b *bench) rounds(containers int) int {
	switch {
	case containers == 1:
		return b.n
	case containers <= 10:
		return max(b.n/5, 3)
	}
	return max(b.n/15, 1)
}

func (b *bench) memories() error {
	for _, name := range b.variants {
		v := variant{name: name, bundle: filepath.Join(b.folder, "bundle-"+name)}
		n := max(b.n/5, 3)
		for i := range n {
			b.progress("memory, %s: %d of %d", name, i, n)
			for _, p := range rotated(b.peers, i) {
				if err := b.memory(p, v, i, true); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (b *bench) hooks() error {
	if !slices.Contains(b.variants, "hook") {
		return nil
	}
	for i := range b.n + 1 {
		b.progress("hook: %d of %d", i, b.n)
		v := variant{name: "hook", bundle: filepath.Join(b.folder, "bundle-hook")}
		if err := b.hook(v, b.peers[0], i > 0); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "\r\033[K%4.0f s  %s", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}

// rotated has another peer first in each round: what a round's noise hits
// changes.
func rotated(peers []*peer, by int) []*peer {
	by %= len(peers)
	return slices.Concat(peers[by:], peers[:by])
}

// settle lets the kernel be done with what ran before. The first move of a process
// into a cgroup after a while waits for an RCU grace period, of 4 to 20 ms, and the
// next ones do not (rcu_sync_enter): without a pause, each runtime's time would be
// that of its predecessor in the round.
func settle() { time.Sleep(60 * time.Millisecond) }

func loadAverage() string {
	data, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := bytes.Cut(data, []byte(" "))
	return string(first)
}
