# One makefile for everything.  Objects go to build/VARIANT/; a new .c file in a known
# folder needs no edit here.
#
#   make            build/supd and build/supctl
#   make run        install what is missing, build, run supd on this folder
#   make check      install what the tests need, run them all
#
# What builds does so on every processor (JOBS=1: one after the other).
#
# Variants: release (default), debug, asan, fuzz, cov, tomorrow:  make VARIANT=asan

VARIANT ?= release
CC      ?= cc
O       := build/$(VARIANT)
PREFIX  ?= /usr/local
DESTDIR ?=
WERROR  ?=
JOBS    ?= $(shell nproc 2>/dev/null || echo 2)

PKGS     := yajl libbsd-overlay vterm
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
WARN := -Wall -Wextra -Wformat=2 -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla \
	-Wimplicit-fallthrough -Wnull-dereference -Wconversion $(WERROR)
HARDEN := -fstack-protector-strong -fPIE
OPT_release := -O2 -g -D_FORTIFY_SOURCE=2
OPT_debug   := -O0 -g3
OPT_asan    := -O1 -g3 -fsanitize=address,undefined -fno-omit-frame-pointer
OPT_fuzz    := -O1 -g3 -fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer
OPT_cov     := -O0 -g3 --coverage -DSUPD_COV
OPT_static  := $(OPT_release)
# The build after this one (proto/version.h); a test upgrades to it and back.
OPT_tomorrow := -O1 -DSUPD_AHEAD=1
CPPFLAGS += -D_GNU_SOURCE -Isupervisor -I$(O)/gen
CFLAGS   += -std=c17 $(WARN) $(HARDEN) $(OPT_$(VARIANT))
LDFLAGS  += $(if $(filter static,$(VARIANT)),-static-pie,-pie) -Wl,-z,relro,-z,now $(filter -fsanitize% --coverage,$(OPT_$(VARIANT)))
LIBS     := -lev -lyajl -lbsd -lz -lvterm -lm

