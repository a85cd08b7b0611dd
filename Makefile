# make build | deps | bench-deps | test | test-race | test-short | test-busy | test-long | lint | bench | chaos | soak | systemd-proof | cover | fuzz | cross | wine | manual | release | release-test | monitoring | picture | vuln
GO      ?= go
FUZZ    ?= 20s
VERSION ?= $(shell git describe --always --dirty 2>/dev/null || echo dev)
COMMIT  ?= $(shell git describe --always --abbrev=40 --match '' --dirty=+dirty 2>/dev/null)
LDFLAGS  = -X rtmtgrab/internal/version.Version=$(VERSION) -X rtmtgrab/internal/version.Commit=$(COMMIT)
TARGETS  = linux/amd64 linux/arm64 windows/amd64 windows/arm64 darwin/amd64 darwin/arm64

.PHONY: monitoring build deps bench-deps busy-deps release-deps test test-short test-busy test-long lint bench chaos soak systemd-proof cover fuzz cross wine manual

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/grab ./cmd/grab

# The servers and tools that the tests start by themselves on loopback ports. What is
# installed here is not started as a service.
NEED = dovecot:dovecot-imapd sshd:openssh-server ssh-agent:openssh-client unzip:unzip zstd:zstd chromium:chromium exim4:exim4-daemon-light tshark:tshark sngrep:sngrep minisign:minisign age:age curl:curl openssl:openssl 7zz:7zip bsdtar:libarchive-tools
bench-deps: NEED += rsync:rsync lftp:lftp zip:zip aws:awscli
busy-deps: NEED += stress-ng:stress-ng
release-deps: NEED = $(RELEASE_NEED)
RELEASE_NEED = wixl:wixl msiinfo:msitools skopeo:skopeo promtool:prometheus minisign:minisign lintian:lintian rpm:rpm dpkg-deb:dpkg groff:groff-base unzip:unzip systemd-analyze:systemd unshare:util-linux
deps bench-deps busy-deps release-deps:
	@missing=""; for n in $(NEED); do \
	  PATH="$$PATH:/usr/sbin:/usr/local/sbin" command -v $${n%%:*} >/dev/null || missing="$$missing $${n##*:}"; done; \
	if [ -n "$$missing" ]; then \
	  if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    p=/usr/sbin/policy-rc.d; if [ ! -e $$p ]; then trap "rm -f $$p" EXIT; printf '#!/bin/sh\nexit 101\n' >$$p; chmod 755 $$p; fi; \
	    apt-get -o DPkg::Lock::Timeout=120 update && \
	    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends $$missing; \
	  else echo "deps: missing:$$missing. Install them (as root: apt-get install$$missing); the tests that need them will fail."; fi; fi
	@$(if $(filter release-deps,$@),:,CGO_ENABLED=0 $(GO) -C internal/testserver/s3 tool -n versitygw >/dev/null) # the S3 server of the tests: minutes, once

# Of the other systems only Windows is built here, for people work on it: a target takes
# minutes on a machine that never built one. The rest is for `make cross`. -p, -parallel, -j:
# many tests wait. QUICK: lint has vetted, and to link without debug information takes a third.
# GOGC: as much less for the garbage collector; a test of memory sets its own. CGO_ENABLED: as
# it is released, and programs that are linked and started faster.
QUICK = -vet=off -ldflags='-s -w' -timeout 20m
test: deps lint
	@$(MAKE) -j 3 test-program test-rest cross TARGETS=windows/amd64

.PHONY: test-program test-rest test-race race
test test-program test-rest test-race test-short: export GOGC := 300
lint test test-program test-rest test-short: export CGO_ENABLED := 0
# To make a file on a disk is a third of what many tests do.
test-program test-rest test-race test-short: export TMPDIR := $(shell .ci/scratch)
test-program:
	$(GO) test $(QUICK) -parallel 8 ./cmd/grab

test-rest:
	$(GO) test $(QUICK) -p 6 -parallel 4 $$($(GO) list ./... | grep -vx "$$($(GO) list ./cmd/grab)")

