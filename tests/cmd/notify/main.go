// Command notify is both ends of sd_notify(3): with -listen a service manager
// that prints what it is told on SOCKET, one message a line, until it is asked
// for a barrier; with -send a service that says MESSAGE to $NOTIFY_SOCKET.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	listen := flag.String("listen", "", "socket to make")
	send := flag.String("send", "", "message")
	flag.Parse()
	var err error
	if *listen != "" {
		err = serve(*listen)
	} else {
		err = notify(*send)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "notify:", err)
		os.Exit(1)
	}
}

func serve(path string) error {
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer os.Remove(path)
	buf, oob := make([]byte, 4096), make([]byte, unix.CmsgSpace(4))
	for {
		n, _, _, _, err := conn.ReadMsgUnix(buf, oob)
		if err != nil {
			return err
		}
		message := strings.TrimSpace(string(buf[:n]))
		fmt.Println(message)
		if message == "BARRIER=1" {
			return nil // our end of the descriptor that came with it closes
		}
	}
}

func notify(message string) error {
	path := os.Getenv("NOTIFY_SOCKET")
	// The runtime may be about to make it.
	for range 50 {
		conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
		if err == nil {
			_, err = conn.Write([]byte(message))
			conn.Close()
			time.Sleep(300 * time.Millisecond) // the container's end would count as a failure
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("cannot reach %s", path)
}
