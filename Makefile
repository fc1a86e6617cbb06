# issuetrail. `make` lists the targets; each word before a "##" is one.

GO      ?= go
PREFIX  ?= /usr/local
DESTDIR ?=
# ARGS goes to the program of demo and bench: make demo ARGS=--once
ARGS    ?=

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)

# What the race detector is not run on: the bench is no part of the program, and the whole
# program under it is too slow for the time limits that its tests are about. Its rooms are raced one by one.
RACE_SKIP := /bench$$|/cmd/daemon$$
# The tests that kill the daemon, and changes of the keys, at every crash point.
CRASH_PKGS ?= ./cmd/daemon/... ./internal/keystore/...
CRASH_RUN  ?= Crash
FUZZTIME   ?= 20s
PKG        ?= ./...

TOOLS := bin/tools/.done

.PHONY: help build demo test test-deps test-unit test-race test-crash lint vuln bench fuzz cover \
	generate man install clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## bin/issuetrail, one static file
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o bin/issuetrail ./cmd/daemon

demo: build ## the main job on this machine, without a config; ARGS=--once ends after the print
	bin/issuetrail demo $(ARGS)

test: test-deps test-unit test-race test-crash ## all tests: real sshd, git, SQLite, PostgreSQL

test-deps: ## installs what the tests run, where it is missing (apt)
	@tools/test-deps.sh

test-unit: ## the tests once; PKG=./internal/store/... for one room
	$(GO) test -count=1 -timeout 15m $(PKG)

test-race: ## the tests under the race detector
	CGO_ENABLED=1 $(GO) test -race -count=1 -timeout 15m $$($(GO) list ./... | grep -Ev '$(RACE_SKIP)')

test-crash: ## kills the daemon at every crash point (a build of its own)
	$(GO) test -tags crashpoints -run '$(CRASH_RUN)' -count=1 -timeout 15m $(CRASH_PKGS)

$(TOOLS): tools/go.mod tools/go.sum
	@mkdir -p bin/tools
	$(GO) build -C tools -o ../bin/tools/ tool
	@touch $@

lint: $(TOOLS) ## formatting, vet, staticcheck, modules, the systemd unit
	@out=$$(bin/tools/gofumpt -l .); \
	if [ -n "$$out" ]; then echo "gofumpt -w is missing on:"; echo "$$out"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags crashpoints ./...
	bin/tools/staticcheck ./...
	$(GO) mod tidy -diff
	$(GO) mod verify
	tools/check-unit.sh

vuln: $(TOOLS) ## known vulnerabilities in what is linked (asks vuln.go.dev; GOVULNDB names another)
	bin/tools/govulncheck ./...

bench: build ## the figures of docs/performance.md, beside git; ARGS go to the bench
	$(GO) run ./bench $(ARGS)

fuzz: ## each fuzz test for FUZZTIME (20s)
	@$(GO) list -f '{{.ImportPath}}' ./... | while read -r pkg; do \
		$(GO) test -list '^Fuzz' "$$pkg" | grep '^Fuzz' | while read -r name; do \
			echo "$$pkg $$name"; \
			$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$pkg" || exit 1; \
		done || exit 1; \
	done

cover: ## coverage.out and the share of each function
	$(GO) test -count=1 -timeout 15m -coverpkg ./... -coverprofile coverage.out ./...
	$(GO) tool cover -func coverage.out

generate: ## makes config.schema.json and the API's description anew; tests say when they are old
	$(GO) generate ./...

man: build ## bin/man: the manual pages
	@mkdir -p bin/man
	bin/issuetrail man bin/man

install: build man ## into DESTDIR and PREFIX (/usr/local): program, unit, manuals, completions, sample
	install -D -m 0755 bin/issuetrail $(DESTDIR)$(PREFIX)/bin/issuetrail
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/share/man/man1
	sed 's,/usr/bin/issuetrail,$(PREFIX)/bin/issuetrail,' systemd/issuetrail.service \
		> $(DESTDIR)$(PREFIX)/lib/systemd/system/issuetrail.service
	install -D -m 0644 systemd/issuetrail.sysusers.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/issuetrail.conf
	install -D -m 0644 systemd/issuetrail.tmpfiles.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/issuetrail.conf
	install -m 0644 bin/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	bin/issuetrail completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/issuetrail
	bin/issuetrail completion zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_issuetrail
	bin/issuetrail completion fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/issuetrail.fish
	install -d $(DESTDIR)$(PREFIX)/share/doc/issuetrail/docs/images
	install -m 0644 config.example.yaml config.schema.json README.md LICENSE $(DESTDIR)$(PREFIX)/share/doc/issuetrail/
	install -m 0644 docs/*.md $(DESTDIR)$(PREFIX)/share/doc/issuetrail/docs/
	install -m 0644 docs/images/* $(DESTDIR)$(PREFIX)/share/doc/issuetrail/docs/images/
	sed 's,/usr/bin/issuetrail,$(PREFIX)/bin/issuetrail,' systemd/issuetrail-credentials.conf \
		> $(DESTDIR)$(PREFIX)/share/doc/issuetrail/issuetrail-credentials.conf

clean: ## removes what was built
	rm -rf bin coverage.out
