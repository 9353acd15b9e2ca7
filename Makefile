# Larder in one word each. Everything is made under build/; `make help` lists the words.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash
JOBS ?= $(shell nproc)
RELEASE := build/release

.PHONY: build package run test bench score soak fuzz format clean help

packages-%:
	@scripts/install_packages $(subst +, ,$*)

build: packages-build  ## the release binary, build/release/larder (installs what is missing)
	@mkdir -p build
	@cmake --preset release >$(RELEASE).log 2>&1 || { cat $(RELEASE).log; exit 1; }
	@cmake --build $(RELEASE) --parallel $(JOBS) --target larder

package: packages-build+package build  ## the Debian package, build/release/larder_*.deb
	@cmake --build $(RELEASE) --target larder_documents >/dev/null && cd $(RELEASE) && cpack -G DEB

run: packages-build+run build  ## Larder in front of UPSTREAM=postgres://…, else of a scratch cluster with the shop
	@scripts/run

test: packages-build+test  ## all tests, against a scratch PostgreSQL (ONLY=regex: those alone)
	@scripts/test

bench: packages-build+bench build  ## what a hit costs, against PostgreSQL, poolers and the physical limit (BENCH=--quick)
	@bench/run $(BENCH)

score: packages-build+run+test build  ## the advisor's answers on the shop's slow queries, each index really built (SCALE=1)
	@scripts/score_advisor $(SCALE)

soak: packages-build+run+test build  ## Larder under load for SOAK_SECONDS (default 1800), watched for growth and stale reads; then 10,000 requests to its API
	@scripts/soak
	@HTTP_FUZZ_REQUESTS=$(or $(HTTP_FUZZ_REQUESTS),10000) LARDER_BINARY=$(CURDIR)/$(RELEASE)/larder PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/integration/http_fuzz_test.py

fuzz: packages-build+fuzz  ## every fuzz target for FUZZ_SECONDS each (default 60)
	@scripts/fuzz

format: packages-format  ## clang-format over all sources
	@git ls-files '*.h' '*.cpp' | xargs clang-format-14 -i

clean:  ## removes build/ (a scratch cluster of `make run` with it)
	@scripts/run --stop
	rm -rf build

help:  ## this list
	@sed -nE 's/^([a-z]+):[^#]*## (.*)/  make \1\t\2/p' Makefile | expand -t 16
