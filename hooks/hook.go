package hooks

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"blackhole/hooks/params"
)

// The hooks, by their names in config.json.
const (
	CreateRuntime = params.CreateRuntime
	Poststop      = params.Poststop
)

// maxState is more than any OCI state has, in bytes.
const maxState = 4 << 20

// Hook runs one hook: it reads the container's state, as the runtime writes it
// on a hook's standard input, and brings the network up or takes it down. Its
// error is one line, for runtimes show nothing else of a hook.
func (n *Network) Hook(name string, stdin io.Reader) error {
	return oneLine(n.hook(name, stdin))
}

func (n *Network) hook(name string, stdin io.Reader) error {
	if name != CreateRuntime && name != Poststop {
		return fmt.Errorf("cannot run hook %q: there are only %s and %s", name, CreateRuntime, Poststop)
	}
	state, err := readState(stdin)
	if err != nil {
		return fmt.Errorf("cannot read the container's state from standard input: %w", err)
	}
	if name == Poststop {
		return n.Down(state.ID)
	}
	return n.up(state, "")
}

// UpAhead does what the hook createRuntime does, for a container whose network
// namespace is there and whose first process is not: state has the pid of this
// process instead, until Adopt.
func (n *Network) UpAhead(state specs.State, namespace string) error {
	return oneLine(n.up(state, namespace))
}

func (n *Network) up(state specs.State, namespace string) error {
	p, err := parameters(state)
	if err != nil {
		return fmt.Errorf("cannot set up the network of %s: %w", state.ID, err)
	}
	if p.Mode == "" {
		return nil // nothing asked for
	}
	return n.Up(Container{ID: state.ID, PID: state.Pid, Bundle: state.Bundle, Namespace: namespace}, p)
}

func readState(stdin io.Reader) (state specs.State, err error) {
	data, err := io.ReadAll(io.LimitReader(stdin, maxState))
	if err != nil {
		return state, err
	}
	if err := json.Unmarshal(data, &state); err != nil {
		return state, err
	}
	if state.ID == "" {
		return state, errors.New("it has no id")
	}
	return state, nil
}

// parameters are in the annotations: the state has them, or else the bundle.
func parameters(state specs.State) (params.Params, error) {
	annotations := state.Annotations
	if !params.Any(annotations) && state.Bundle != "" {
		path := filepath.Join(state.Bundle, "config.json")
		data, err := os.ReadFile(path)
		if err != nil {
			return params.Params{}, err
		}
		var config struct {
			Annotations map[string]string `json:"annotations"`
		}
		if err := json.Unmarshal(data, &config); err != nil {
			return params.Params{}, fmt.Errorf("cannot read %s: %w", path, err)
		}
		annotations = config.Annotations
	}
	return params.FromAnnotations(annotations)
}

// line is an error whose text is one line, several causes apart by semicolons.
type line struct{ error }

func (l line) Error() string { return strings.ReplaceAll(l.error.Error(), "\n", "; ") }
func (l line) Unwrap() error { return l.error }

func oneLine(err error) error {
	if err == nil {
		return nil
	}
	return line{err}
}

// Shape changes the bandwidth of a running container, both directions: a rate
// that is zero is no limit any more. On failure what held before holds.
func (n *Network) Shape(id string, want Bandwidth) (err error) {
	defer func() {
		if err != nil {
			err = oneLine(fmt.Errorf("cannot shape the network of %s: %w", id, err))
		}
	}()
	if err := want.check(); err != nil {
		return err
	}
	k, err := dial(nil)
	if err != nil {
		return err
	}
	defer k.close()
	b, err := n.open(false)
	if err != nil {
		return err
	}
	defer b.close()
	e := b.Containers[id]
	if e == nil || e.Mode != params.Isolated && e.OuterEnd == 0 {
		return errors.New("it has no network of its own")
	}
	had := e.Bandwidth
	if e.OuterEnd != 0 {
		outer, err := k.host.LinkByIndex(e.OuterEnd)
		if err != nil {
			return fmt.Errorf("cannot look up the outer end of its interface, number %d: %w", e.OuterEnd, err)
		}
		if err := unclaimed(k.host, outer, had, want); err != nil {
			return err
		}
	}
	if err := e.shape(k.host, want); err != nil {
		return errors.Join(err, e.shape(k.host, had))
	}
	e.Bandwidth = want
	return b.save()
}

// Bandwidth is what a container's network is shaped to now; false when that is
// not ours to do.
func (n *Network) Bandwidth(id string) (Bandwidth, bool, error) {
	b, err := n.open(false)
	if err != nil {
		return Bandwidth{}, false, err
	}
	defer b.close()
	e := b.Containers[id]
	if e == nil || e.Mode != params.Isolated && e.OuterEnd == 0 {
		return Bandwidth{}, false, nil
	}
	return e.Bandwidth, true, nil
}