# With the race detector, which takes three to ten times as long, and finds nothing in much of
# it: not what is PURE, without goroutines (TestPure); a sample of SAMPLED (-short), and of what
# asks for testrace.On; of the whole program RACED; and not in others' code that shares nothing
# but through package sync (UNWATCHED). `make race` takes everything. GORACE: else every test
# program sleeps for a second before it ends.
PURE      = ./bundle/mask/find ./bundle/mask/find/undo ./internal/cucmtrace ./internal/export ./internal/fleet/owner/claims ./internal/lab/scenario ./internal/registration/cucmlog ./internal/registration/hear ./internal/registration/judge ./internal/registration/phone ./internal/registration/wire ./internal/report ./internal/snapshot ./mailwatch/alertmail
SAMPLED   = ./bundle ./bundle/mask ./internal/config ./internal/lab ./internal/lab/mra ./internal/lab/rtmt ./internal/lab/timeline ./internal/masking ./internal/registration ./internal/registration/logs
RACED     = ^(TestHandover|TestPauseWatch|TestRealDrill|TestRealLate|TestRealNow|TestRealRing|TestRealStop|TestRealWatch|TestRefusedOnce|TestSitesReal|TestThreeWays|TestWarmWatch)$$
UNWATCHED = compress/flate github.com/klauspost/compress/flate
RACE      = -race $(UNWATCHED:%=-gcflags=%=-race=false)
test-race: export GORACE := $(GORACE) atexit_sleep_ms=0
test-race: deps
	$(GO) test $(QUICK) $(RACE) -p 3 -parallel 4 $$($(GO) list ./... | grep -vxF "$$($(GO) list ./cmd/grab $(SAMPLED) $(PURE))")
	$(GO) test $(QUICK) $(RACE) -p 3 -short $(SAMPLED)
	$(GO) test $(QUICK) $(RACE) -parallel 4 -run '$(RACED)' ./cmd/grab

race: deps
	$(GO) test -vet=off $(RACE) -parallel 4 -timeout 60m ./...

# For the inner loop: without servers, without whole sites.
test-short:
	$(GO) test $(QUICK) -p 6 -short ./...

# Beside eight busy processes, package by package; busy-logs/ keeps what each said.
test-busy: busy-deps
	@RACE='$(RACE)' .ci/busy $(PACKAGES)

# What is long by nature: every scenario, other random sites each time, chaos, fuzzing.
test-long: race
	GRAB_LONG=1 $(GO) test -timeout 60m ./internal/registration/... ./internal/export ./internal/lab/... ./bundle/mask/... ./internal/masking ./internal/cucmtrace ./internal/copyqueue ./internal/handover/... ./internal/incident/triage
	GRAB_LONG=1 $(GO) test -timeout 60m -run 'TestMixtures|TestTruth' ./internal/chaos
	$(MAKE) chaos fuzz

lint:
	@out=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); if [ -n "$$out" ]; then echo "not gofmt-ed:"; echo "$$out"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

cross:
	@set -e; for t in $(TARGETS); do echo "build $$t"; \
	  CGO_ENABLED=0 GOOS=$${t%%/*} GOARCH=$${t##*/} $(GO) build -o /dev/null ./cmd/grab; done

# Against scp, sftp, rsync and lftp: docs/benchmarks.md. GRAB_BENCH_SIZE, say 64MiB (1GiB is the full size),
# GRAB_BENCH_TRIPS, say 0,30, and GRAB_BENCH_ROTATIONS make it shorter; BENCH picks.
BENCH ?= .
bench: bench-deps
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchtime 1x -timeout 60m ./internal/bench ./cmd/grab

# 10,000 mails while everything goes wrong: docs/reliability.md. GRAB_CHAOS_SEED is
# another course of events.
chaos: deps
	GRAB_CHAOS_MAILS=$${GRAB_CHAOS_MAILS:-10000} GRAB_CHAOS_SECONDS=$${GRAB_CHAOS_SECONDS:-600} $(GO) test -count 1 -v -run TestChaos -timeout 60m ./internal/chaos

# The real program masks, encrypts, delivers to four kinds of destinations and removes, and is
# killed 200 times: docs/handover.md.
.PHONY: chaos-handover
chaos-handover: deps
	GRAB_LONG=1 $(GO) test -count 1 -v -run 'TestKilledToSinks$$' -timeout 30m ./cmd/grab

