//go:build cgo && seccomp

package recorder

import (
	"errors"
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/sys/unix"
)

// notifyLevel is libseccomp's API level with notifications, see seccomp_api_get(3).
const notifyLevel = 6

func supported() error {
	level, err := libseccomp.GetAPI()
	if err != nil {
		return fmt.Errorf("cannot ask libseccomp what the kernel can: %w", err)
	}
	if level < notifyLevel {
		return fmt.Errorf("cannot hear system calls: seccomp notifications need Linux 5.7 (libseccomp's API level %d, this is %d)", notifyLevel, level)
	}
	return nil
}

// answer takes one notification and answers it.
func (r *Recorder) answer(fd int) error {
	request, err := libseccomp.NotifReceive(libseccomp.ScmpFd(fd))
	if gone(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("receive a notification: %w", err)
	}
	response := &libseccomp.ScmpNotifResp{ID: request.ID, Flags: libseccomp.NotifRespFlagContinue}
	// The filter tells of none that libseccomp does not know.
	if name, err := request.Data.Syscall.GetNameByArch(request.Data.Arch); err == nil {
		if errno := r.seen(ociArch(request.Data.Arch), name, request.Data.Args); errno != 0 {
			response.Flags, response.Error = 0, -int32(errno)
		}
	}
	if err := libseccomp.NotifRespond(libseccomp.ScmpFd(fd), response); err != nil && !gone(err) {
		return fmt.Errorf("answer a notification of %d: %w", request.Pid, err)
	}
	return nil
}

// gone tells of a notification whose process was killed, or got a signal and will
// ask again.
func gone(err error) bool { return errors.Is(err, unix.ENOENT) }

func ociArch(arch libseccomp.ScmpArch) specs.Arch {
	switch arch {
	case libseccomp.ArchAMD64:
		return specs.ArchX86_64
	case libseccomp.ArchX86:
		return specs.ArchX86
	case libseccomp.ArchX32:
		return specs.ArchX32
	case libseccomp.ArchARM64:
		return specs.ArchAARCH64
	case libseccomp.ArchARM:
		return specs.ArchARM
	}
	return specs.Arch(arch.String())
}
