# Everything that one runs by hand. Each target installs what it misses.

SHELL     := /bin/bash
VERSION   ?= 0.1.0
COMMIT    ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
GO        ?= go
TAGS      := seccomp netgo osusergo urfave_cli_no_docs
# Static, not position-independent, stripped: it starts in half the time, and
# creating a container starts it twice.
LDFLAGS   := -s -w -linkmode external -extldflags -static -X main.version=$(VERSION) -X main.commit=$(COMMIT)
BLACKHOLE := $(CURDIR)/build/blackhole
PREFIX    ?= /usr/local
BATS      ?= tests/bats

.DEFAULT_GOAL := help
.PHONY: help build run test test-unit test-bats lint guest bench install clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

build: ## the static binary, build/blackhole
	@tests/need gcc libc6-dev pkg-config libseccomp-dev
	CGO_ENABLED=1 $(GO) build -trimpath -tags "$(TAGS)" -ldflags "$(LDFLAGS)" -o $(BLACKHOLE) .

run: build ## start, ask, show and remove the two services of examples/blackhole.yaml
	@tests/need nginx redis-server redis-tools curl jq
	@BLACKHOLE=$(BLACKHOLE) examples/run

test: test-unit test-bats ## every test

test-unit: ## unit and golden tests
	@tests/need gcc libc6-dev pkg-config libseccomp-dev
	$(GO) vet -tags "$(TAGS)" ./...
	$(GO) test -race -tags "$(TAGS)" ./...

test-bats: build ## the built binary as its user runs it; BATS=FILE for a part
	@tests/need bats busybox-static runc crun jq nginx redis-server redis-tools curl
	BLACKHOLE=$(BLACKHOLE) bats --print-output-on-failure $(BATS)

lint: ## read the sources: gofmt, go vet, shellcheck, golangci-lint
	@GO=$(GO) TAGS="$(TAGS)" tests/lint

guest: override export CMD := $(value CMD)
guest: build ## CMD='…' in a virtual machine with cgroup v2; GUEST='-t 900' for tests/guest/run's options
	@tests/guest/run $(GUEST) -- bash -c "$$CMD"

bench: build ## times beside runc and crun, in one run
	@tests/need runc crun busybox-static jq
	@BLACKHOLE=$(BLACKHOLE) benchmarks/run

install: build ## into PREFIX (/usr/local), below DESTDIR if set
	install -D -m 755 $(BLACKHOLE) $(DESTDIR)$(PREFIX)/bin/blackhole
	install -D -m 644 examples/blackhole.yaml $(DESTDIR)$(PREFIX)/share/doc/blackhole/blackhole.yaml
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/blackhole docs/supervisor.md docs/control-socket.md
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|@PREFIX@|$(PREFIX)|' init/blackhole.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/blackhole.service

clean: ## all that was built
	rm -rf build
