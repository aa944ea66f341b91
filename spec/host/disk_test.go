package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// sysfs is a host with a disk of two partitions, NVMe, device-mapper on
// partitions of both, a loop device on that, one whose file is in memory, and
// btrfs on two disks of which one is a partition.
func sysfs() map[string]string {
	files := map[string]string{}
	blocks := map[string]string{ // folder below /sys/devices: number
		"pci/sda": "8:0", "pci/sda/sda1": "8:1", "pci/sda/sda2": "8:2",
		"pci/nvme0n1": "259:0", "pci/nvme0n1/nvme0n1p3": "259:3",
		"virtual/dm-0": "253:0", "virtual/dm-1": "253:1", "virtual/md0": "9:0",
		"virtual/loop0": "7:0", "virtual/loop1": "7:1", "virtual/loop2": "7:2", "virtual/zram0": "254:0",
		"pci/sdb": "8:16", "pci/sdc": "8:32", "pci/sdc/sdc1": "8:33",
	}
	for folder, number := range blocks {
		files["/sys/devices/"+folder+"/dev"] = number + "\n"
		files["/sys/dev/block/"+number+" -> ../../devices/"+folder] = ""
		if strings.Count(folder, "/") > 1 {
			files["/sys/devices/"+folder+"/partition"] = "1\n"
		} else {
			files["/sys/devices/"+folder+"/slaves/"] = ""
		}
	}
	for link, target := range map[string]string{
		"virtual/dm-0/slaves/sda2": "pci/sda/sda2",
		// dm-1 is on md0, which is on dm-0 and a partition of the NVMe disk.
		"virtual/dm-1/slaves/md0":      "virtual/md0",
		"virtual/md0/slaves/dm-0":      "virtual/dm-0",
		"virtual/md0/slaves/nvme0n1p3": "pci/nvme0n1/nvme0n1p3",
	} {
		files["/sys/devices/"+link+" -> ../../../"+target] = ""
	}
	for link, target := range map[string]string{"sdb": "pci/sdb", "sdc1": "pci/sdc/sdc1", "gone": "pci/gone"} {
		files["/sys/fs/btrfs/1234/devices/"+link+" -> ../../../../devices/"+target] = ""
	}
	files["/sys/fs/btrfs/0000/devices/sda1 -> ../../../../devices/pci/sda/sda1"] = ""
	files["/sys/devices/virtual/loop0/loop/backing_file"] = "/lvm/image\n"
	files["/sys/devices/virtual/loop1/loop/backing_file"] = "/dev/shm/image\n"
	files["/sys/devices/virtual/loop2/loop/backing_file"] = "/lvm/image (deleted)\n"
	files["/proc/self/mountinfo"] = `20 1 8:1 / / rw - ext4 /dev/sda1 rw
21 20 0:5 / /dev rw - devtmpfs devtmpfs rw
22 21 0:6 / /dev/shm rw - tmpfs tmpfs rw
23 20 0:40 / /btrfs rw - btrfs /dev/sdc1 rw,subvol=/
24 20 0:50 / /merged rw - overlay overlay rw,lowerdir=/lower:/lower2,upperdir=/btrfs/upper,workdir=/btrfs/work
25 20 0:51 / /readonly ro - overlay overlay ro,lowerdir=/lvm/lower:/
26 20 0:52 / /nfs rw - nfs4 server:/export rw
27 20 0:53 / /circle rw - overlay overlay rw,upperdir=/circle/up
28 20 0:54 / /btrfs-hidden rw - tmpfs tmpfs rw
29 20 0:55 / /btrfs-hidden rw - btrfs /dev/sdb rw
`
	return files
}

