# Fengsui. `make` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
TOOLS := $(CURDIR)/.cache/tools
export PATH := $(TOOLS):$(PATH)
export GOFLAGS ?= -buildvcs=false

# Exact versions, outside the product's go.mod: a linter must not choose our dependencies.
GOLANGCI_VERSION := v2.15.0
GOFUMPT_VERSION := v0.12.0
PROTOC_GEN_GO_VERSION := v1.36.12
DEBIAN := tcpdump tshark tcpreplay nftables iproute2 protobuf-compiler libprotobuf-dev

.PHONY: help run build test test-short test-tags check lint fmt generate generated cross bench bench-packets conformance agreement protocols fuzz soak console debian clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

run: build ## build, then tell the whole story: three tiers on this machine
	bin/fengsui demo

build: ## bin/fengsui, one static binary
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X fengsui/node/cli.version=$(VERSION)" -o bin/fengsui .

test: debian ## every test, with the race detector
	go test -race -shuffle=on -timeout 20m ./...

test-short: ## what fits in a minute: no processes, no network namespaces
	go test -short ./...

# The parts that need C libraries, each behind a build tag. Add a tag with its package of Debian.
TAGS := yara hyperscan libpcap
TAG_DEBIAN := libyara-dev libhyperscan-dev libpcap-dev
test-tags: ## the optional parts behind build tags (cgo), with the C libraries they need
	@$(MAKE) --no-print-directory debian DEBIAN="$(TAG_DEBIAN)"
	@for tag in $(TAGS); do dirs=$$(grep -rl --include='*_test.go' "^//go:build $$tag$$" . | xargs -n1 dirname | sort -u); \
		echo "$$tag: $$dirs"; CGO_ENABLED=1 go vet -tags $$tag $$dirs; CGO_ENABLED=1 go test -count 1 -tags $$tag $$dirs; done

check: lint generated cross ## linters, generated code is current, builds for every architecture

lint: $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION) $(TOOLS)/gofumpt-$(GOFUMPT_VERSION)
	@out=$$(gofumpt -l $$(git ls-files '*.go' | grep -v '\.pb\.go$$')); [ -z "$$out" ] || { echo "not gofumpt-ed (make fmt):"; echo "$$out"; exit 1; }
	go vet ./...
	golangci-lint run
	go mod tidy -diff

fmt: $(TOOLS)/gofumpt-$(GOFUMPT_VERSION) ## format all Go files
	gofumpt -w $$(git ls-files '*.go' | grep -v '\.pb\.go$$')

generate: debian $(TOOLS)/protoc-gen-go-$(PROTOC_GEN_GO_VERSION) ## regenerate the wire messages
	go generate ./...

generated: generate
	@git diff --exit-code --stat -- '*.pb.go' || { echo "generated code was not current: commit what make generate changed"; exit 1; }

cross: ## build for every architecture a county may run
	@for arch in amd64 arm64 loong64 riscv64; do \
		echo "linux/$$arch"; CGO_ENABLED=0 GOOS=linux GOARCH=$$arch go build -trimpath -o /dev/null . ; done

bench: ## every benchmark, beside the code it measures
	@go version; grep -m1 'model name' /proc/cpuinfo || true
	go test -run '^$$' -bench . -benchmem -benchtime 0.5s ./...

conformance: ## the suricata-verify cases: passed, failed, refused, by case and in total
	go test ./node/detect -count 1 -timeout 10m -run '^TestConformance$$' -v

agreement: ## alerts, flows, transactions and files against what Suricata saw in the same captures
	go test ./node/detect -count 1 -timeout 10m -run '^Test(Agreement|WorkersAgreeOnCaptures)$$' -v

BENCH_PCAP ?= $(CURDIR)/.cache/bench.pcap
bench-packets: debian ## packets a second on the large capture (built when missing); writes docs/bench-packets.md
	BENCH_PCAP=$(BENCH_PCAP) BENCH_WRITE=1 go test ./node/detect -count 1 -timeout 60m -run '^TestBenchPackets$$' -v

protocols: ## write the golden files and docs/protocols.md from the captures
	go test ./capture/proto/registry -count 1 -update

SOAK ?= 10m
soak: ## replay at full speed for SOAK (10m) and hold memory flat
	FENGSUI_SOAK=$(SOAK) go test ./node/detect -count 1 -timeout 2h -run '^TestReplayKeepsMemoryFlat$$' -v

FUZZTIME ?= 20s
fuzz: ## every fuzz target for FUZZTIME (20s)
	@for p in $$(go list ./...); do \
		for f in $$(go test -list '^Fuzz' $$p 2>/dev/null | grep '^Fuzz' || true); do \
			echo "$$p $$f"; go test $$p -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) | tail -n 1; done; done

console: ## the web console (comes with its own issue; nothing to build yet)
	@[ -d node/console/web ] || { echo "there is no console in this version: see CHANGELOG.md"; exit 1; }

clean: ## remove what was built
	rm -rf bin .cache

# Debian's tools that the tests use: a capture to look at our own traffic, firewall and namespaces to prove blocking.
debian:
	@missing=(); for p in $(DEBIAN); do dpkg -s $$p >/dev/null 2>&1 || missing+=($$p); done; \
	[ $${#missing[@]} -eq 0 ] || { \
		[ $$(id -u) -eq 0 ] || { echo "please install: sudo apt-get install $${missing[*]}"; exit 1; }; \
		export DEBIAN_FRONTEND=noninteractive; apt-get update -qq && apt-get install -y -qq "$${missing[@]}"; }

$(TOOLS)/golangci-lint-$(GOLANGCI_VERSION):
	GOBIN=$(TOOLS) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION) && touch $@
$(TOOLS)/gofumpt-$(GOFUMPT_VERSION):
	GOBIN=$(TOOLS) go install mvdan.cc/gofumpt@$(GOFUMPT_VERSION) && touch $@
$(TOOLS)/protoc-gen-go-$(PROTOC_GEN_GO_VERSION):
	GOBIN=$(TOOLS) go install google.golang.org/protobuf/cmd/protoc-gen-go@$(PROTOC_GEN_GO_VERSION) && touch $@
