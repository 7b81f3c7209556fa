# make build, make run and make test need nothing but Go; make conformance needs Python 3
# and a package index as well.
GO ?= go
GOLANGCI_VERSION := v2.13.1
BIN := bin/gorun
FUZZTIME ?= 10s
# urfave/cli without its writer of man pages, whose start takes half a millisecond.
TAGS := urfave_cli_no_docs

export CGO_ENABLED ?= 0
# The commit is in the binary wherever git tells it, whatever GOFLAGS says.
BUILD := $(GO) build -trimpath -buildvcs=$(shell git rev-parse -q HEAD >/dev/null 2>&1 && echo true || echo false) -tags $(TAGS)

NFPM := $(GO) run github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.0
# 0.1.0 of the tag v0.1.0; between tags, and without any, a version that sorts before the next.
VERSION ?= $(shell git describe --tags --match 'v*' 2>/dev/null | sed 's/^v//; s/-\([0-9]*\)-g/+\1.g/' | grep . || echo 0.1.0~dev)

.PHONY: build run test race lint fuzz screens bench conformance record packages torture systemd soak

# The linker maps the file that it writes, which leaves it in memory page by page: a start from
# there takes a fifth longer than from a copy, which is what a package installs.
build: ## a static binary in bin/
	$(BUILD) -o $(BIN).linked ./cmd/gorun
	install -m 755 $(BIN).linked $(BIN)
	rm $(BIN).linked

run: build ## the main job, on this machine's master or on a recorded one
	$(GO) run ./internal/demo -gorun $(BIN)

test: ## all tests, with the race detector where there is a C compiler
	@if command -v cc >/dev/null 2>&1; then \
		CGO_ENABLED=1 $(GO) test -race ./...; \
	else \
		$(GO) test ./...; \
	fi

lint: ## gofmt, go vet and golangci-lint, which holds the directions of import
	$(GO) vet ./...
	@command -v $$($(GO) env GOPATH)/bin/golangci-lint >/dev/null 2>&1 || \
		$(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	$$($(GO) env GOPATH)/bin/golangci-lint run ./...

fuzz: ## each fuzz target for FUZZTIME
	@set -e; for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "$$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$pkg; \
		done; \
	done

screens: ## the screens of gorun live, in the tests and in the README, made anew in tmux
	GORUN_UPDATE_SCRIPTS=1 $(GO) test -count=1 -run Screens ./cmd/gorun

bench: build ## Go's benchmarks, then whole processes beside salt-run; writes docs/benchmarks.md, and some times into the README
	$(GO) run ./internal/bench -gorun $(BIN) -write docs/benchmarks.md -readme README.md $(BENCH)

packages: ## static binaries, debs and rpms for amd64 and arm64, in dist/
	mkdir -p dist
	gzip -9nc docs/gorun.1 > dist/gorun.1.gz
	gzip -9nc CHANGELOG.md > dist/changelog.gz
	GOOS=linux packaging/copyright.sh $(TAGS) > dist/copyright
	set -e; for arch in amd64 arm64; do \
		CGO_ENABLED=0 GOOS=linux GOARCH=$$arch $(BUILD) \
			-ldflags "-s -w -X main.version=$(VERSION)" -o dist/gorun-linux-$$arch ./cmd/gorun; \
		for kind in deb rpm; do \
			ARCH=$$arch VERSION='$(VERSION)' $(NFPM) package -f packaging/nfpm.yaml -p $$kind -t dist/; \
		done; \
	done
	cd dist && sha256sum gorun-linux-* *.deb *.rpm > SHA256SUMS

SALT_CACHE = $${GORUN_SALT_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/gorun/salt}

conformance: ## live masters: salt-run and gorun side by side; then random values and arguments
	$(GO) test -tags conformance -run Live -v -parallel 4 -timeout 50m ./internal/conformance
	GORUN_SALT_PYTHON="$(SALT_CACHE)/3008.3/bin/python" GORUN_N=500 \
		$(GO) test -tags conformance -run '^TestSalt$$|Conformance$$' -v -count=1 ./output ./value ./cmd/gorun

torture: ## a real master and a subscriber killed again and again, a flood, long readers; then an hour's soak: make soak
	GORUN_TORTURE=1 $(GO) test -count=1 -timeout 30m -run 'Flood|Disk|LongReader|Cut|Damaged|Killed' -v ./jobcache ./internal/subscriber ./internal/conformance
	GORUN_TORTURE=1 $(GO) test -tags conformance -run Torture -v -count=1 -timeout 60m ./internal/conformance

systemd: packages ## the deb's service under a real systemd, in a Debian of its own: root, debootstrap
	GORUN_SYSTEMD=$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/gorun/debian-bookworm $(GO) test -count=1 -run Systemd -v ./packaging

soak: build ## a subscriber for an hour, with a steady bus; writes docs/soak.md
	$(GO) run ./internal/soak -gorun $(BIN) -write docs/soak.md

record: ## record another version: make record VERSION=3008.3
	$(GO) run ./internal/record -version $(VERSION) -out testdata/recordings/$(VERSION)
