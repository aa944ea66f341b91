package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/opencontainers/runc/libcontainer"
)

// Leftovers lists the ids of containers that a killed creation or deletion left
// half made. Delete with force removes each. What is being created or deleted
// right now is not among them, nor is a container that has merely stopped.
func (r *Runtime) Leftovers() ([]string, error) {
	entries, err := os.ReadDir(r.Root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot list leftovers: %w", err)
	}
	var ids []string
	for _, entry := range entries {
		id, ok := recordID(entry.Name())
		if !ok || r.locked(id) {
			continue
		}
		_, err := r.load(id)
		// The lock is looked at again: a creation may have begun and saved its
		// state between the two.
		if errors.Is(err, libcontainer.ErrNotExist) && !r.locked(id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// recordID is the reverse of recordPath.
func recordID(name string) (string, bool) {
	id, ok := strings.CutSuffix(name, ".json")
	if !ok || !strings.HasPrefix(id, "@") {
		return "", false
	}
	id = id[1:]
	return id, checkID(id) == nil
}
