package main

import (
	"encoding/binary"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// rtnetlink(7) by hand: what is asked here no library asks for.

func attribute(kind uint16, data []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(data)))
	b = append(binary.NativeEndian.AppendUint16(b, kind), data...)
	return append(b, make([]byte, (4-len(b)%4)%4)...)
}

func word(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }

// askKernel sends a message about links and returns the kernel's error.
func askKernel(kind, flags uint16, index int32, attributes ...[]byte) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	body := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(body[4:], uint32(index))
	for _, a := range attributes {
		body = append(body, a...)
	}
	message := word(uint32(unix.SizeofNlMsghdr + len(body)))
	message = binary.NativeEndian.AppendUint16(message, kind)
	message = binary.NativeEndian.AppendUint16(message, flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	message = append(append(message, word(1)...), word(0)...)
	if err := unix.Sendto(fd, append(message, body...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, 1<<16)
	for {
		n, _, err := unix.Recvfrom(fd, answer, 0)
		if err != nil {
			return err
		}
		if n < unix.SizeofNlMsghdr+4 || binary.NativeEndian.Uint16(answer[4:]) != unix.NLMSG_ERROR {
			continue
		}
		if code := int32(binary.NativeEndian.Uint32(answer[unix.SizeofNlMsghdr:])); code != 0 {
			return unix.Errno(-code)
		}
		return nil
	}
}

// hostLinks tells what of other network namespaces' links it can see and change
// by the numbers that its own has for them (IFLA_TARGET_NETNSID): the other end
// of its eth0 has one. Nothing is changed: a link is asked for its removal by an
// index that no link has.
func hostLinks([]string) error {
	runtime.LockOSThread()
	for number := range uint32(16) {
		target := attribute(unix.IFLA_TARGET_NETNSID, word(number))
		if err := askKernel(unix.RTM_GETLINK, 0, 1, target); err == nil {
			fmt.Println("sees links of namespace", number)
		}
		if err := harmless(askKernel(unix.RTM_DELLINK, 0, 1<<30, target), unix.ENODEV); err == nil {
			fmt.Println("removes links of namespace", number)
		}
		if err := harmless(askKernel(unix.RTM_SETLINK, 0, 1<<30, target), unix.ENODEV); err == nil {
			fmt.Println("changes links of namespace", number)
		}
	}
	return nil
}