func TestDisks(t *testing.T) {
	h := fake(t, sysfs())
	numbers := map[string]uint64{
		"/": unix.Mkdev(8, 1), "/lvm": unix.Mkdev(253, 1), "/dev/shm": unix.Mkdev(0, 6), "/btrfs": unix.Mkdev(0, 99),
		"/btrfs/upper": unix.Mkdev(0, 99), "/merged": unix.Mkdev(0, 50), "/readonly": unix.Mkdev(0, 51), "/lvm/lower": unix.Mkdev(253, 1),
		"/nfs": unix.Mkdev(0, 52), "/circle": unix.Mkdev(0, 53), "/circle/up": unix.Mkdev(0, 53), "/zram": unix.Mkdev(254, 0),
		"/btrfs-hidden": unix.Mkdev(0, 98), "/gone": unix.Mkdev(99, 9),
	}
	nodes := map[string]uint64{
		"/dev/sda": unix.Mkdev(8, 0), "/dev/sda2": unix.Mkdev(8, 2), "/dev/mapper/vg-data": unix.Mkdev(253, 1), "/dev/loop0": unix.Mkdev(7, 0),
		"/dev/loop1": unix.Mkdev(7, 1), "/dev/loop2": unix.Mkdev(7, 2), "/dev/sdc1": unix.Mkdev(8, 33), "/dev/sdb": unix.Mkdev(8, 16),
	}
	h.stat = func(path string) (device, error) {
		if dev, ok := numbers[path]; ok {
			return device{dev: dev}, nil
		}
		if dev, ok := nodes[path]; ok {
			return device{dev: unix.Mkdev(0, 5), rdev: dev, block: true}, nil
		}
		return device{}, &fs.PathError{Op: "stat", Path: path, Err: fs.ErrNotExist}
	}
	for path, want := range map[string]string{
		"/":                         "sda 8:0",
		"/var/lib/not/yet":          "sda 8:0",
		"/dev/sda":                  "sda 8:0",
		"/dev/sda2":                 "sda 8:0",
		"/lvm":                      "nvme0n1 259:0, sda 8:0",
		"/dev/mapper/vg-data":       "nvme0n1 259:0, sda 8:0",
		"/dev/loop0":                "nvme0n1 259:0, sda 8:0",
		"/dev/loop1":                "loop1 7:1",
		"/dev/loop2":                "nvme0n1 259:0, sda 8:0",
		"/zram":                     "zram0 254:0",
		"/btrfs":                    "sdb 8:16, sdc 8:32",
		"/btrfs/sub/volume/not/yet": "sdb 8:16, sdc 8:32",
		"/btrfs-hidden":             "sdb 8:16, sdc 8:32",
		"/merged":                   "sdb 8:16, sdc 8:32",
		"/readonly":                 "nvme0n1 259:0, sda 8:0",
	} {
		disks, err := h.Disks(path)
		var got []string
		for _, disk := range disks {
			got = append(got, fmt.Sprintf("%s %d:%d", disk.Name, disk.Major, disk.Minor))
		}
		if err != nil || strings.Join(got, ", ") != want {
			t.Errorf("%s: got %v, %v; want %s", path, got, err, want)
		}
	}
	for path, want := range map[string]string{
		"/dev/shm": "/dev/shm is on tmpfs (mounted at /dev/shm)",
		"/nfs":     "nfs4",
		"/circle":  "on top of each other",
		"/gone":    "no such file",
		"relative": "not an absolute path",
	} {
		if disks, err := h.Disks(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, %v; want an error with %q", path, disks, err, want)
		}
	}
}

// TestDisksHere asks the kernel: a loop device stands for the disk of its file.
func TestDisksHere(t *testing.T) {
	h := New()
	folder := t.TempDir()
	want, err := h.Disks(folder)
	if errors.Is(err, errNoDisk) {
		t.Skip("no disk behind ", folder)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, disk := range want {
		number, err := os.ReadFile("/sys/block/" + disk.Name + "/dev")
		if err != nil || strings.TrimSpace(string(number)) != fmt.Sprintf("%d:%d", disk.Major, disk.Minor) {
			t.Errorf("%+v: /sys/block has %q, %v", disk, number, err)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("a loop device takes root")
	}
	image := filepath.Join(folder, "image")
	if err := os.WriteFile(image, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("losetup", "--find", "--show", image).CombinedOutput()
	if err != nil {
		t.Skipf("no loop device: %v: %s", err, out)
	}
	loop := strings.TrimSpace(string(out))
	defer func() {
		if out, err := exec.Command("losetup", "--detach", loop).CombinedOutput(); err != nil {
			t.Errorf("losetup --detach %s: %v: %s", loop, err, out)
		}
	}()
	got, err := h.Disks(loop)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, %v; want %v", loop, got, err, want)
	}
}
