package supervisor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// notifier runs the operator's command for each alert: one at a time and in
// their order, each for as long as notifyPatience. What comes while many wait is
// dropped; the event log has it all.
type notifier struct {
	queue chan notification
	fail  func(error)
}

type notification struct {
	command []string
	event   Event
}

const (
	notifyPatience = 30 * time.Second
	notifyQueue    = 100
)

func newNotifier(ctx context.Context, fail func(error)) *notifier {
	n := &notifier{queue: make(chan notification, notifyQueue), fail: fail}
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case one := <-n.queue:
				if err := one.run(ctx); err != nil {
					fail(fmt.Errorf("cannot tell of an alert by %s: %w", one.command[0], err))
				}
			}
		}
	}()
	return n
}

// send is called in the loop and never waits.
func (n *notifier) send(command []string, e Event) {
	if len(command) == 0 {
		return
	}
	e.Time = time.Now()
	select {
	case n.queue <- notification{command, e}:
	default: // the event log has it
	}
}

func (n notification) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, notifyPatience)
	defer cancel()
	input, err := json.Marshal(n.event)
	if err != nil {
		return err
	}
	c := exec.CommandContext(ctx, n.command[0], n.command[1:]...)
	c.Stdin = bytes.NewReader(append(input, '\n'))
	var said lastBytes
	c.Stderr = &said
	// With all its children; and it must not keep our lock, socket or terminal.
	c.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	c.Cancel = func() error { return unix.Kill(-c.Process.Pid, unix.SIGKILL) }
	c.WaitDelay = time.Second
	err = c.Run()
	if ctx.Err() == context.DeadlineExceeded {
		return fmt.Errorf("it did not end within %s", notifyPatience)
	}
	if text := strings.TrimSpace(string(said)); err != nil && text != "" {
		return fmt.Errorf("%w: %s", err, oneLine(fmt.Errorf("%s", text)))
	}
	return err
}

// lastBytes keeps the end of what is written to it.
type lastBytes []byte

func (l *lastBytes) Write(p []byte) (int, error) {
	*l = append(*l, p...)
	if over := len(*l) - 512; over > 0 {
		*l = (*l)[over:]
	}
	return len(p), nil
}

// oneLine is an error's text on one line.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}
