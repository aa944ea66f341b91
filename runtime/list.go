package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// List tells the state of every container, sorted by id. One that cannot be
// read is a warning; one that is being created or deleted is not listed. It
// fails with fs.ErrNotExist where the state folder is missing.
func (r *Runtime) List() ([]State, error) {
	entries, err := os.ReadDir(r.Root)
	if err != nil {
		return nil, fmt.Errorf("cannot list containers: %w", err)
	}
	var states []State
	for _, entry := range entries {
		if !entry.IsDir() || strings.HasPrefix(entry.Name(), "@") { // not a container's: no id begins so
			continue
		}
		id := entry.Name()
		s, _, err := r.state(id)
		if err != nil {
			if !r.vanishing(id) {
				r.warn(fmt.Errorf("cannot show container %q: %w", id, err))
			}
			continue
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("cannot list containers: %w", err)
		}
		s.Owner = owner(info)
		states = append(states, *s)
	}
	return states, nil
}

// vanishing: it is no fault that a container which is on its way in or out
// cannot be read.
func (r *Runtime) vanishing(id string) bool {
	return missing(filepath.Join(r.Root, id)) || r.locked(id)
}

func owner(info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	uid := strconv.FormatUint(uint64(stat.Uid), 10)
	if u, err := user.LookupId(uid); err == nil {
		return u.Username
	}
	return "#" + uid
}
