// Package spec is the service configuration: it parses and validates
// blackhole.yaml, merges its defaults, and translates a service into an OCI
// runtime configuration. It touches the host only through the Host interface,
// and never runs anything.
package spec

// Config is the configuration as the operator wrote it, all files merged.
// Unset is apart from zero everywhere: a nil pointer, slice or map was not
// written.
type Config struct {
	Isolation Isolation           `yaml:"resource_isolation" doc:"the host's part: cgroup, defaults of every service, network, monitoring"`
	Services  map[string]*Service `yaml:"services" keys:"service" doc:"the services by name; a service's name is its container id"`

	// places says where each key was written, by its path ("services.storage.resources.cpu").
	places map[string]Place
	beside map[string]bool // keys that name a file beside the configuration's
	files  []string        // in the order they were read
}

// Isolation is the key resource_isolation: what holds for all services.
type Isolation struct {
	Cgroup   Cgroup    `yaml:"cgroup" doc:"where the services' cgroups live"`
	Defaults Resources `yaml:"defaults" doc:"resources of every service that does not say otherwise, key by key"`
	Security Security  `yaml:"security" doc:"privileges of every service that does not say otherwise, key by key"`
	Network  HostNet   `yaml:"network" doc:"the bridge that the services' interfaces are plugged into"`
	Monitor  Monitor   `yaml:"monitor" doc:"how the supervisor watches, and when it raises an alert"`
}

// Cgroup is the key resource_isolation.cgroup.
type Cgroup struct {
	Version     *CgroupVersion `yaml:"version" doc:"2 refuses a host without cgroup v2; auto takes v2, else v1 with a warning for what it cannot do"`
	RootPath    *string        `yaml:"root_path" is:"path" doc:"the cgroup2 mount or a delegated folder below it; services live in ROOT/blackhole/NAME"`
	Controllers []string       `yaml:"controllers" is:"controller" doc:"controllers that must be available; a limit of any other is a fault"`
}

// Resources is what a service may use. It stands under a service as
// "resources" and under resource_isolation as "defaults".
type Resources struct {
	CPU     CPU               `yaml:"cpu" doc:"processor time"`
	Memory  Memory            `yaml:"memory" doc:"memory and swap"`
	IO      IO                `yaml:"io" doc:"disk bandwidth and operations"`
	FDs     FDs               `yaml:"fds" doc:"open file descriptors of each process (RLIMIT_NOFILE)"`
	Pids    Pids              `yaml:"pids" doc:"processes and threads"`
	Rlimits map[string]Rlimit `yaml:"rlimits" keys:"rlimit" doc:"further limits of each process, by getrlimit(2) name without RLIMIT_: core, stack, memlock…"`
	Network ServiceBandwidth  `yaml:"network" doc:"network mode and bandwidth"`
}

// CPU is cpu.max, cpu.max.burst, cpu.weight and cpuset.cpus.
type CPU struct {
	Quota  *Cores  `yaml:"quota" over:"0" open:"max" doc:"cores that may be used at most: 1.5 is one and a half; unlimited lifts the default (cpu.max)"`
	Period *Period `yaml:"period" doc:"over which the quota is counted, 1ms to 1s, default 100ms (cpu.max)"`
	Burst  *Period `yaml:"burst" doc:"unused time that may be saved up and spent beyond the quota (cpu.max.burst)"`
	Shares *uint64 `yaml:"shares" min:"2" max:"262144" doc:"weight against other services when CPUs are short, 2 to 262144, default 1024 (cpu.weight)"`
	CPUSet *CPUSet `yaml:"cpuset" doc:"CPUs to run on, as a list like 0-1,4 (cpuset.cpus)"`
}

// Memory is memory.max, memory.high, memory.swap.max, memory.low and memory.oom.group.
type Memory struct {
	Limit          *Size `yaml:"limit" over:"0" open:"max" doc:"at which the kernel kills; unlimited lifts the default (memory.max)"`
	Soft           *Size `yaml:"soft" over:"0" open:"max" doc:"above which the service is slowed and reclaimed; unlimited lifts the default (memory.high)"`
	Swap           *Size `yaml:"swap" open:"max" doc:"swap on top of the limit; 0 forbids it, unset says nothing, unlimited lifts the default (memory.swap.max)"`
	Low            *Size `yaml:"low" doc:"protected from reclaim (memory.low)"`
	OOMGroup       *bool `yaml:"oom_group" doc:"an out-of-memory kill takes every process of the service (memory.oom.group)"`
	Kernel         *Size `yaml:"kernel" doc:"cgroup v1 alone; v2 counts kernel memory in limit"`
	OOMKillDisable *bool `yaml:"oom_kill_disable" doc:"cgroup v1 alone; on v2 use soft"`
}

