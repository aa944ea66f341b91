package runtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/opencontainers/runc/libcontainer"
)

// stateFile is where libcontainer keeps what it knows of a container. It has no
// version: fields come and go with libcontainer's releases, and what is missing
// is zero.
const stateFile = "state.json"

// load reads a container back from its folder. A file that is damaged is an error
// that names it, and so is one that leads to cgroups which are not the
// container's.
func (r *Runtime) load(id string) (*libcontainer.Container, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	r.expectFreezing(id)
	c, err := loadFile(r.Root, id)
	if err != nil {
		var syntax *json.SyntaxError
		var mistyped *json.UnmarshalTypeError
		if errors.As(err, &syntax) || errors.As(err, &mistyped) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errIncomplete) {
			err = fmt.Errorf("cannot read %s: %w", filepath.Join(r.Root, id, stateFile), err)
		}
		return nil, err
	}
	state, err := c.State()
	if err != nil {
		return nil, err
	}
	if unfinished(state) {
		return nil, fmt.Errorf("%w: its creation did not come to its end", libcontainer.ErrNotExist)
	}
	if err := checkCgroups(state.Config.Cgroups, state.CgroupPaths); err != nil {
		return nil, fmt.Errorf("cannot use %s: %w", filepath.Join(r.Root, id, stateFile), err)
	}
	return c, nil
}

var errIncomplete = errors.New("there is no container in it")

// loadFile is libcontainer's Load, which takes the configuration to be there and
// panics where it is not. To look first would mean to parse the file twice, with
// each command.
func loadFile(root, id string) (_ *libcontainer.Container, err error) {
	defer func() {
		if recover() != nil {
			err = errIncomplete
		}
	}()
	return libcontainer.Load(root, id)
}
