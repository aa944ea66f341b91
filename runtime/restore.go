package runtime

import (
	"fmt"
	"os"
	"path/filepath"
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

func (r *Runtime) restore(o *RunOptions, images *CriuOptions) (int, error) {
	criu, err := images.criu()
	if err != nil {
		return -1, err
	}
	if _, err := os.ReadDir(images.Images); err != nil {
		return -1, fmt.Errorf("cannot read its images: %w", err)
	}
	// A log of an earlier attempt would explain this one.
	for _, dir := range []string{images.Images, images.Work} {
		if dir != "" {
			_ = os.Remove(filepath.Join(dir, restoreLog))
		}
	}
	code, err := r.run(o, criu)
	if err != nil {
		err = images.explain(err, restoreLog)
	}
	return code, err
}
