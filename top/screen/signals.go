package screen

import (
	"fmt"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// Signal is the signal that ended the view.
type Signal unix.Signal

func (s Signal) Error() string { return "ended by " + unix.SignalName(unix.Signal(s)) }

// signals are those that must not find the terminal as the view has it.
type signals struct {
	c         chan os.Signal
	continued chan os.Signal
}

func watchSignals() *signals {
	s := &signals{make(chan os.Signal, 4), make(chan os.Signal, 1)}
	signal.Notify(s.c, unix.SIGTERM, unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTSTP, unix.SIGCONT)
	return s
}

func (s *signals) stop() {
	signal.Stop(s.c)
	signal.Stop(s.continued)
}

func (v *view) signal(sig os.Signal, s *signals) error {
	switch sig {
	case unix.SIGTSTP:
		return v.suspend(s)
	case unix.SIGCONT:
		// Somebody stopped it without asking, and the shell has taken the terminal
		// back since.
		return v.resume()
	}
	number, _ := sig.(unix.Signal)
	return Signal(number)
}

// suspend gives the terminal back, stops this process as the shell's job
// control does, and takes the terminal again when it goes on. Where nobody could
// let it go on, nothing happens.
func (v *view) suspend(s *signals) error {
	if orphaned() {
		return nil
	}
	if err := v.s.Suspend(); err != nil {
		return err
	}
	signal.Notify(s.continued, unix.SIGCONT)
	defer signal.Stop(s.continued)
	if err := unix.Kill(unix.Getpid(), unix.SIGSTOP); err != nil {
		return os.NewSyscallError("kill", err)
	}
	<-s.continued // some of our threads may run on for a moment
	return v.resume()
}

func (v *view) resume() error {
	// Without effect where it is suspended already.
	if err := v.s.Suspend(); err != nil {
		return err
	}
	if err := v.s.Resume(); err != nil {
		return fmt.Errorf("cannot take the terminal again: %w", err)
	}
	v.s.Sync()
	return nil
}
