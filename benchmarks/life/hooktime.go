package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// hook measures the network hooks alone, as one process each: a namespace that
// is there gets its network, and loses it.
func (b *bench) hook(v variant, ours *peer, count bool) (err error) {
	sleeper := exec.Command("/bin/sleep", "1000")
	sleeper.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if err := sleeper.Start(); err != nil {
		return fmt.Errorf("cannot make a network namespace: %w", err)
	}
	defer func() {
		_ = sleeper.Process.Kill()
		_ = sleeper.Wait()
	}()
	data, err := os.ReadFile(filepath.Join(v.bundle, "config.json"))
	if err != nil {
		return err
	}
	var c specs.Spec
	if err := json.Unmarshal(data, &c); err != nil {
		return err
	}
	state := specs.State{
		Version: c.Version, ID: fmt.Sprintf("bench%d-hook", os.Getpid()), Status: specs.StateCreating, Pid: sleeper.Process.Pid,
		Bundle: v.bundle, Annotations: c.Annotations,
	}
	if data, err = json.Marshal(state); err != nil {
		return err
	}
	m := *b.measure
	m.stdin = filepath.Join(b.folder, "state")
	if err := os.WriteFile(m.stdin, data, 0o600); err != nil {
		return err
	}
	up, err := m.run(nil, 0, 1, []string{ours.program, "hook", "createRuntime"})
	down, derr := m.run(nil, 0, 1, []string{ours.program, "hook", "poststop"})
	if err := errors.Join(err, derr); err != nil {
		return err
	}
	if count {
		b.results.add(key{"network hook alone", 1, mHookUp, ours.name}, up.ms())
		b.results.add(key{"network hook alone", 1, mHookDown, ours.name}, down.ms())
	}
	return nil
}
