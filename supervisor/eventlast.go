package supervisor

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// lastEventBytes is how much of the event log's end LastEvents reads: some
// thousand events.
const lastEventBytes = 256 << 10

// LastEvents are the last events of a service, oldest first, as far as they are
// in the last 256 KiB of the log: who asks every second should not read all of it.
// No log is no events.
func (p Paths) LastEvents(service string, n int) ([]Event, error) {
	f, err := os.Open(p.events())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the event log: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("cannot read the event log: %w", err)
	}
	from := max(0, info.Size()-lastEventBytes)
	data := make([]byte, info.Size()-from)
	read, _ := f.ReadAt(data, from) // less, if it was put aside meanwhile
	data = data[:read]
	if from > 0 { // begins within a line
		_, data, _ = bytes.Cut(data, []byte{'\n'})
	}
	var events []Event
	o := EventOptions{Services: []string{service}}
	_, err = emitEvents(bufio.NewReader(bytes.NewReader(data)), nil, o, func(e *Event, _ []byte) error {
		events = append(events, *e)
		return nil
	})
	return events[max(0, len(events)-n):], err
}
