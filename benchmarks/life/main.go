// Command life times a container's life (create, start, state, delete) under
// several OCI runtimes, alternating them in one run, and prints medians and
// their ratios to the first one's. Times of different runs or machines do not
// compare; ratios of one run do.
//
//	life -n 30 -bundle DIR build/blackhole runc crun
//
// The bundle's program must end when it gets SIGKILL; each runtime gets its own
// state root. Exit code 1 when a runtime fails, with its output.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"
)

// steps are timed in this order; kill, which ends the program before delete,
// is not a step of its own: it takes a signal's time everywhere.
var steps = []string{"create", "start", "state", "delete", "whole life"}

// peer is one runtime under measurement.
type peer struct {
	program string
	root    string
	times   map[string][]time.Duration
	cpu     []time.Duration // user and system time of all its commands in one life
}

func main() {
	n := flag.Int("n", 30, "lives of each runtime")
	bundle := flag.String("bundle", "", "bundle `folder` that all of them run")
	flag.Parse()
	if *bundle == "" || flag.NArg() == 0 || *n < 1 {
		fmt.Fprintln(os.Stderr, "usage: life [-n LIVES] -bundle DIR RUNTIME…")
		os.Exit(2)
	}
	if err := run(*n, *bundle, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "life:", err)
		os.Exit(1)
	}
}

func run(n int, bundle string, programs []string) error {
	tmp, err := os.MkdirTemp("", "life")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	var peers []*peer
	for i, program := range programs {
		peers = append(peers, &peer{program: program, root: filepath.Join(tmp, fmt.Sprint(i)), times: map[string][]time.Duration{}})
	}
	for life := range n + 1 { // the first warms the caches and is not counted
		for _, p := range peers {
			if err := p.live(bundle, fmt.Sprintf("life-%d-%d", os.Getpid(), life), life > 0); err != nil {
				return err
			}
		}
		if n > 20 && life%10 == 0 {
			fmt.Fprintf(os.Stderr, "\r%d of %d lives", life, n)
		}
	}
	if n > 20 {
		fmt.Fprint(os.Stderr, "\r                    \r")
	}
	report(n, peers)
	return nil
}

// live takes one container through its whole life.
func (p *peer) live(bundle, id string, count bool) error {
	var whole, cpu time.Duration
	do := func(step string, args ...string) error {
		took, used, err := command(p.program, append([]string{"--root", p.root}, args...)...)
		if err != nil {
			return err
		}
		if step != "" {
			whole += took
			cpu += used
			if count {
				p.times[step] = append(p.times[step], took)
			}
		}
		return nil
	}
	if err := do("create", "create", "--bundle", bundle, id); err != nil {
		return err
	}
	err := do("start", "start", id)
	if err == nil {
		err = do("state", "state", id)
	}
	if err == nil {
		err = do("", "kill", id, "KILL")
	}
	for range 1000 { // until the kernel is done with the program
		if err != nil || stopped(p, id) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err != nil {
		_, _, derr := command(p.program, "--root", p.root, "delete", "--force", id)
		return errors.Join(err, derr)
	}
	if err := do("delete", "delete", id); err != nil {
		return err
	}
	if count {
		p.times["whole life"] = append(p.times["whole life"], whole)
		p.cpu = append(p.cpu, cpu)
	}
	return nil
}

func stopped(p *peer, id string) bool {
	out, err := exec.Command(p.program, "--root", p.root, "state", id).Output()
	return err != nil || bytes.Contains(out, []byte(`"status": "stopped"`))
}

// command runs one command of a runtime and returns how long it took and the
// processor time of it and its children.
func command(program string, args ...string) (took, used time.Duration, err error) {
	cmd := exec.Command(program, args...)
	var out *os.File
	if out, err = os.CreateTemp("", "life-output"); err != nil { // a pipe would be held open by the container
		return 0, 0, err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	start := time.Now()
	err = cmd.Run()
	took = time.Since(start)
	if err != nil {
		text, _ := os.ReadFile(out.Name())
		return 0, 0, fmt.Errorf("%s %v: %w: %s", program, args, err, bytes.TrimSpace(text))
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return took, time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), nil
}

func report(n int, peers []*peer) {
	fmt.Printf("medians of %d lives in milliseconds, and their ratio to %s's\n\n", n, filepath.Base(peers[0].program))
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "\t")
	for _, p := range peers {
		fmt.Fprintf(w, "%s\t\t", filepath.Base(p.program))
	}
	fmt.Fprintln(w)
	row := func(name string, of func(*peer) []time.Duration) {
		fmt.Fprintf(w, "%s\t", name)
		base := median(of(peers[0]))
		for _, p := range peers {
			m := median(of(p))
			fmt.Fprintf(w, "%.1f\t%.2f\t", float64(m.Microseconds())/1000, float64(m)/float64(base))
		}
		fmt.Fprintln(w)
	}
	for _, step := range steps {
		row(step, func(p *peer) []time.Duration { return p.times[step] })
	}
	row("user+sys", func(p *peer) []time.Duration { return p.cpu })
	w.Flush()
}

func median(d []time.Duration) time.Duration {
	d = slices.Clone(d)
	slices.Sort(d)
	return d[len(d)/2]
}