// IO is io.max, io.weight (io.bfq.weight) and ioprio_set(2).
type IO struct {
	Device    *string     `yaml:"device" is:"path" doc:"a path on the disk that is limited: a folder, file, partition or device; every whole disk behind it"`
	ReadBPS   *Rate       `yaml:"read_bps" doc:"bytes read a second (io.max rbps); 0 is no limit"`
	WriteBPS  *Rate       `yaml:"write_bps" doc:"bytes written a second (io.max wbps); 0 is no limit"`
	ReadIOPS  *uint64     `yaml:"read_iops" doc:"reads a second (io.max riops); 0 is no limit"`
	WriteIOPS *uint64     `yaml:"write_iops" doc:"writes a second (io.max wiops); 0 is no limit"`
	Weight    *uint16     `yaml:"weight" min:"10" max:"1000" doc:"share of a contended disk, 10 to 1000 (io.weight or io.bfq.weight)"`
	Priority  *IOPriority `yaml:"priority" doc:"class and level as ionice has them: realtime:0-7, best-effort:0-7 or idle"`
}

// FDs is RLIMIT_NOFILE.
type FDs struct {
	Soft *uint64 `yaml:"soft" over:"0" doc:"what a process gets"`
	Hard *uint64 `yaml:"hard" over:"0" doc:"up to which it may raise its own soft limit"`
}

// Pids is pids.max.
type Pids struct {
	Limit *int64 `yaml:"limit" min:"1" open:"max" doc:"processes and threads at most; unlimited lifts the default (pids.max)"`
}

// ServiceBandwidth is the network part of Resources.
type ServiceBandwidth struct {
	Mode      *NetworkMode `yaml:"mode" doc:"isolated: a network of its own on the bridge; none: loopback alone; host: the host's network"`
	Bandwidth Bandwidth    `yaml:"bandwidth" doc:"the service's bandwidth, shaped by tc"`
}

// Bandwidth is in the service's own direction: ingress is what it receives.
type Bandwidth struct {
	IngressRate  *Rate `yaml:"ingress_rate" doc:"bytes (or kbit, mbit, gbit) a second that the service receives at most"`
	EgressRate   *Rate `yaml:"egress_rate" doc:"bytes (or kbit, mbit, gbit) a second that the service sends at most"`
	IngressBurst *Size `yaml:"ingress_burst" doc:"bytes that may be received at once; default a few milliseconds of the rate"`
	EgressBurst  *Size `yaml:"egress_burst" doc:"bytes that may be sent at once; default a few milliseconds of the rate"`
}

// Security is who the service is and what it may do.
type Security struct {
	User           *string  `yaml:"user" doc:"name or number, from the service's own passwd; empty is root"`
	Group          *string  `yaml:"group" doc:"name or number; empty is the user's own group"`
	NoNewPrivs     *bool    `yaml:"no_new_privs" doc:"no program gains privileges by execve (PR_SET_NO_NEW_PRIVS), default true"`
	Capabilities   []string `yaml:"capabilities" is:"capability" doc:"the only capabilities it has; [] is none"`
	SeccompProfile *string  `yaml:"seccomp_profile" is:"profile" doc:"default, strict, unconfined, or the path of a profile: absolute, or from ./ on beside this file"`
}

// HostNet is the key resource_isolation.network.
type HostNet struct {
	Bridge     *string `yaml:"bridge" is:"interface" doc:"name of the bridge, made on demand"`
	Subnet     *Subnet `yaml:"subnet" doc:"from which services get addresses; the first is the bridge's"`
	Masquerade *bool   `yaml:"masquerade" doc:"services reach other networks under the host's address"`
}

// Monitor is the key resource_isolation.monitor.
type Monitor struct {
	Interval       *Duration `yaml:"interval" over:"0" doc:"between two samples"`
	AlertAt        *Fraction `yaml:"alert_at" doc:"part of any limit whose use is a warning"`
	MemoryCritical *Fraction `yaml:"memory_critical" doc:"part of memory.limit at which the service is restarted before the kernel kills it"`
	ThrottledFor   *Duration `yaml:"throttled_for" over:"0" doc:"CPU throttling on end that is an alert"`
	FDsAt          *Fraction `yaml:"fds_at" doc:"part of fds.soft whose use is an alert"`
	History        *Duration `yaml:"history" doc:"how long what services use is recorded, for recommend; 0 records nothing"`
	OnAlert        []string  `yaml:"on_alert" doc:"command run for each alert, the event as JSON on its standard input"`
}

