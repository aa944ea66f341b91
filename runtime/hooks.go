package runtime

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// Of config.json's hooks, libcontainer runs those of create, and startContainer
// in the container's first process. The others are ours, from the record.

// takeHooks removes from the configuration the hooks of a kind that libcontainer
// is not to run.
func takeHooks(config *configs.Config, kind configs.HookName) []*configs.Command {
	var taken []*configs.Command
	for _, h := range config.Hooks[kind] {
		if c, ok := h.(configs.CommandHook); ok {
			taken = append(taken, c.Command)
		}
	}
	delete(config.Hooks, kind)
	return taken
}

// checkHooks refuses a time that libcontainer would take to be over at once.
func checkHooks(hooks *specs.Hooks) error {
	if hooks == nil {
		return nil
	}
	for kind, list := range map[configs.HookName][]specs.Hook{
		configs.Prestart:        hooks.Prestart, //nolint:staticcheck // deprecated, and in use
		configs.CreateRuntime:   hooks.CreateRuntime,
		configs.CreateContainer: hooks.CreateContainer,
		configs.StartContainer:  hooks.StartContainer,
		configs.Poststart:       hooks.Poststart,
		configs.Poststop:        hooks.Poststop,
	} {
		for i, h := range list {
			if h.Timeout != nil && *h.Timeout <= 0 {
				return fmt.Errorf("config.json: hooks.%s[%d].timeout %d is not above 0 seconds", kind, i, *h.Timeout)
			}
		}
	}
	return nil
}

// hookVariable is in the environment of the hooks that create runs outside the
// container. They live in none of its namespaces and cgroups, so nothing else
// tells what they belong to once a killed creation has left them behind.
const hookVariable = "BLACKHOLE_HOOK_OF"

// markHooks puts the mark on the hooks.
func markHooks(config *configs.Config, dir string) {
	for _, kind := range []configs.HookName{configs.Prestart, configs.CreateRuntime} {
		for _, h := range config.Hooks[kind] {
			c, ok := h.(configs.CommandHook)
			if !ok {
				continue
			}
			setEnvironment(c.Command)
			c.Env = append(c.Env, hookVariable+"="+dir)
		}
	}
}

// setEnvironment: a hook outside the container without an environment of its own
// has $PATH. It would have the caller's: what a unit's secrets are in, descriptors
// and sockets that are the runtime's, libraries to load.
func setEnvironment(c *configs.Command) {
	if c.Env != nil {
		return
	}
	c.Env = []string{}
	if path, ok := os.LookupEnv("PATH"); ok {
		c.Env = append(c.Env, "PATH="+path)
	}
}

// hookProcesses finds the hooks, and what they started, of a container with
// that folder.
func hookProcesses(dir string) []int {
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return nil
	}
	mark := []byte(hookVariable + "=" + dir)
	var pids []int
	for _, file := range files {
		environ, err := os.ReadFile(file)
		if err != nil {
			continue // another user's, or it has ended
		}
		for variable := range bytes.SplitSeq(environ, []byte{0}) {
			if !bytes.Equal(variable, mark) {
				continue
			}
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil && pid != os.Getpid() {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// poststart runs the hooks of a container whose program was let run. By the
// runtime specification ("Lifecycle", step 9) that is once the program runs,
// before start returns, and the first that fails ends it all.
func (rec *recordData) poststart(id string, pid int) error {
	if len(rec.Poststart) == 0 {
		return nil
	}
	if err := awaitProgram(pid); err != nil {
		return err
	}
	state := &specs.State{
		Version:     specs.Version,
		ID:          id,
		Status:      specs.StateRunning,
		Pid:         pid,
		Bundle:      rec.Bundle,
		Annotations: rec.Annotations,
	}
	for i, hook := range rec.Poststart {
		setEnvironment(hook)
		if err := hook.Run(state); err != nil {
			return fmt.Errorf("cannot run poststart hook #%d %s: %w", i, hook.Path, err)
		}
	}
	return nil
}

// awaitProgram waits until the first process has become its program: it runs
// the startContainer hooks in between. Until then it calls itself "runc:[…",
// see libcontainer/nsenter. A program that has ended already is one that ran.
func awaitProgram(pid int) error {
	proc := "/proc/" + strconv.Itoa(pid)
	for delay := 50 * time.Microsecond; ; delay = min(2*delay, 10*time.Millisecond) {
		stat, err := os.ReadFile(proc + "/stat")
		if err != nil {
			return nil
		}
		// pid (comm) state …, see proc_pid_stat(5).
		end := bytes.LastIndexByte(stat, ')')
		_, comm, _ := bytes.Cut(stat[:max(end, 0)], []byte("("))
		if !strings.HasPrefix(string(comm), "runc:[") {
			return nil
		}
		if state := stat[end+1:]; bytes.HasPrefix(state, []byte(" Z")) || bytes.HasPrefix(state, []byte(" X")) {
			return fmt.Errorf("%w: a startContainer hook failed, or the program could not be executed", libcontainer.ErrNotRunning)
		}
		time.Sleep(delay)
	}
}

// peekRecord reads a record without waiting for whoever holds it.
func (r *Runtime) peekRecord(id string) (*recordData, error) {
	rec := record{path: r.recordPath(id)}
	if err := rec.read(); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return &recordData{}, nil // something else than this package made it
		}
		return nil, err
	}
	return &rec.recordData, rec.damaged // poststart hooks may be in it
}
