package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	goruntime "runtime"
	"strings"
	"sync"
	"syscall"
	"text/tabwriter"
	"time"
)

// table counts the cases, by command and fault.
type table struct {
	sync.Mutex
	commands, kinds []string
	stride, offset  int
	cells           map[[2]string]*cell
	broken          []error
	workers         map[*exec.Cmd]bool
}

type cell struct{ calls, tried, survived int }

// fill tries everything, or some pairs of command and fault, some at a time.
func (t *table) fill(like job, pairs, jobs int) error {
	t.cells = map[[2]string]*cell{}
	var all []job
	for _, c := range t.commands {
		for _, k := range t.kinds {
			j := like
			j.Prefix, j.Command, j.Fault = fmt.Sprintf("flt%dx%d-", os.Getpid(), len(all)), c, k
			j.From, j.Stride = t.offset, t.stride
			all = append(all, j)
			t.cells[[2]string{c, k}] = &cell{}
		}
	}
	if pairs > 0 {
		rand.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
		all = all[:min(pairs, len(all))]
	}
	todo := make(chan job, len(all))
	for _, j := range all {
		todo <- j
	}
	close(todo)
	t.stopOnSignal(all)
	var workers sync.WaitGroup
	for range jobs {
		workers.Go(func() {
			// A worker dies with the thread that started it.
			goruntime.LockOSThread()
			for j := range todo {
				t.do(j)
			}
		})
	}
	workers.Wait()
	return errors.Join(t.broken...)
}

// stopOnSignal leaves nothing of an interrupted run either.
func (t *table) stopOnSignal(all []job) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		t.Lock() // for good: no worker is started any more
		for cmd := range t.workers {
			_ = cmd.Process.Kill()
		}
		for _, j := range all {
			thawCgroups(j.Prefix)
		}
		for cmd := range t.workers {
			_, _ = cmd.Process.Wait()
		}
		for _, j := range all {
			removeCgroups(j.Prefix)
		}
		t.print(os.Stdout) // what was seen so far
		os.Exit(2)
	}()
}

// do starts a worker, and another after each case that was not survived: what
// that left is gone with the worker.
func (t *table) do(j job) {
	c, start := t.cells[[2]string{j.Command, j.Fault}], time.Now()
	for {
		last, err := t.runWorker(j, c)
		removeCgroups(j.Prefix)
		t.Lock()
		switch {
		case err == nil && last.Broken != "":
			err = fmt.Errorf("cannot try %s in %s: %s", j.Fault, j.Command, last.Broken)
			fallthrough
		case err != nil:
			fmt.Fprintln(os.Stderr, err)
			t.broken = append(t.broken, err)
		case last.Problem != "":
			fmt.Fprintf(os.Stderr, "faults -command %s -fault %s%s -n %d: at %s: %s\n", j.Command, j.Fault, j.onCall(), last.N,
				last.Hit, strings.ReplaceAll(last.Problem, "\n", "; "))
		}
		t.Unlock()
		if err != nil || last.Done || j.Only > 0 {
			fmt.Fprintf(os.Stderr, "%s %s: %d calls, %d of %d survived, %s\n", j.Command, j.Fault, c.calls, c.survived, c.tried, time.Since(start).Round(time.Second))
			return
		}
		j.From = last.N + j.Stride
	}
}

// runWorker returns the last line that a worker wrote.
func (t *table) runWorker(j job, c *cell) (last report, err error) {
	text, err := json.Marshal(j)
	if err != nil {
		return last, err
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), workVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return last, err
	}
	if err := t.start(cmd); err != nil {
		return last, err
	}
	defer t.ended(cmd)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		last = report{}
		if err := json.Unmarshal(lines.Bytes(), &last); err != nil {
			return last, fmt.Errorf("a worker wrote %q: %w", lines.Text(), err)
		}
		if last.Count > 0 {
			c.calls = last.Count
		}
		if last.N > 0 && (last.Hit != "" || last.Problem != "") {
			c.tried++
			if last.Problem == "" {
				c.survived++
			}
		}
	}
	thawCgroups(j.Prefix)
	if err := cmd.Wait(); err != nil {
		return last, fmt.Errorf("the worker of %s in %s: %w", j.Fault, j.Command, err)
	}
	return last, nil
}

// String is survived of tried.
func (c cell) String() string {
	if c.tried == 0 {
		return "-"
	}
	return fmt.Sprintf("%d/%d", c.survived, c.tried)
}

func (t *table) start(cmd *exec.Cmd) error {
	t.Lock()
	defer t.Unlock()
	if t.workers == nil {
		t.workers = map[*exec.Cmd]bool{}
	}
	t.workers[cmd] = true
	return cmd.Start()
}

func (t *table) ended(cmd *exec.Cmd) {
	t.Lock()
	defer t.Unlock()
	delete(t.workers, cmd)
}

func (t *table) survived() bool {
	for _, c := range t.cells {
		if c.survived != c.tried {
			return false
		}
	}
	return true
}

// print writes how many were survived of how many tried.
func (t *table) print(to io.Writer) {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintf(w, "command\t%s\tall\n", strings.Join(t.kinds, "\t"))
	sums := make([]cell, len(t.kinds)+1)
	line := func(name string, cells []cell) {
		fmt.Fprint(w, name)
		for _, c := range cells {
			fmt.Fprintf(w, "\t%s", c)
		}
		fmt.Fprintln(w)
	}
	for _, command := range t.commands {
		row := make([]cell, len(t.kinds)+1)
		for i, kind := range t.kinds {
			c := *t.cells[[2]string{command, kind}]
			for _, to := range []*cell{&row[i], &row[len(t.kinds)], &sums[i], &sums[len(t.kinds)]} {
				to.tried += c.tried
				to.survived += c.survived
			}
		}
		line(command, row)
	}
	line("all", sums)
}

// onCall is the flag that says which call is counted.
func (j job) onCall() string {
	if j.Call == "" {
		return ""
	}
	return " -call " + j.Call
}
