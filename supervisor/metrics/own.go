package metrics

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"blackhole/internal/exposition"
)

// own are the figures of the supervisor's own process, under the names that
// every Prometheus client gives them.
var own = []exposition.Family{
	{Name: "process_cpu_seconds_total", Type: exposition.Counter, Help: "CPU time of the supervisor."},
	{Name: "process_start_time_seconds", Type: exposition.Gauge, Help: "When the supervisor started, in seconds since the epoch."},
	{Name: "process_resident_memory_bytes", Type: exposition.Gauge, Help: "Resident memory of the supervisor."},
	{Name: "process_virtual_memory_bytes", Type: exposition.Gauge, Help: "Virtual memory of the supervisor."},
	{Name: "process_open_fds", Type: exposition.Gauge, Help: "Open descriptors of the supervisor."},
	{Name: "process_max_fds", Type: exposition.Gauge, Help: "Limit of the supervisor's descriptors."},
	{Name: "go_threads", Type: exposition.Gauge, Help: "Threads of the supervisor."},
	{Name: "go_goroutines", Type: exposition.Gauge, Help: "Goroutines of the supervisor."},
	{Name: "go_memstats_heap_alloc_bytes", Type: exposition.Gauge, Help: "Heap in use by the supervisor."},
	{Name: "go_memstats_sys_bytes", Type: exposition.Gauge, Help: "Memory that the supervisor's Go runtime has from the kernel."},
}

func ownPage(w *exposition.Writer) {
	figures := map[string]float64{}
	readProcess("/proc", figures)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	figures["go_goroutines"] = float64(runtime.NumGoroutine())
	figures["go_memstats_heap_alloc_bytes"] = float64(m.HeapAlloc)
	figures["go_memstats_sys_bytes"] = float64(m.Sys)
	for i := range own {
		if v, known := figures[own[i].Name]; known {
			w.Begin(&own[i])
			w.Sample(v)
		}
	}
}

// ticks is the kernel's USER_HZ, 100 a second on all that Go runs on.
const ticks = 100

// readProcess reads /proc/self/stat (proc(5)). Its second field, the program's
// name, may have spaces and brackets in it.
func readProcess(proc string, into map[string]float64) {
	data, err := os.ReadFile(proc + "/self/stat")
	if err != nil {
		return
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	field := func(i int) float64 { // counted as in proc(5)
		if i-3 >= len(fields) {
			return 0
		}
		v, _ := strconv.ParseFloat(fields[i-3], 64)
		return v
	}
	into["process_cpu_seconds_total"] = (field(14) + field(15)) / ticks
	into["go_threads"] = field(20)
	into["process_virtual_memory_bytes"] = field(23)
	into["process_resident_memory_bytes"] = field(24) * float64(os.Getpagesize())
	if stat, err := os.ReadFile(proc + "/stat"); err == nil {
		if _, rest, found := strings.Cut(string(stat), "\nbtime "); found {
			boot, _, _ := strings.Cut(rest, "\n")
			if s, err := strconv.ParseFloat(boot, 64); err == nil {
				into["process_start_time_seconds"] = s + field(22)/ticks
			}
		}
	}
	if open, err := os.ReadDir(proc + "/self/fd"); err == nil {
		into["process_open_fds"] = float64(len(open) - 1) // but the one that reads them
	}
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
		into["process_max_fds"] = float64(limit.Cur)
	}
}