# Two collectors of a site, one's clock five minutes ahead, both upgraded meanwhile, and a hub of three servers,
# while everybody is killed, paused and cut off: docs/reliability.md has what each variable says.
.PHONY: chaos-fleet
chaos-fleet: deps
	GRAB_FLEET_ALERTS=$${GRAB_FLEET_ALERTS:-1000} GRAB_FLEET_SECONDS=$${GRAB_FLEET_SECONDS:-600} GRAB_FLEET_SERVERS=$${GRAB_FLEET_SERVERS:-3} GRAB_FLEET_AHEAD=$${GRAB_FLEET_AHEAD:-300} \
	GRAB_FLEET_UPGRADE=$${GRAB_FLEET_UPGRADE:-1} GRAB_FLEET_TROUBLE=$${GRAB_FLEET_TROUBLE:-60} nice $(GO) test -count 1 -v -run 'TestFleet$$' -timeout 60m ./internal/chaos

# A day and more: virtual days in memory, with hosts that fall sick and get well, then the real
# binary with an incident every two seconds, and the same under chaos. SOAK_DAYS and SOAK_SECONDS make it shorter or longer; what of the days
# is done stands in SOAK_DIR/days and is not done again.
SOAK_DAYS    ?= 30
SOAK_SECONDS ?= 3600
SOAK_DIR     ?= soak
soak: deps
	mkdir -p $(SOAK_DIR)
	GRAB_SOAK_DAYS=$(SOAK_DAYS) GRAB_SOAK_DIR=$(abspath $(SOAK_DIR)) $(GO) test -count 1 -v -run 'TestSoak$$' -timeout 10h ./internal/chaos
	GRAB_SOAK_SECONDS=$(SOAK_SECONDS) $(GO) test -count 1 -v -run TestSoakReal -timeout 30h ./internal/chaos
	GRAB_CHAOS_MAILS=$${GRAB_CHAOS_MAILS:-10000} GRAB_CHAOS_SECONDS=$(SOAK_SECONDS) $(GO) test -count 1 -v -run TestChaos -timeout 30h ./internal/chaos

# configs/grab.service as it is, under a systemd that is process 1 of namespaces of its own: as
# root; where that cannot be had it says what is missing, and nothing is proven.
systemd-proof:
	GRAB_SYSTEMD=1 $(GO) test -count 1 -v -run TestSystemd -timeout 20m ./internal/chaos

# Manual pages and completions, into MANUAL_DIR.
MANUAL_DIR ?= bin/manual
manual:
	GRAB_MANUAL=$(abspath $(MANUAL_DIR)) GRAB_VERSION=$(VERSION) SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)} $(GO) test -count 1 -run '^TestManual$$' ./cmd/grab

# The picture in README.md: the page that `grab demo` makes, in Chromium.
.PHONY: picture
picture: build
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && bin/grab demo --out "$$dir/demo" >/dev/null && \
	GRAB_PICTURE_OF="$$dir/demo/registration.html" GRAB_PICTURE=$(abspath docs/page.png) $(GO) test -count 1 -run '^TestPicture$$' ./internal/report

# A release in dist/: archives, packages, sums and their signature; nothing is published. The
# tools of it have a go.mod of their own, and to compile them once takes a long time. docs/setup.md
# and internal/release/make say the rest.
.PHONY: release release-test
release: release-deps
	GO='$(GO)' internal/release/make

# What is in dist/ is looked at, installed, used, upgraded and purged, as root; CI_LONG=1: and
# built again. What cannot be done here is said.
release-test: release-deps monitoring
	@GO='$(GO)' internal/release/check

cover:
	$(GO) test -coverprofile=cover.out ./...
	$(GO) tool cover -func=cover.out | tail -n 1

# Every fuzz target for FUZZ each.
fuzz:
	@set -e; for p in $$($(GO) list ./...); do for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
	  echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZ) -fuzzminimizetime 1x $$p; done; done

# grab.exe under Wine, which must be installed: docs/windows.md. PACKAGES picks the tests.
wine:
	@GO='$(GO)' .ci/wine

# Known vulnerabilities in what is called, where their database can be reached.
.PHONY: vuln
vuln:
	@GO='$(GO)' .ci/vuln

# The rules for Prometheus, by promtool (Debian's prometheus).
monitoring:
	@command -v promtool >/dev/null || { echo "promtool is not installed: apt-get install prometheus"; exit 1; }
	promtool check rules configs/prometheus/grab.rules.yaml
	cd configs/prometheus && promtool test rules grab.rules.test.yaml
