package runtime

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/runc/libcontainer"
)

// restoreLog is the name that libcontainer gives to criu's log.
const restoreLog = "restore.log"

// Restore makes a container from a bundle and the images that Checkpoint
// saved, whose processes go on where they were. In all else it is Run; the
// terminal, the namespaces and the cgroups are as config.json has them.
func (r *Runtime) Restore(o RunOptions, images CriuOptions) (int, error) {
	code, err := r.restore(&o, &images)
	if err != nil {
		return -1, fmt.Errorf("cannot restore container %q: %w", o.ID, err)
	}
	return code, nil
}

// RestoreDetached is Restore for a caller that stays to reap the first process.
func (r *Runtime) RestoreDetached(o CreateOptions, images CriuOptions) (*Process, error) {
	c, err := restored(&images, func(criu *libcontainer.CriuOpts) (*created, error) { return r.create(&o, nil, criu) })
	if err != nil {
		return nil, fmt.Errorf("cannot restore container %q: %w", o.ID, err)
	}
	return &c.Process, nil
}

func (r *Runtime) restore(o *RunOptions, images *CriuOptions) (int, error) {
	return restored(images, func(criu *libcontainer.CriuOpts) (int, error) { return r.run(o, criu) })
}

// restored prepares for what restores from the images, and explains its failure.
func restored[T any](images *CriuOptions, from func(*libcontainer.CriuOpts) (T, error)) (none T, err error) {
	criu, err := images.criu()
	if err != nil {
		return none, err
	}
	if _, err := os.ReadDir(images.Images); err != nil {
		return none, fmt.Errorf("cannot read its images: %w", err)
	}
	// A log of an earlier attempt would explain this one.
	for _, dir := range []string{images.Images, images.Work} {
		if dir != "" {
			_ = os.Remove(filepath.Join(dir, restoreLog))
		}
	}
	result, err := from(criu)
	if err != nil {
		err = images.explain(err, restoreLog)
	}
	return result, err
}
