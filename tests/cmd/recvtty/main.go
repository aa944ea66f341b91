// Command recvtty listens on a console socket and stands for the terminal of
// the one container that sends its master end: it copies it to standard output
// and standard input to it, until the container has gone.
//
//	recvtty [-pidfd] SOCKET
//
// With -pidfd it takes the descriptor for a process instead, and prints the
// process's id.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

func main() {
	pidfd := flag.Bool("pidfd", false, "receive a pidfd and print its process")
	flag.Parse()
	if err := receive(flag.Arg(0), *pidfd); err != nil {
		fmt.Fprintln(os.Stderr, "recvtty:", err)
		os.Exit(1)
	}
}

func receive(path string, pidfd bool) error {
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return err
	}
	defer listener.Close() // removes the socket as well
	conn, err := listener.AcceptUnix()
	if err != nil {
		return err
	}
	defer conn.Close()
	oob := make([]byte, unix.CmsgSpace(4))
	_, oobn, _, _, err := conn.ReadMsgUnix(make([]byte, 4096), oob)
	if err != nil {
		return err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return err
	}
	if len(messages) != 1 {
		return errors.New("no descriptor was sent")
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fds[0]), "received")
	defer f.Close()
	if pidfd {
		return printPid(f)
	}
	go func() { _, _ = io.Copy(f, os.Stdin) }()
	_, _ = io.Copy(os.Stdout, f) // ends with EIO when the container has gone
	return nil
}

// printPid reads it from fdinfo, see pidfd_open(2).
func printPid(f *os.File) error {
	info, err := os.Open(fmt.Sprintf("/proc/self/fdinfo/%d", f.Fd()))
	if err != nil {
		return err
	}
	defer info.Close()
	for lines := bufio.NewScanner(info); lines.Scan(); {
		if pid, ok := strings.CutPrefix(lines.Text(), "Pid:\t"); ok {
			fmt.Println(pid)
			return nil
		}
	}
	return fmt.Errorf("not a pidfd")
}
