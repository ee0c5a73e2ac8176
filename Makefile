# One makefile for everything.  Objects go to build/VARIANT/; a new .c file in a known
# folder needs no edit here.
#
#   make            build/supd and build/supctl
#   make run        install what is missing, build, run supd on this folder
#   make check      install what the tests need, run them all
#
# Variants: release (default), debug, asan, fuzz, cov:  make VARIANT=asan

VARIANT ?= release
CC      ?= cc
O       := build/$(VARIANT)
PREFIX  ?= /usr/local
DESTDIR ?=
WERROR  ?=

PKGS     := yajl libbsd-overlay
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
WARN := -Wall -Wextra -Wformat=2 -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla \
	-Wimplicit-fallthrough -Wnull-dereference -Wconversion $(WERROR)
HARDEN := -fstack-protector-strong -fPIE
OPT_release := -O2 -g -D_FORTIFY_SOURCE=2
OPT_debug   := -O0 -g3
OPT_asan    := -O1 -g3 -fsanitize=address,undefined -fno-omit-frame-pointer
OPT_fuzz    := -O1 -g3 -fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer
OPT_cov     := -O0 -g3 --coverage
CPPFLAGS += -D_GNU_SOURCE -Isupervisor -I$(O)/gen
CFLAGS   += -std=c17 $(WARN) $(HARDEN) $(OPT_$(VARIANT))
LDFLAGS  += -pie -Wl,-z,relro,-z,now $(filter -fsanitize% --coverage,$(OPT_$(VARIANT)))
LIBS     := -lev -lyajl -lbsd

LAYERS   := lib proto init logger unit journal manager boot
SRC      := $(foreach l,$(LAYERS),$(shell find supervisor/$(l) -name '*.c' 2>/dev/null))
OBJ      := $(SRC:%.c=$(O)/%.o)
SUPCTL_SRC := $(wildcard tools/supctl/*.c)
SUPCTL_OBJ := $(SUPCTL_SRC:%.c=$(O)/%.o)
# supctl links the layers that it may include, and neither libev nor a role.
SUPCTL_LAYERS := $(filter-out %/loop.o,$(filter $(O)/supervisor/lib/% $(O)/supervisor/unit/% $(O)/supervisor/journal/%,$(OBJ)))

.PHONY: all clean
all: build/supd build/supctl

build/supd build/supctl: build/%: $(O)/% FORCE
	@cmp -s $< $@ || { cp $< $@.new && mv $@.new $@; }
FORCE:

$(O)/supd: $(O)/supervisor/supd.o $(OBJ)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)
$(O)/supctl: $(SUPCTL_OBJ) $(SUPCTL_LAYERS)
	$(CC) $(LDFLAGS) -o $@ $^ -lyajl -lbsd

$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

clean:
	rm -rf build

-include $(shell find $(O) -name '*.d' 2>/dev/null)