LAYERS   := lib proto init logger terminal unit install journal instance manager boot
SRC      := $(foreach l,$(LAYERS),$(shell find supervisor/$(l) -name '*.c' 2>/dev/null))
ifeq ($(VARIANT),cov)
SRC      += tests/coverage_exit.c
endif
OBJ      := $(SRC:%.c=$(O)/%.o)
SUPCTL_SRC := $(wildcard tools/supctl/*.c)
SUPCTL_OBJ := $(SUPCTL_SRC:%.c=$(O)/%.o)
# Without shared libraries, what they themselves need has to be named.
ifeq ($(VARIANT),static)
LIBS     := $(LIBS:-lyajl=-lyajl_s) -lmd -lm
endif
# The part of lib that needs no libev.
LIB_OBJ  := $(filter-out %/loop.o %/outq.o,$(filter $(O)/supervisor/lib/%,$(OBJ)))
# supctl links the layers that it may include, the layout of run/table (to find what
# outlived supd), and neither libev nor a role.
SUPCTL_LAYERS := $(LIB_OBJ) $(filter $(O)/supervisor/unit/% $(O)/supervisor/install/% $(O)/supervisor/journal/% \
	$(O)/supervisor/proto/table.o,$(OBJ))

.PHONY: all run demo check check-agents check-corpus chaos unit e2e sim fuzz cov bench fmt lint man install uninstall static clean \
	tests-build fuzz-build deps-build deps-check tomorrow
ifeq ($(VARIANT),release)
all: build/supd build/supctl build/extract build/memory build/agent
else
all: $(O)/supd $(O)/supctl $(O)/extract $(O)/memory $(O)/agent
endif

# The two commands of README.
run: deps-build
	$(MAKE) -s -j$(JOBS) all
	exec build/supd -C .
check: deps-check
	$(MAKE) -s -j$(JOBS) all tests-build VARIANT=$(VARIANT) WERROR=$(WERROR)
	VARIANT=$(VARIANT) tests/run $(TESTS)

deps-build:
	@tools/install-deps build
deps-check:
	@tools/install-deps check
demo: deps-build
	$(MAKE) -s -j$(JOBS) all
	tools/demo
unit sim e2e fuzz-corpus: tests-build
	VARIANT=$(VARIANT) tests/run $(@:fuzz-corpus=fuzz)/

build/supd build/supctl build/extract build/memory build/agent: build/%: $(O)/% FORCE
	@cmp -s $< $@ || { cp $< $@.new && mv $@.new $@; }
FORCE:

# The small libraries are linked into supd and supctl where all of them can be: a short
# command spends more time in loading shared ones than in its work, and init's are copied,
# five mappings each, with every process that it forks.
archive = $(filter /%,$(shell $(CC) -print-file-name=$(1) 2>/dev/null))
ARCHIVES := $(foreach a,libyajl_s.a libbsd.a libz.a libmd.a,$(call archive,$(a)))
HAVE_ARCHIVES := $(filter 4,$(words $(ARCHIVES)))
SUPD_LIBS := $(if $(HAVE_ARCHIVES),$(or $(call archive,libev.a),-lev) $(or $(call archive,libvterm.a),-lvterm) $(ARCHIVES) -lm,$(LIBS))
$(O)/supd: $(O)/supervisor/supd.o $(OBJ)
	$(CC) $(LDFLAGS) -o $@ $^ $(SUPD_LIBS)
SUPCTL_LIBS := $(if $(HAVE_ARCHIVES),$(ARCHIVES),$(filter-out -lev -lvterm,$(LIBS)))
$(O)/supctl: $(SUPCTL_OBJ) $(SUPCTL_LAYERS)
	$(CC) $(LDFLAGS) -o $@ $^ $(SUPCTL_LIBS)

# The extractor of the fleet in units/, and what goes on with its summaries.
$(O)/extract $(O)/memory: $(O)/%: $(O)/tools/fleet/%.o $(LIB_OBJ)
	$(CC) $(LDFLAGS) -o $@ $^ $(filter-out -lev -lvterm,$(LIBS))

# What it does where no real agent is installed; the tests type into it.
$(O)/agent: $(O)/tools/fleet/agent.o
	$(CC) $(LDFLAGS) -o $@ $^

$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
# The interface descriptions are taken into the binary as they are.
$(O)/supervisor/manager/control/varlink_text.o: $(wildcard supervisor/manager/control/*.varlink)

# Tests: one program a file, linked with every object of the roles but main's.  The fuzzers
# are ordinary programs here (tests/fuzz/standalone.c runs them over files).
TEST_SRC := $(wildcard tests/unit/test_*.c tests/sim/sim_*.c)
TEST_BIN := $(TEST_SRC:%.c=$(O)/%)
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BIN := $(FUZZ_SRC:%.c=$(O)/%)
TEST_SUPCTL := $(filter-out %/supctl.o,$(SUPCTL_OBJ))

E2E_BIN := $(patsubst %.c,$(O)/%,$(wildcard tests/e2e/*.c tests/chaos/*.c))
# What supd runs there is no part of supd: signals end it as they end any program.
$(O)/tests/chaos/%: OPT_asan := -O1 -g
$(O)/tests/chaos/%: $(O)/tests/chaos/%.o
	$(CC) $(LDFLAGS) -o $@ $<
STARTED_OFTEN := $(addprefix $(O)/tests/e2e/,ask beat within storm)
# They are started so often that what the loader does counts, and are no part of supd.
$(STARTED_OFTEN): $(O)/%: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -std=c17 $(WARN) -O2 -static -o $@ $< -lyajl_s
$(O)/tests/e2e/%: $(O)/tests/e2e/%.o
	$(CC) $(LDFLAGS) -o $@ $<
# What is loaded into supd by LD_PRELOAD.
E2E_PRELOAD := $(patsubst %.c,$(O)/%.so,$(wildcard tests/e2e/preload/*.c))
$(O)/tests/e2e/preload/%.so: tests/e2e/preload/%.c
	@mkdir -p $(@D)
	$(CC) -std=c17 $(WARN) -O2 -fPIC -shared -o $@ $< -ldl

tests-build: all $(TEST_BIN) $(FUZZ_BIN) $(E2E_BIN) $(E2E_PRELOAD) $(if $(filter release,$(VARIANT)),tomorrow)
# For the test that upgrades to it and back.
tomorrow:
	@$(MAKE) -s build/tomorrow/supd VARIANT=tomorrow WERROR=$(WERROR)
$(O)/libsupd.a: $(OBJ)
	rm -f $@ && $(AR) rcs $@ $^
$(O)/tests/unit/test_%: $(O)/tests/unit/test_%.o $(O)/libsupd.a $(TEST_SUPCTL)
	$(CC) $(LDFLAGS) -o $@ $< $(if $(filter supctl_% columns,$*),$(TEST_SUPCTL)) $(O)/libsupd.a -lcmocka $(LIBS)
$(O)/tests/sim/sim_%: $(O)/tests/sim/sim_%.o $(O)/libsupd.a
	$(CC) $(LDFLAGS) -o $@ $< $(O)/libsupd.a -lcmocka $(LIBS)
ifeq ($(VARIANT),fuzz)
FUZZ_MAIN := -fsanitize=fuzzer
else
FUZZ_MAIN := $(O)/tests/fuzz/standalone.o
endif
$(O)/tests/fuzz/fuzz_%: $(O)/tests/fuzz/fuzz_%.o $(O)/tests/fuzz/standalone.o $(O)/libsupd.a
	$(CC) $(LDFLAGS) -o $@ $< $(FUZZ_MAIN) $(O)/libsupd.a $(LIBS)
.PRECIOUS: $(O)/%.o

# Which lines the tests of TESTS (unit and sim) run, by folder.
cov: deps-check
	$(MAKE) -s -j$(JOBS) tests-build VARIANT=cov WERROR=$(WERROR)
	find build/cov -name '*.gcda' -delete
	VARIANT=cov GCOV_ERROR_FILE=/dev/null tests/run $(or $(TESTS),unit sim)
	tests/coverage

# The fuzzers for real, each for FUZZ_SECONDS; FUZZ=unit for one of them.
fuzz: deps-check
	$(MAKE) -s -j$(JOBS) fuzz-build VARIANT=fuzz CC=clang WERROR=$(WERROR)
	tests/fuzz/run $(FUZZ)
fuzz-build: $(FUZZ_BIN)

BENCH_BIN := $(patsubst %.c,$(O)/%,$(wildcard tests/bench/*.c))
$(O)/tests/bench/%: $(O)/tests/bench/%.o $(O)/libsupd.a
	$(CC) $(LDFLAGS) -o $@ $< $(O)/libsupd.a $(LIBS)
bench: all $(BENCH_BIN)
	tests/bench/run

# Unit files of Debian packages, fetched by name into build/corpus: each line is answered, and
# what supd loads is what systemd loads.  No part of `make check'.
$(O)/tests/corpus/%: $(O)/tests/corpus/%.o $(O)/libsupd.a
	$(CC) $(LDFLAGS) -o $@ $< $(O)/libsupd.a $(LIBS)
check-corpus: deps-check
	$(MAKE) -s -j$(JOBS) all $(O)/tests/corpus/dump WERROR=$(WERROR)
	SUPD_BUILD=$(CURDIR)/$(O) tests/corpus/run

# Into DESTDIR, below PREFIX; uninstall takes away exactly what install put there.
install: all
	@BUILD=$(O) DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' tools/install-files install
uninstall:
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' tools/install-files uninstall

# build/static/supd and supctl: one file each, for images without a C library.
static: deps-build
	$(MAKE) -s -j$(JOBS) all VARIANT=static

# A storm of random deaths (SEED=, CHAOS_SECONDS=), another one each time.  `make check' has a
# short one; what either finds becomes a test of its own.
chaos: tests-build
	SEED=$(or $(SEED),new) SUPD_BUILD=$(CURDIR)/$(O) tests/chaos/run

# The real agent programs, installed by npm into build/agents, against their profiles; no
# part of `make check'.  AGENTS='claude codex' for some of them.
check-agents: all
	SUPD_BUILD=$(CURDIR)/$(O) tests/agents/run $(AGENTS)

fmt:
	clang-format -i $(shell bash -c '. tests/checks/files.sh && project_files "*.c" "*.h"')
lint: deps-check
	tests/run checks/

clean:
	rm -rf build

-include $(shell find $(O) -name '*.d' 2>/dev/null)
