package runtime

import (
	"errors"
	"os"

	"github.com/opencontainers/runc/libcontainer/utils"
)

// Terminal receives the master end of the terminal that a container, or a
// process in one, makes for itself, for a caller that stays. It is for one process.
type Terminal struct{ ours, theirs *os.File }

// NewTerminal makes one for CreateOptions or ExecOptions.
func NewTerminal() (*Terminal, error) {
	ours, theirs, err := utils.NewSockPair("console")
	if err != nil {
		return nil, err
	}
	return &Terminal{ours, theirs}, nil
}

// Receive waits for the terminal. It is there once the process is; a process
// that could not be made ends the wait, and so does Close before it was to be.
func (t *Terminal) Receive() (*os.File, error) { return receiveFile(t.ours) }

// Close may be called twice, and does not close what Receive returned.
func (t *Terminal) Close() error { return errors.Join(closeOnce(t.theirs), closeOnce(t.ours)) }

func closeOnce(f *os.File) error {
	if err := f.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}
