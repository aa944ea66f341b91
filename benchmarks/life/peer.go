package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// states is where all of them keep their state: on a tmpfs, as in real life. ext4 would
// take longer for each file that is made soon after many were removed.
const states = "/run/life"

// peer is one runtime under measurement. Each has a state root of its own.
type peer struct {
	program string
	name    string // what it calls itself, with its version
	root    string
}

func newPeers(programs []string) ([]*peer, error) {
	var peers []*peer
	for i, program := range programs {
		path, err := exec.LookPath(program)
		if err == nil {
			path, err = filepath.Abs(path)
		}
		if err != nil {
			return nil, err
		}
		name, err := nameOf(path)
		if err != nil {
			return nil, err
		}
		for _, other := range peers {
			if other.name == name {
				name = fmt.Sprintf("%s [%d]", name, i)
			}
		}
		peers = append(peers, &peer{program: path, name: name, root: filepath.Join(states, strconv.Itoa(i))})
	}
	return peers, nil
}

// nameOf is "runc 1.5.2" of "runc version 1.5.2", the first line of its --version.
func nameOf(program string) (string, error) {
	out, err := exec.Command(program, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", program, err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	words := slices.DeleteFunc(strings.Fields(line), func(w string) bool { return w == "version" })
	if len(words) < 2 {
		return filepath.Base(program), nil
	}
	if words[0] == "blackhole" { // its own version says nothing here
		return words[0], nil
	}
	return words[0] + " " + words[1], nil
}

// args are one command of this runtime.
func (p *peer) args(words ...string) []string {
	return append([]string{p.program, "--root", p.root}, words...)
}

// took is what a command, or several at a time, cost.
type took struct {
	began    time.Time
	wall     time.Duration
	cpu      time.Duration
	resident float64 // MiB, of the largest process
}

func (t took) ms() float64 { return float64(t.wall.Nanoseconds()) / 1e6 }

// measurer runs commands under benchmarks/measure.c.
type measurer struct {
	program string
	folder  string
	stdin   string // file; empty: nothing to read
}

// run runs count copies of the commands at a time, in which "@" is first,
// first+1 and so on. in is put before the measuring program.
func (m *measurer) run(in []string, first, count int, commands ...[]string) (took, error) {
	output := filepath.Join(m.folder, "output")
	if err := os.Remove(output); err != nil && !errors.Is(err, os.ErrNotExist) {
		return took{}, err
	}
	argv := slices.Concat(in, []string{m.program, output, strconv.Itoa(first), strconv.Itoa(count)})
	for i, c := range commands {
		if i > 0 {
			argv = append(argv, "+")
		}
		argv = append(argv, c...)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	if m.stdin != "" {
		f, err := os.Open(m.stdin)
		if err != nil {
			return took{}, err
		}
		defer f.Close()
		cmd.Stdin = f
	}
	var problem bytes.Buffer
	cmd.Stderr = &problem
	out, err := cmd.Output()
	var began, wall, cpu, resident int64
	var failed int
	if err == nil {
		_, err = fmt.Sscan(string(out), &began, &wall, &cpu, &resident, &failed)
	}
	if err == nil && failed > 0 {
		err = fmt.Errorf("%d of %d failed", failed, count)
	}
	if err != nil {
		text, _ := os.ReadFile(output)
		return took{}, fmt.Errorf("%v: %w: %s%s", commands, err, problem.Bytes(), tail(text))
	}
	return took{
		began: time.Unix(0, began), wall: time.Duration(wall), cpu: time.Duration(cpu) * time.Microsecond,
		resident: float64(resident) / 1024,
	}, nil
}

func tail(text []byte) []byte {
	text = bytes.TrimSpace(text)
	return text[max(0, len(text)-500):]
}
