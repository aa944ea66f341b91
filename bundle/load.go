package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"blackhole/internal/regular"
)

// maxConfig bounds what is read of a config.json, in bytes. The largest in use,
// with a seccomp profile in it, are some 100 KB.
const maxConfig = 16 << 20

// Load reads the config.json of the bundle at dir. A relative root.path comes
// back absolute, as the specification has it relative to the bundle. Keys that
// are not known are passed over, as it demands.
//
// What no runtime could run is refused here, with the key: no process, program,
// root or linux section, a version other than 1.x.
func Load(dir string) (*specs.Spec, error) {
	path := filepath.Join(dir, ConfigName)
	data, err := readLimited(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read bundle: %w", err)
	}
	config, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("cannot read bundle: %s%w", path, err)
	}
	if !filepath.IsAbs(config.Root.Path) {
		absolute, err := filepath.Abs(dir)
		if err != nil {
			return nil, fmt.Errorf("cannot read bundle %s: %w", dir, err)
		}
		config.Root.Path = filepath.Join(absolute, config.Root.Path)
	}
	return config, nil
}

func readLimited(path string) ([]byte, error) {
	f, err := os.OpenFile(path, regular.Flags, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := regular.Read(f, maxConfig)
	switch {
	case errors.Is(err, regular.ErrKind):
		err = &fs.PathError{Op: "read", Path: path, Err: errors.New("not a file")}
	case errors.Is(err, regular.ErrSize):
		err = &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("more than %d bytes", maxConfig)}
	}
	return data, err
}

// decode is a config.json in memory. Its errors start with their place or with
// a colon, to stand behind the file's name.
func decode(data []byte) (*specs.Spec, error) {
	var config *specs.Spec
	if err := json.Unmarshal(data, &config); err != nil {
		return nil, at(data, err)
	}
	if config == nil {
		return nil, errors.New(": it is null")
	}
	if err := check(config); err != nil {
		return nil, fmt.Errorf(": %w", err)
	}
	return config, nil
}

// at puts line and column before a JSON error.
func at(data []byte, err error) error {
	var syntax *json.SyntaxError
	var mistyped *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		// The offset counts the bytes read; the last of them is the wrong one,
		// unless the file is at its end.
		offset := syntax.Offset - 1
		if strings.HasPrefix(syntax.Error(), "unexpected end") {
			offset = int64(len(data))
		}
		return fmt.Errorf(":%s: not JSON: %w", place(data, offset), err)
	case errors.As(err, &mistyped):
		return fmt.Errorf(":%s: %s: a JSON %s where %s belongs", place(data, mistyped.Offset-1),
			mistyped.Field, mistyped.Value, mistyped.Type)
	}
	return fmt.Errorf(": not JSON: %w", err)
}

// place is line:column of an offset, both from 1, columns in bytes.
func place(data []byte, offset int64) string {
	before := data[:max(0, min(offset, int64(len(data))))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n') // -1 if there is none
	return strconv.Itoa(line) + ":" + strconv.Itoa(column)
}

// check finds what keeps any runtime from running the configuration.
func check(config *specs.Spec) error {
	major, _, dotted := strings.Cut(config.Version, ".")
	switch {
	case config.Version == "":
		return errors.New("ociVersion is missing")
	case major != "1" || !dotted:
		return fmt.Errorf("ociVersion %q is not supported: this is a runtime for 1.x", config.Version)
	case config.Root == nil:
		return errors.New("root is missing")
	case config.Root.Path == "":
		return errors.New("root.path is missing")
	case config.Process == nil:
		return errors.New("process is missing")
	case config.Linux == nil:
		return errors.New("linux is missing: the container would have no namespaces")
	}
	return checkProcess(config.Process, "process.")
}

// maxPath is the longest path in bytes (path_resolution(7), PATH_MAX with its
// final zero).
const maxPath = 4095

// checkProcess finds what keeps any process from being started. The prefix
// stands before the keys it names.
func checkProcess(p *specs.Process, prefix string) error {
	switch {
	case len(p.Args) == 0:
		return fmt.Errorf("%sargs is empty: there is no program to run", prefix)
	case p.Args[0] == "":
		return fmt.Errorf("%sargs[0], the program, is empty", prefix)
	case len(p.Args[0]) > maxPath: // the container's first process could not even tell of it
		return fmt.Errorf("%sargs[0], the program, has %d bytes, more than any path", prefix, len(p.Args[0]))
	case p.Cwd == "":
		return fmt.Errorf("%scwd is missing", prefix)
	case !filepath.IsAbs(p.Cwd):
		return fmt.Errorf("%scwd %q is not an absolute path", prefix, p.Cwd)
	}
	return nil
}
