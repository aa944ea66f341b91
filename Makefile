# Everything that one runs by hand. Each target installs what it misses.

SHELL     := /bin/bash
VERSION   ?= 0.1.0
COMMIT    ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
GO        ?= go
TAGS      := seccomp netgo osusergo urfave_cli_no_docs no_grpc
# Static, not position-independent, stripped: it starts in half the time, and
# creating a container starts it twice.
LDFLAGS   := -s -w -linkmode external -extldflags -static -X main.version=$(VERSION) -X main.commit=$(COMMIT)
BLACKHOLE := $(CURDIR)/build/blackhole
SHIM      := $(CURDIR)/build/containerd-shim-blackhole-v2
PREFIX    ?= /usr/local
# All of them, if empty.
BATS      ?=
# Those that cgroups matter to, as halves for two guests; all files would take half
# an hour on a busy host. The second half measures more, and runs beside less.
GUEST_FIRST  := $(addprefix tests/bats/,born.bats life.bats leftovers.bats update.bats limits.bats clock.bats)
GUEST_SECOND := $(addprefix tests/bats/,effects bundle.bats violations-v2.bats supervisor_v2.bats cgroup-full.bats containerd-checkpoint.bats)
GUEST_BATS   ?= $(GUEST_FIRST) $(GUEST_SECOND)
GUEST        := tests/guest/run -r -t 1500 -- env BLACKHOLE=$(BLACKHOLE) bats --print-output-on-failure

TEST_PACKAGES := bats busybox-static runc crun jq nginx redis-server redis-tools curl dmsetup gcc libc6-dev \
	containerd containernetworking-plugins criu iptables procps uidmap iproute2 iputils-ping iperf3 socat nftables util-linux e2fsprogs \
	python3 strace prometheus tmux systemd

.DEFAULT_GOAL := help
.PHONY: help build run test test-unit test-fuzz test-bats test-guest test-guest-first test-guest-second test-tools faults limits fuzz stress attacks lint guest bench bench-guest bench-shim install clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

build: ## the static binaries: build/blackhole, beside it blackhole-services and blackhole-top, and the containerd shim
	@tests/need gcc libc6-dev pkg-config libseccomp-dev
	CGO_ENABLED=1 $(GO) build -trimpath -tags "$(TAGS) oci" -ldflags "$(LDFLAGS)" -o $(BLACKHOLE) .
	CGO_ENABLED=1 $(GO) build -trimpath -tags "$(TAGS)" -ldflags "$(LDFLAGS)" -o $(BLACKHOLE)-services .
	CGO_ENABLED=1 $(GO) build -trimpath -tags "$(TAGS)" -ldflags "$(LDFLAGS)" -o $(BLACKHOLE)-top ./cmd/blackhole-top
	CGO_ENABLED=1 $(GO) build -trimpath -tags "$(TAGS)" -ldflags "$(LDFLAGS)" -o $(SHIM) ./cmd/containerd-shim-blackhole-v2

run: build ## start the two services of examples/blackhole.yaml, ask, provoke an alert, remove
	@tests/need nginx redis-server redis-tools curl jq iproute2
	@BLACKHOLE=$(BLACKHOLE) examples/run

# A guest keeps one processor busy, and so do the unit tests, so they go side by
# side, and the second guest after the latter; the built binary's limits are
# measured after them, see tests/suite.
test: build test-tools ## every test
	@$(MAKE) --no-print-directory --jobs=3 --output-sync=line test-unit test-fuzz test-guest-first test-guest-second
	@$(MAKE) --no-print-directory test-bats

test-unit: ## unit and golden tests
	@tests/need pkg-config libseccomp-dev $(TEST_PACKAGES)
	$(GO) vet -tags "$(TAGS)" ./...
	$(GO) vet -tags "$(TAGS) oci" .
	$(GO) test -race -tags "$(TAGS)" ./...

test-bats: build test-tools ## the built binary as its user runs it; BATS=FILE for a part
	@tests/previous >/dev/null || true # upgrade.bats says what is missing
	BLACKHOLE=$(BLACKHOLE) tests/suite $(BATS)

# Instrumented, the packages are compiled anew: some half a minute of a processor
# where nothing of that is cached. So a few of them each day.
test-fuzz: ## fuzz targets of two packages, others each day, for a few seconds each
	@FUZZTIME=$(or $(FUZZTIME),4s) TURN=$(or $(TURN),today) $(MAKE) --no-print-directory fuzz

# What the host's cgroups cannot hold is tested here alone, see tests/bats/effects.
test-guest: build test-tools ## in a virtual machine with cgroup v2; GUEST_BATS=FILE for a part
	$(GUEST) $(GUEST_BATS)

test-guest-first: build test-tools
	$(GUEST) $(GUEST_FIRST)

test-guest-second: build test-tools test-unit test-fuzz
	$(GUEST) $(GUEST_SECOND)

# Some 20000 cases of a few tenths of a second each, more on a host that is busy:
# hours. STRIDE=50 takes minutes.
faults: build test-tools ## kill commands, or fail their calls, at each system call that matters; STRIDE=k for every k-th, FAULTS='-command create'
	build/tests/faults -blackhole $(BLACKHOLE) -stride $(or $(STRIDE),1) $(FAULTS)

