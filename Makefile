# SPDX-License-Identifier: Apache-2.0
#
# Builds libagentos.so and runs everything around it. `make help` lists the targets.

# The version of the library, here and nowhere else. Its first number is that of the ABI and of the SONAME.
VERSION := 0.1.0
ABI := $(firstword $(subst ., ,$(VERSION)))

# Where `make install` puts things. DESTDIR is put before all of them, for packagers.
PREFIX ?= /usr/local
override PREFIX := $(abspath $(PREFIX))
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DESTDIR ?=

# Added to every `swift build` and `swift test`.
SWIFT_BUILD_FLAGS ?=
# FILTER= runs only the tests whose names match this regular expression.
FILTER ?=
FUZZ_SECONDS ?= 60
FUZZ_FLAGS ?=
BENCH_ARGS ?=
EXAMPLE_CFLAGS ?= -std=gnu99 -O2 -g -Wall -Wextra -Wpedantic

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
# Targets build on each other in the order in which they are listed, and SwiftPM uses all cores by itself.
.NOTPARALLEL:

LIBRARY := build/libagentos.so
SONAME := libagentos.so.$(ABI)
EXAMPLES := $(patsubst examples/c/%.c,build/examples/%,$(wildcard examples/c/*.c))

# -static-stdlib: the library carries the Swift runtime, and hosts need not have one.
RELEASE_FLAGS := -c release -Xswiftc -static-stdlib $(SWIFT_BUILD_FLAGS)
RELEASE_BIN = $$(swift build $(RELEASE_FLAGS) --show-bin-path)

ifneq ($(AGENTOS_WARNINGS_AS_ERRORS),)
EXAMPLE_CFLAGS += -Werror
endif

# The sidecar and the packs (scripts/env.sh), the library, and the folder of built examples.
ENVIRONMENT = . scripts/env.sh; export AGENTOS_LIBRARY="$(CURDIR)/$(LIBRARY)" AGENTOS_BUILD_DIR="$(CURDIR)/build"

# $(call run-tests,NAME,FLAGS[,FILTER]): `swift test`, its output also in build/NAME.log.
# A run that matched no test exits 0, so that is looked for.
define run-tests
	mkdir -p build
	$(ENVIRONMENT); swift test --disable-xctest $(2) $(if $(3),--filter $(3)) $(SWIFT_BUILD_FLAGS) 2>&1 \
	  | tee build/$(1).log
	@! grep -qE 'Test run with 0 tests|No matching test cases' build/$(1).log \
	  || { echo "make: error: no test was run$(if $(3), (FILTER=$(3)))" >&2; exit 1; }

endef
FILTER_ARGUMENT := $(if $(FILTER),'$(FILTER)')
TEST_TARGETS := $(notdir $(wildcard Tests/*Tests))

# The Swift files that the formatter looks after: not the generated ones.
SWIFT_FILES = find $(wildcard Package.swift Sources Tests examples) -name '*.swift' \
  -not -path '*/Generated/*' -not -path '*/.build/*' -print0

.PHONY: all
all: ## Build the library: build/libagentos.so (the default)
	@command -v swift >/dev/null || { echo "make: error: swift is missing: run 'make setup'" >&2; exit 1; }
	swift build $(RELEASE_FLAGS) --product agentos
	@mkdir -p build
# A new file in place of the old one (install, not cp): a process that has the old one loaded keeps it.
	@built="$(RELEASE_BIN)/libagentos.so"; \
	  cmp -s "$$built" build/$(SONAME) || install -m 755 "$$built" build/$(SONAME)
	@ln -sfn $(SONAME) $(LIBRARY)
	@readelf -d build/$(SONAME) | grep -qF 'soname: [$(SONAME)]' \
	  || { echo "make: error: build/$(SONAME) does not have the SONAME $(SONAME)" >&2; exit 1; }
	@echo "built $(LIBRARY) ($$(stat -c %s build/$(SONAME)) bytes)"

.PHONY: setup
setup: ## Install what building and testing need (scripts/setup.sh)
	scripts/setup.sh

# Without the tools that only tests need.
.PHONY: setup-build
setup-build:
	scripts/setup.sh --only cc,swift,ffi,sidecar

.PHONY: first-job
first-job: setup-build all build/examples/first_job ## From a bare machine to a first job, in C and in Python
	$(ENVIRONMENT); build/examples/first_job LICENSE
	$(ENVIRONMENT); python3 examples/python/first_job.py LICENSE

.PHONY: examples
examples: all $(EXAMPLES) ## Compile the C examples into build/examples

# $ORIGIN: the examples find the library beside their folder, wherever build/ is moved to.
build/examples/%: examples/c/%.c include/agentos.h | all
	@mkdir -p build/examples
	$(CC) $(EXAMPLE_CFLAGS) -Iinclude -o $@ $< -Lbuild -lagentos -Wl,-rpath,'$$ORIGIN/..' -pthread

.PHONY: test
test: setup all examples ## Run all tests
	$(call run-tests,test,,$(FILTER_ARGUMENT))

# $(call sanitize,NAME,FLAGS): the tests of FILTER at once or, without one, one target after the other. All targets at once, tests
# wait for a thread so long here that their time limits end them.
define sanitize
$(if $(FILTER),$(call run-tests,$(1),$(2),$(FILTER_ARGUMENT)),$(foreach target,$(TEST_TARGETS),$(call \
  run-tests,$(1)-$(target),$(2),'^$(target)\.')))
endef

# Tests ask for more memory than there is, and fork. The detector of lock orders fails a check of its own.
.PHONY: tsan
tsan: export TSAN_OPTIONS ?= allocator_may_return_null=1:die_after_fork=0:detect_deadlocks=0
tsan: setup all examples ## Run tests under ThreadSanitizer (FILTER=regex)
	$(call sanitize,tsan,--sanitize=thread --scratch-path .build-tsan)

# Without its leak check, which reports names that Swift Testing keeps: scripts/valgrind.sh looks for leaks.
.PHONY: asan
asan: export ASAN_OPTIONS ?= detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=8
asan: setup all examples ## Run tests under AddressSanitizer (FILTER=regex)
	$(call sanitize,asan,--sanitize=address --scratch-path .build-asan)

.PHONY: bench
bench: all ## Run the benchmarks (BENCH_ARGS=)
	swift build $(RELEASE_FLAGS) --product agentos-benchmarks
	$(ENVIRONMENT); "$(RELEASE_BIN)/agentos-benchmarks" $(BENCH_ARGS)

# Beside another client of the same sidecar: AGENTOS_PEER_RUST names the folder of that program.
.PHONY: bench-peers
bench-peers: all ## Run the work of the peers' benchmark (BENCH_ARGS=runs)
	scripts/bench-peers.sh $(BENCH_ARGS)

# New inputs are collected in .build-fuzz/corpus; it begins with the golden frames and earlier finds. An input that fails is written
# to .build-fuzz/finding-*.
.PHONY: fuzz
fuzz: ## Fuzz the decoder for FUZZ_SECONDS=60
	swift build --product agentos-fuzz --scratch-path .build-fuzz \
	  -Xswiftc -sanitize=fuzzer -Xswiftc -DFUZZING -Xlinker -lstdc++ $(SWIFT_BUILD_FLAGS)
	mkdir -p .build-fuzz/corpus .build-fuzz/seeds
	.build-fuzz/debug/agentos-fuzz --seeds Tests/Corpus/vectors/frames.jsonl .build-fuzz/seeds
	.build-fuzz/debug/agentos-fuzz -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=.build-fuzz/finding- \
	  $(FUZZ_FLAGS) .build-fuzz/corpus .build-fuzz/seeds Tests/Corpus/fuzz

.PHONY: generate
generate: ## Write the wire types again from the schema
	swift build --product bare-generator $(SWIFT_BUILD_FLAGS)
	"$$(swift build $(SWIFT_BUILD_FLAGS) --show-bin-path)/bare-generator" \
	  schema/agent-os-sidecar-v1.bare Sources/AgentOSWire/Generated

.PHONY: order
order: ## Write the list of functions that the linker lays side by side again
	scripts/order-functions.sh
# A build looks at the sources, and would not link again.
	rm -f "$(RELEASE_BIN)/libagentos.so"

.PHONY: format
format: ## Format the Swift sources
	$(SWIFT_FILES) | xargs -0 swift format format --in-place --parallel --configuration .swift-format

.PHONY: lint
lint: ## Check the format of the Swift sources
	$(SWIFT_FILES) | xargs -0 swift format lint --strict --parallel --configuration .swift-format

# In the .pc file, what lies under the prefix is written relative to it, so that it can be redefined.
PC_LIBDIR = $(patsubst $(PREFIX)/%,$${prefix}/%,$(LIBDIR))
PC_INCLUDEDIR = $(patsubst $(PREFIX)/%,$${prefix}/%,$(INCLUDEDIR))
SUBSTITUTE = sed -e 's|@VERSION@|$(VERSION)|g' -e 's|@ABI@|$(ABI)|g' -e 's|@PREFIX@|$(PREFIX)|g' \
  -e 's|@LIBDIR@|$(PC_LIBDIR)|g' -e 's|@INCLUDEDIR@|$(PC_INCLUDEDIR)|g' \
  -e "s|@INCLUDEDIR_FROM_LIBDIR@|$$(realpath -ms --relative-to='$(LIBDIR)' '$(INCLUDEDIR)')|g"

# It does not build: `sudo make install` would leave files of root in .build/.
.PHONY: install
install: ## Install what was built (PREFIX=/usr/local LIBDIR= INCLUDEDIR= DESTDIR=)
	@test -f build/$(SONAME) || { echo "make: error: nothing is built: run 'make' first" >&2; exit 1; }
	install -d "$(DESTDIR)$(LIBDIR)/pkgconfig" "$(DESTDIR)$(LIBDIR)/cmake/agentos" "$(DESTDIR)$(INCLUDEDIR)"
	install -m 755 build/$(SONAME) "$(DESTDIR)$(LIBDIR)/libagentos.so.$(VERSION)"
	ln -sfn libagentos.so.$(VERSION) "$(DESTDIR)$(LIBDIR)/$(SONAME)"
	ln -sfn $(SONAME) "$(DESTDIR)$(LIBDIR)/libagentos.so"
	install -m 644 include/agentos.h "$(DESTDIR)$(INCLUDEDIR)/agentos.h"
	$(SUBSTITUTE) scripts/pkgconfig/agentos.pc.in >"$(DESTDIR)$(LIBDIR)/pkgconfig/agentos.pc"
	$(SUBSTITUTE) scripts/cmake/agentosConfig.cmake.in \
	  >"$(DESTDIR)$(LIBDIR)/cmake/agentos/agentosConfig.cmake"
	$(SUBSTITUTE) scripts/cmake/agentosConfigVersion.cmake.in \
	  >"$(DESTDIR)$(LIBDIR)/cmake/agentos/agentosConfigVersion.cmake"
	@echo "installed in $(DESTDIR)$(LIBDIR); if that is a folder of the dynamic linker, run ldconfig"

.PHONY: uninstall
uninstall: ## Remove what `make install` with the same variables installed
	rm -f "$(DESTDIR)$(LIBDIR)/libagentos.so" "$(DESTDIR)$(LIBDIR)/$(SONAME)" \
	  "$(DESTDIR)$(LIBDIR)/libagentos.so.$(VERSION)" "$(DESTDIR)$(INCLUDEDIR)/agentos.h" \
	  "$(DESTDIR)$(LIBDIR)/pkgconfig/agentos.pc" \
	  "$(DESTDIR)$(LIBDIR)/cmake/agentos/agentosConfig.cmake" \
	  "$(DESTDIR)$(LIBDIR)/cmake/agentos/agentosConfigVersion.cmake"
	rmdir "$(DESTDIR)$(LIBDIR)/cmake/agentos" 2>/dev/null || true

.PHONY: clean
clean: ## Remove what was built; the installed sidecar stays
	rm -rf build .build .build-tsan .build-asan .build-fuzz .build-order

.PHONY: version
version: ## Print the version
	@echo $(VERSION)

.PHONY: help
help: ## This list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1|\2/p' Makefile | while IFS='|' read -r target text; do \
	  printf '  %-10s %s\n' "$$target" "$$text"; done
