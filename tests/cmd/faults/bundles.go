package main

import (
	_ "embed" // config.json
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Where a worker has what: its /run is a tmpfs of its own.
const (
	stateRoot    = "/run/faults/state"
	logs         = "/run/faults/state/@supervisor/log"
	bundles      = "/run/faults/bundles"
	outputs      = "/run/faults/outputs/" // what commands say
	compiled     = "/run/blackhole-seccomp"
	stateFile    = outputs + "state.json"
	servicesFile = bundles + "/blackhole.yaml"
)

//go:embed config.json
var configJSON []byte

func bundleOf(id string) string { return filepath.Join(bundles, id) }

// bh is a command line of the binary under test.
func (w *worker) bh(args ...string) []string {
	return append([]string{w.binary, "--root", stateRoot}, args...)
}

// writeBundle makes a bundle of busybox that sleeps, with limits and a seccomp
// filter, and with a network unless it is bare. The last hook of half's creation
// kills the creator.
func (w *worker) writeBundle(id string, network bool) error {
	dir := bundleOf(id)
	root := filepath.Join(dir, "rootfs")
	for _, name := range []string{"bin", "dev", "etc", "proc", "sys", "tmp"} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			return err
		}
	}
	program, err := os.ReadFile("/bin/busybox")
	if err != nil {
		return fmt.Errorf("busybox-static is missing: %w", err)
	}
	if err := os.WriteFile(filepath.Join(root, "bin/busybox"), program, 0o755); err != nil {
		return err
	}
	err = errors.Join(os.Symlink("busybox", filepath.Join(root, "bin/sleep")), os.Symlink("busybox", filepath.Join(root, "bin/true")))
	if err != nil {
		return err
	}
	var spec map[string]any
	if err := json.Unmarshal(configJSON, &spec); err != nil {
		return err
	}
	linux := spec["linux"].(map[string]any)
	linux["cgroupsPath"] = filepath.Join("/", w.prefix+id, "deep", id)
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil { // as engines have it with cgroup v2
		linux["namespaces"] = append(linux["namespaces"].([]any), map[string]any{"type": "cgroup"})
	}
	if network || id == half {
		hook := func(name string) []any {
			return []any{map[string]any{"path": w.Hooks, "args": []string{"blackhole", "hook", name}, "timeout": 60}}
		}
		spec["hooks"] = map[string]any{"createRuntime": hook("createRuntime"), "poststop": hook("poststop")}
	}
	if id == half {
		hooks := spec["hooks"].(map[string]any)
		hooks["createRuntime"] = append(hooks["createRuntime"].([]any), map[string]any{"path": "/bin/sh", "args": []string{"sh", "-c", "kill -KILL $PPID"}})
	}
	spec["annotations"].(map[string]any)["io.blackhole.network.ports"] = fmt.Sprintf("%d:80/tcp", 8000+len(id))
	data, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), data, 0o600)
}

// writeState writes what a runtime tells the hooks of box.
func (w *worker) writeState() error {
	s, err := w.state(box)
	if err != nil {
		return err
	}
	data, err := json.Marshal(map[string]any{
		"ociVersion": "1.0.2", "id": box, "pid": s.Pid, "status": "creating", "bundle": bundleOf("bare"),
	})
	if err != nil {
		return err
	}
	return os.WriteFile(stateFile, data, 0o600)
}

// service is a service's name: cgroups of all state folders have one parent.
func (w *worker) service(name string) string { return w.prefix + name }

// writeServices writes the configuration of two services. The second edition has
// another limit for one, and for the other something that takes a restart.
func (w *worker) writeServices(edition int) error {
	text := strings.NewReplacer("@", w.prefix, "PIDS", fmt.Sprint(20*edition), "SECONDS", fmt.Sprint(1000*edition)).Replace(`
resource_isolation:
  network: {bridge: services0, subnet: 10.89.0.0/24}
  defaults: {network: {mode: isolated, bandwidth: {ingress_rate: 10M, egress_rate: 10M}}}
services:
  @a: {executable: /bin/sleep, args: ["5000"], resources: {pids: {limit: PIDS}}, network: {ports: ["8080:80"]}, stop: {timeout: 0s}}
  @b: {executable: /bin/sleep, args: ["SECONDS"], depends_on: [@a], stop: {timeout: 0s}}
`)
	return os.WriteFile(servicesFile, []byte(text), 0o600)
}

// marks is a folder in which a file tells that a service has not crashed yet.
const marks = "/run/faults/marks"

// writeCrashing writes the configuration of a service whose program fails at
// first and lives on when it is started again.
func (w *worker) writeCrashing() error {
	text := strings.NewReplacer("@", w.prefix, "MARKS", marks).Replace(`
resource_isolation:
  network: {bridge: services0, subnet: 10.89.0.0/24}
  defaults: {network: {mode: isolated, bandwidth: {ingress_rate: 10M, egress_rate: 10M}}}
services:
  @a:
    executable: /bin/busybox
    args: [sh, -c, "rm MARKS/first 2>/dev/null && exit 3; exec sleep 5000"]
    filesystem: {writable: [MARKS]}
    network: {ports: ["8080:80"]}
    restart: {backoff: 100ms, max_retries: 5}
    stop: {timeout: 0s}
  @b: {executable: /bin/sleep, args: ["5000"], stop: {timeout: 0s}}
`)
	return errors.Join(os.MkdirAll(marks, 0o755), os.WriteFile(marks+"/first", nil, 0o644), os.WriteFile(servicesFile, []byte(text), 0o600))
}