// Service is one service. Without an executable it is only its limits.
type Service struct {
	Executable  *string      `yaml:"executable" is:"path" doc:"absolute path of the program"`
	Args        []string     `yaml:"args" doc:"its arguments, without the program's name"`
	Environment Environment  `yaml:"environment" doc:"NAME: value, or a list of NAME=value"`
	WorkingDir  *string      `yaml:"working_dir" is:"path" doc:"absolute path it starts in, default /"`
	Rootfs      *string      `yaml:"rootfs" is:"rootfs" doc:"host: a read-only view of the host's programs; or a folder"`
	Filesystem  Filesystem   `yaml:"filesystem" doc:"what it sees of the host's files beyond its root file system"`
	Resources   Resources    `yaml:"resources" doc:"what it may use"`
	Security    Security     `yaml:"security" doc:"who it is and what it may do"`
	Network     ServiceNet   `yaml:"network" doc:"its network"`
	Priority    *Priority    `yaml:"priority" doc:"critical, normal or batch: CPU and disk weights and oom_score_adj where they are not set by hand"`
	OOMScoreAdj *int         `yaml:"oom_score_adj" min:"-1000" max:"1000" doc:"-1000 to 1000: who is killed first when the host is out of memory"`
	DependsOn   []string     `yaml:"depends_on" doc:"services that are up before it"`
	Restart     Restart      `yaml:"restart" doc:"what happens when it ends by itself"`
	Stop        Stop         `yaml:"stop" doc:"how it is stopped"`
	HealthCheck *HealthCheck `yaml:"health_check" doc:"when it counts as healthy"`
	Logs        Logs         `yaml:"logs" doc:"rotation of its output"`
}

// Filesystem is what a service sees beyond its root file system.
type Filesystem struct {
	Writable []string `yaml:"writable" is:"mount" doc:"folders it may write to, made on demand and owned by its user"`
	ReadOnly []string `yaml:"read_only" is:"mount" doc:"files and folders of the host that it may read"`
	Tmpfs    []Tmpfs  `yaml:"tmpfs" doc:"folders in memory, gone with the service; /tmp is one by default"`
}

// Tmpfs is one entry of filesystem.tmpfs.
type Tmpfs struct {
	Path *string `yaml:"path" is:"mount" doc:"absolute path inside the service"`
	Size *Size   `yaml:"size" over:"0" doc:"bytes it holds at most, default 64M"`
}

// ServiceNet is the network of one service.
type ServiceNet struct {
	Mode       *NetworkMode `yaml:"mode" doc:"isolated: a network of its own on the bridge; none: loopback alone; host: the host's network"`
	Ports      []Port       `yaml:"ports" doc:"published ports: HOST:SERVICE, with /tcp (default) or /udp, with an address before HOST"`
	Namespace  *string      `yaml:"namespace" is:"namespace" doc:"an existing network namespace to join, by name (ip netns) or path"`
	Interfaces []string     `yaml:"interfaces" is:"interface" doc:"host interfaces moved into the service"`
}

// Restart is the key restart of a service.
type Restart struct {
	Policy     *RestartPolicy `yaml:"policy" doc:"no, on-failure, always or unless-stopped"`
	MaxRetries *uint          `yaml:"max_retries" doc:"restarts on end before it counts as failed; 0 is no limit"`
	Backoff    *Duration      `yaml:"backoff" doc:"before the first restart; it doubles with each"`
	MaxBackoff *Duration      `yaml:"max_backoff" doc:"at which it stops growing"`
}

// Stop is the key stop of a service.
type Stop struct {
	Signal  *Signal   `yaml:"signal" doc:"sent first, by name or number"`
	Timeout *Duration `yaml:"timeout" doc:"after which it is killed"`
}

// HealthCheck is the key health_check of a service; one of exec, tcp and http.
type HealthCheck struct {
	Exec     []string  `yaml:"exec" doc:"command run inside the service; 0 is healthy"`
	TCP      *uint16   `yaml:"tcp" min:"1" doc:"port that accepts a connection"`
	HTTP     *string   `yaml:"http" is:"url" doc:"URL that answers 200 to 399"`
	Interval *Duration `yaml:"interval" over:"0" doc:"between two checks"`
	Timeout  *Duration `yaml:"timeout" over:"0" doc:"of one check"`
	Retries  *uint     `yaml:"retries" min:"1" doc:"failures on end that make it unhealthy"`
}

// Logs is the key logs of a service.
type Logs struct {
	MaxSize  *Size `yaml:"max_size" over:"0" doc:"at which the file is rotated"`
	MaxFiles *uint `yaml:"max_files" min:"1" doc:"files kept"`
}
