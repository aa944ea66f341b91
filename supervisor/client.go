package supervisor

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNone is that no supervisor runs for a state folder.
var ErrNone = errors.New("no supervisor runs")

// Faulty is what is wrong in a configuration, one line each.
type Faulty []string

func (f Faulty) Error() string { return strings.Join(f, "\n") }

// Ask sends a request to the supervisor of a state folder and waits for its reply,
// which may take as long as services take to stop or to start. It fails with
// ErrNone where none runs.
func (p Paths) Ask(r Request) (*Reply, error) {
	r.Version = ProtocolVersion
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: p.socket(), Net: "unix"})
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ECONNREFUSED):
		return nil, ErrNone
	case err != nil:
		return nil, fmt.Errorf("cannot reach the supervisor: %w", err)
	}
	defer c.Close()
	data, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	if _, err := c.Write(append(data, '\n')); err != nil {
		if r.Method == "status" && p.gone() {
			return nil, ErrNone
		}
		return nil, fmt.Errorf("cannot reach the supervisor: %w", err)
	}
	line, err := bufio.NewReader(io.LimitReader(c, maxReply)).ReadBytes('\n')
	if err != nil && r.Method == "status" && p.gone() {
		return nil, ErrNone // who only looks need not know that it was just killed
	}
	if err != nil {
		return nil, fmt.Errorf("cannot hear the supervisor: it went away before it answered (%w)", err)
	}
	return understand(line)
}

// maxReply is more than the status of any host's services has, in bytes: who
// listens on the socket may be anything.
const maxReply = 64 << 20

// understand reads a reply. That of a supervisor of another version may say
// why it cannot answer, but nothing else.
func understand(line []byte) (*Reply, error) {
	var reply *Reply
	if err := json.Unmarshal(line, &reply); err != nil {
		return nil, fmt.Errorf("cannot understand the supervisor: %w", err)
	}
	switch {
	case reply == nil:
		return nil, errors.New("cannot understand the supervisor: it says null")
	case strings.Join(reply.Faults, "") != "":
		return nil, Faulty(reply.Faults)
	case len(reply.Faults) > 0:
		return nil, errors.New("cannot understand the supervisor: it finds faults and does not say which")
	case reply.Error != "":
		return nil, errors.New(reply.Error)
	case reply.Version != ProtocolVersion:
		return nil, fmt.Errorf("cannot understand the supervisor: it speaks protocol version %d, and this program %d", reply.Version, ProtocolVersion)
	}
	return reply, nil
}
