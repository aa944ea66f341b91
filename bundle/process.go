package bundle

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// LoadProcess reads a file that holds the process object of a config.json
// alone, as engines hand it to exec. It refuses what Load refuses of a process.
func LoadProcess(path string) (*specs.Process, error) {
	data, err := readLimited(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read process: %w", err)
	}
	var p *specs.Process
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("cannot read process: %s%w", path, at(data, err))
	}
	if p == nil {
		err = errors.New("it is null")
	} else {
		err = CheckProcess(p)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read process: %s: %w", path, err)
	}
	return p, nil
}

// CheckProcess refuses a process that no runtime could start: without a
// program, or without an absolute working directory.
func CheckProcess(p *specs.Process) error { return checkProcess(p, "") }
