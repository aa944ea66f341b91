package runtime

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// Processes lists the processes of a container, those in cgroups below its own
// included, by their ids in the caller's pid namespace. One that has stopped
// has none.
func (r *Runtime) Processes(id string) ([]int, error) {
	c, err := r.load(id)
	if err != nil {
		return nil, fmt.Errorf("cannot list the processes of container %q: %w", id, err)
	}
	pids, err := c.Processes()
	if err != nil {
		return nil, fmt.Errorf("cannot list the processes of container %q: %w", id, err)
	}
	return pids, nil
}

// ProcessTable is what ps(1) with args prints of a container's processes. The
// columns must include PID; without args it is ps -ef.
func (r *Runtime) ProcessTable(id string, args []string) (string, error) {
	pids, err := r.Processes(id)
	if err != nil {
		return "", err
	}
	if len(args) == 0 {
		args = []string{"-ef"}
	}
	table, err := processTable(pids, args)
	if err != nil {
		return "", fmt.Errorf("cannot list the processes of container %q: ps %s: %w", id, strings.Join(args, " "), err)
	}
	return table, nil
}

func processTable(pids []int, args []string) (string, error) {
	cmd := exec.Command("ps", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		said, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
		if said != "" {
			err = fmt.Errorf("%w: %s", err, said)
		}
		return "", err
	}
	return keepPids(string(out), pids)
}

// keepPids keeps the heading and the lines whose PID is one of pids. ps has
// not one format of which all programs understand the selection of processes,
// so it is done here.
func keepPids(table string, pids []int) (string, error) {
	heading, rest, _ := strings.Cut(table, "\n")
	column := slices.Index(strings.Fields(heading), "PID")
	if column < 0 {
		return "", errors.New("its output has no column PID")
	}
	kept := []string{heading}
	for line := range strings.Lines(rest) {
		fields := strings.Fields(line)
		if len(fields) <= column {
			continue
		}
		pid, err := strconv.Atoi(fields[column])
		if err != nil {
			return "", fmt.Errorf("its PID %q is not a number", fields[column])
		}
		if slices.Contains(pids, pid) {
			kept = append(kept, strings.TrimSuffix(line, "\n"))
		}
	}
	return strings.Join(kept, "\n") + "\n", nil
}
