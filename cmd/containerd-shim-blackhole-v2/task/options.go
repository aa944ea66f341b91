package task

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/api/types/runc/options"
	runtimeoptions "github.com/containerd/containerd/api/types/runtimeoptions/v1"
	"github.com/containerd/typeurl/v2"
	"github.com/pelletier/go-toml/v2"

	"blackhole/internal/atomicfile"
	"blackhole/internal/fileversion"
	"blackhole/runtime"
)

// DefaultRoot is where containers are kept, in a folder for each namespace.
const DefaultRoot = "/run/containerd/blackhole"

// Options are what containerd's configuration says about a runtime. The keys are
// those of containerd's own runc runtime; those of it that choose a program
// (BinaryName) or ask for what every container has anyway are passed over.
type Options struct {
	// Root is a folder instead of DefaultRoot.
	Root          string
	SystemdCgroup bool
	// NoPivotRoot and NoNewKeyring are as in runtime.CreateOptions.
	NoPivotRoot, NoNewKeyring bool
	// ShimCgroup is a cgroup for the shim itself, below the cgroup root.
	ShimCgroup string
	// IoUid and IoGid own the pipes of a container's streams.
	IoUid, IoGid uint32
	// CriuWorkPath is criu's folder for logs while restoring.
	CriuWorkPath string
}

// ReadOptions reads them from a message of containerd's: runc's own type, or
// the one for other runtimes, which holds TOML or the path of a file of it. None
// is the zero value.
func ReadOptions(message typeurl.Any) (o Options, err error) {
	if message == nil || message.GetTypeUrl() == "" {
		return o, nil
	}
	v, err := typeurl.UnmarshalAny(message)
	if err != nil {
		return o, fmt.Errorf("cannot read the runtime's options: %w", err)
	}
	switch v := v.(type) {
	case *options.Options:
		return Options{
			Root: v.Root, SystemdCgroup: v.SystemdCgroup,
			NoPivotRoot: v.NoPivotRoot, NoNewKeyring: v.NoNewKeyring,
			ShimCgroup: v.ShimCgroup, IoUid: v.IoUid, IoGid: v.IoGid, CriuWorkPath: v.CriuWorkPath,
		}, nil
	case *runtimeoptions.Options:
		return readTOML(v)
	}
	return o, fmt.Errorf("cannot read the runtime's options: unknown type %s", message.GetTypeUrl())
}

func readTOML(v *runtimeoptions.Options) (o Options, err error) {
	text, name := v.ConfigBody, "the runtime's options"
	if v.ConfigPath != "" {
		name = v.ConfigPath
		if text, err = os.ReadFile(name); err != nil {
			return o, fmt.Errorf("cannot read the runtime's options: %w", err)
		}
	}
	if err := toml.Unmarshal(text, &o); err != nil {
		return Options{}, fmt.Errorf("cannot read %s: %w", name, err)
	}
	return o, nil
}

// Runtime is where a namespace's containers are.
func (o Options) Runtime(namespace string) *runtime.Runtime {
	root := o.Root
	if root == "" {
		root = DefaultRoot
	}
	return &runtime.Runtime{
		Root:          filepath.Join(root, namespace),
		SystemdCgroup: o.SystemdCgroup,
		Compiled:      runtime.DefaultCompiled(),
	}
}

// optionsFile is in a container's bundle, for whoever removes the container
// after the shim has died.
const optionsFile = "options.json"

// filesVersion is that of optionsFile and of exitFile.
const filesVersion = 1

type savedOptions struct {
	Version int `json:"version"`
	Options
}

func (o Options) save(bundle string) error {
	data, err := json.Marshal(savedOptions{filesVersion, o})
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(bundle, optionsFile), data, 0o600)
}

// LoadOptions are those of a container, or none if it was never created.
func LoadOptions(bundle string) (Options, error) {
	var saved savedOptions
	path := filepath.Join(bundle, optionsFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Options{}, nil
	}
	if err == nil {
		err = readVersioned(path, data, &saved)
	}
	if err != nil {
		return Options{}, fmt.Errorf("cannot read the container's options: %w", err)
	}
	return saved.Options, nil
}

// readVersioned asks for the version first: what else is in a newer file may be
// of another type.
func readVersioned(path string, data []byte, into any) error {
	var found struct {
		Version int `json:"version"`
	}
	err := json.Unmarshal(data, &found)
	if verr := fileversion.Check(path, found.Version, filesVersion); verr != nil {
		return verr
	}
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	return err
}
