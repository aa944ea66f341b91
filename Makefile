# Everything that a developer runs. Each target installs what it misses.

SHELL     := /bin/bash
VERSION   ?= 0.1.0
COMMIT    ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
TAGS      := seccomp netgo osusergo urfave_cli_no_docs
# Static, not position-independent, stripped: it starts in half the time, and
# a container's creation starts it twice.
LDFLAGS   := -s -w -linkmode external -extldflags -static -X main.version=$(VERSION) -X main.commit=$(COMMIT)
GO        ?= go
BLACKHOLE := $(CURDIR)/build/blackhole

.PHONY: build
build:
	CGO_ENABLED=1 $(GO) build -trimpath -tags "$(TAGS)" -ldflags "$(LDFLAGS)" -o $(BLACKHOLE) .