stress: export STARTS ?= 5000
stress: export CONTAINERS ?= 500
stress: export ROUNDS ?= 10
stress: export STEP ?= 1
stress: build test-tools ## tests/bats/pressure.bats at full length: STARTS, CONTAINERS, ROUNDS of all pairs; RACE=1 for a race-detector build too
	$(if $(RACE),CGO_ENABLED=1 $(GO) build -race -trimpath -tags "$(TAGS)" -o $(BLACKHOLE)-race .)
	BLACKHOLE=$(BLACKHOLE) RACE=$(if $(RACE),$(BLACKHOLE)-race) bats --print-output-on-failure tests/bats/pressure.bats

# RACES is how often each race is run.
attacks: export ATTACKS := 1
attacks: export RACES ?= 1000
attacks: build test-tools ## try to get out of a container, at length; RACES=N
	BLACKHOLE=$(BLACKHOLE) nice bats --timing --print-output-on-failure $(wildcard tests/bats/attacks-*.bats)

limits: ## measure every limit on this host and in the guest; prints the table of docs/limits.md
	@$(MAKE) --no-print-directory build test-tools >&2
	@rm -rf build/measured && mkdir -p build/measured
	@MEASURED=$(CURDIR)/build/measured/here BLACKHOLE=$(BLACKHOLE) bats --print-output-on-failure tests/bats/effects >&2
	@tests/guest/run -t 1200 -w $(CURDIR)/build/measured -- env MEASURED=$(CURDIR)/build/measured/guest BLACKHOLE=$(BLACKHOLE) \
		bats --print-output-on-failure tests/bats/effects >&2
	@tests/limits-table build/measured/guest build/measured/here

# What the tests run, built here: compiling takes long in the virtual machine.
test-tools:
	@tests/need $(TEST_PACKAGES)
	@mkdir -p build/tests
	@CGO_ENABLED=0 $(GO) build -o build/tests ./tests/cmd/...
	@CGO_ENABLED=1 $(GO) test -c -tags "$(TAGS)" -ldflags "$(LDFLAGS)" -o build/tests/runtime.test ./runtime
	@cd tests/tools/cri && CGO_ENABLED=0 $(GO) build -o $(CURDIR)/build/tests/cri .
	@gcc -std=gnu11 -O1 -Wall -Wextra -Werror -static -o build/tests/load tests/cmd/load/load.c

fuzz: ## every fuzz target for FUZZTIME (10m) each; TARGET='spec: Book' for those whose PACKAGE:NAME has a part of it
	@tests/need pkg-config libseccomp-dev
	@GO=$(GO) TAGS="$(TAGS)" tests/fuzz $(TARGET)

lint: ## read the sources: gofmt, go vet, shellcheck, golangci-lint, govulncheck
	@GO=$(GO) TAGS="$(TAGS)" tests/lint

guest: override export CMD := $(value CMD)
guest: build ## CMD='…' in a virtual machine with cgroup v2; GUEST='-t 900' for tests/guest/run's options
	@tests/guest/run $(GUEST) -- bash -c "$$CMD"

bench: build ## times and memory beside runc and crun, in one run; N=, PEERS= and more: benchmarks/README.md
	@tests/need runc crun busybox-static iproute2
	@benchmarks/build
	@BLACKHOLE=$(BLACKHOLE) benchmarks/run

bench-guest: build ## the same in the virtual machine with cgroup v2, with fewer lives
	@tests/need runc crun busybox-static iproute2
	@benchmarks/build
	@tests/guest/run -t 3600 -w $(CURDIR)/build/bench -- env BLACKHOLE=$(BLACKHOLE) N=$${N:-6} CONTAINERS="$${CONTAINERS-1 10}" benchmarks/run

bench-shim: build ## memory and time of the containerd shim beside containerd's own, in one run
	@tests/need containerd runc busybox-static jq procps
	@BLACKHOLE=$(BLACKHOLE) SHIM=$(SHIM) benchmarks/shim

install: build ## into PREFIX (/usr/local), below DESTDIR if set
	install -D -m 755 $(BLACKHOLE) $(DESTDIR)$(PREFIX)/bin/blackhole
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/libexec/blackhole $(BLACKHOLE)-services $(BLACKHOLE)-top
	install -D -m 755 $(SHIM) $(DESTDIR)$(PREFIX)/bin/containerd-shim-blackhole-v2
	install -D -m 644 examples/blackhole.yaml $(DESTDIR)$(PREFIX)/share/doc/blackhole/blackhole.yaml
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/blackhole docs/supervisor.md docs/control-socket.md docs/metrics.md
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/blackhole/prometheus docs/prometheus/rules.yml
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/blackhole/grafana docs/grafana/dashboard.json
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|@PREFIX@|$(PREFIX)|' init/blackhole.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/blackhole.service
	install -D -m 644 completions/blackhole.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/blackhole
	install -D -m 644 completions/_blackhole $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_blackhole
	install -D -m 644 completions/blackhole.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/blackhole.fish
	$(BLACKHOLE) man $(DESTDIR)$(PREFIX)/share/man/man8

clean: ## all that was built
	rm -rf build
