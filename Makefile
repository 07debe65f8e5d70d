# outlive - leak profiler for native Linux programs. `make help` lists what there is.

VERSION := 0.1.0
O	?= build
PREFIX	?= /usr/local
CC	?= cc
NM	?= nm
OBJCOPY ?= objcopy
V	?= 0
DEBUG	?= 0
SAN	?=
T	?=

Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-8s%s\n' '$(1)' '$(2)')

OPT := $(if $(filter 1,$(DEBUG)),-Og -g3 -DOUTLIVE_DEBUG,-O2 -g)
WARN := -Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Wconversion -Wno-sign-conversion -Wwrite-strings -Wformat=2 -Wno-format-nonliteral
COMMON := -std=gnu11 $(OPT) $(WARN) -fno-strict-aliasing -D_GNU_SOURCE -DOUTLIVE_VERSION='"$(VERSION)"' -MMD -MP
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)

# Inside the target: nothing exported but the hooks, no lazy TLS, frame pointers (hooks read their caller's),
# no calls invented by the compiler to functions that we interpose, exceptions may pass through.
PRELOAD_CFLAGS := $(COMMON) -fPIC -fvisibility=hidden -fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc \
	-fno-builtin-free -fexceptions -fasynchronous-unwind-tables -fno-omit-frame-pointer -fno-stack-protector \
	-fno-optimize-sibling-calls -ftls-model=initial-exec
PRELOAD_LDFLAGS := -shared -static-libgcc -Wl,-z,defs,-z,now,-z,relro,-Bsymbolic,--hash-style=gnu \
	-Wl,-soname,liboutlive.so
ANALYZER_CFLAGS := $(COMMON) $(SANFLAGS)
ANALYZER_LIBS := -ldw -lelf -ljansson -lz -lm -lstdc++

PRELOAD_SRC := $(sort $(wildcard preload/*.c))
PRELOAD_ASM := $(sort $(wildcard preload/*.S))
# What unit tests may link: everything but the hooks and what starts them.
PRELOAD_SHELL := $(wildcard preload/hook_*.c preload/real.c preload/init.c)
ANALYZER_SRC := $(sort $(wildcard analyzer/*.c))
UNIT_SRC := $(sort $(wildcard tests/unit/*_test.c))

PRELOAD_OBJ := $(PRELOAD_SRC:%.c=$(O)/obj/%.o) $(PRELOAD_ASM:%.S=$(O)/obj/%.S.o)
PRELOAD_CORE := $(patsubst %.c,$(O)/obj/%.o,$(filter-out $(PRELOAD_SHELL),$(PRELOAD_SRC)))
ANALYZER_OBJ := $(ANALYZER_SRC:%.c=$(O)/obj/%.o)
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(O)/tests/unit/%)
PROG_BIN := $(patsubst tests/progs/%.c,$(O)/tests/progs/%,$(sort $(wildcard tests/progs/*.c))) \
	$(patsubst tests/progs/%.cc,$(O)/tests/progs/%,$(sort $(wildcard tests/progs/*.cc)))

all: $(O)/liboutlive.so $(O)/outlive ## build liboutlive.so and outlive into O (default: build)
build: all

# ---- liboutlive.so ----

$(O)/obj/preload/%.o: preload/%.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(PRELOAD_CFLAGS) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(O)/obj/preload/%.S.o: preload/%.S Makefile
	@mkdir -p $(@D)
	$(call say,AS,$<)
	$(Q)$(CC) -fPIC -MMD -MP -c -o $@ $<

# A private jemalloc: Debian's PIC archive with its symbols, and what it takes from libc, renamed.
JEMALLOC_PIC ?= $(firstword $(wildcard /usr/lib/*/libjemalloc_pic.a /usr/lib/libjemalloc_pic.a))
JEMALLOC_RENAME := malloc calloc realloc free aligned_alloc memalign valloc posix_memalign malloc_usable_size mallocx \
	rallocx xallocx sallocx dallocx sdallocx nallocx mallctl mallctlnametomib mallctlbymib malloc_stats_print \
	malloc_message malloc_conf malloc_conf_2_conf_harder secure_getenv readlink pthread_create mmap munmap madvise \
	open close exp log round
$(O)/libarena.a: Makefile
	@mkdir -p $(O)/obj/jemalloc
	@test -n "$(JEMALLOC_PIC)" || { echo "libjemalloc_pic.a is missing: run scripts/deps" >&2; exit 1; }
	$(call say,RENAME,$(JEMALLOC_PIC))
	$(Q)rm -f $@ $(O)/obj/jemalloc/*.o; cd $(O)/obj/jemalloc && ar x $(JEMALLOC_PIC) && rm -f jemalloc_cpp.pic.o
	$(Q)for s in $(JEMALLOC_RENAME); do echo "$$s ol_$$s"; done > $(O)/obj/jemalloc/rename
	$(Q)for f in $(O)/obj/jemalloc/*.o; do $(OBJCOPY) --redefine-syms=$(O)/obj/jemalloc/rename $$f || exit 1; done
	$(Q)ar rcs $@ $(O)/obj/jemalloc/*.o

# Exports are the rows of hooks.def and nothing else.
$(O)/exports.map: preload/hooks.def scripts/gen_exports.sh
	@mkdir -p $(@D)
	$(Q)scripts/gen_exports.sh preload/hooks.def > $@.tmp && mv $@.tmp $@

$(O)/liboutlive.so: $(PRELOAD_OBJ) $(O)/libarena.a $(O)/exports.map
	$(call say,LINK,$@)
	$(Q)$(CC) $(PRELOAD_LDFLAGS) -Wl,--version-script=$(O)/exports.map $(LDFLAGS) -o $@ $(PRELOAD_OBJ) $(O)/libarena.a

# ---- outlive ----

$(O)/obj/analyzer/%.o: analyzer/%.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ANALYZER_CFLAGS) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(O)/outlive: $(ANALYZER_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(SANFLAGS) $(LDFLAGS) -o $@ $(ANALYZER_OBJ) $(ANALYZER_LIBS)

# ---- tests ----

$(O)/libpreload_core.a: $(PRELOAD_CORE)
	$(Q)rm -f $@ && ar rcs $@ $^
$(O)/libanalyzer.a: $(filter-out %/main.o,$(ANALYZER_OBJ))
	$(Q)rm -f $@ && ar rcs $@ $^

$(O)/tests/unit/%: tests/unit/%.c $(O)/libpreload_core.a $(O)/libanalyzer.a $(O)/libarena.a Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(filter-out -Wmissing-prototypes -Wconversion,$(COMMON)) $(SANFLAGS) -I. -fno-omit-frame-pointer $(CPPFLAGS) $(CFLAGS) -o $@ $< \
		$(O)/libpreload_core.a $(O)/libanalyzer.a $(O)/libarena.a $(ANALYZER_LIBS) -lpthread -ldl

# Programs to be profiled: as users build theirs, without frame pointers.
PROG_CFLAGS := -O1 -g -fomit-frame-pointer -fno-builtin -D_GNU_SOURCE -Wall -MMD -MP -I.
$(O)/tests/progs/%: tests/progs/%.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -std=gnu11 $(PROG_CFLAGS) -o $@ $< -lpthread -ldl
$(O)/tests/progs/%: tests/progs/%.cc Makefile
	@mkdir -p $(@D)
	$(call say,CXX,$<)
	$(Q)$(CXX) -std=c++17 -faligned-new $(PROG_CFLAGS) -o $@ $< -lpthread -ldl

unit: $(UNIT_BIN)
progs: $(PROG_BIN)
objects: $(PRELOAD_OBJ) $(ANALYZER_OBJ)

clean: ## remove O
	rm -rf $(O)

help: ## this list
	@awk -F':.*## ' '/^[a-z_-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  switches: O=DIR DEBUG=1 SAN=address,undefined (analyzer and unit tests) V=1 T=pattern (of tests)"

.PHONY: all build unit progs objects clean help
.DELETE_ON_ERROR:

-include $(PRELOAD_OBJ:.o=.d) $(ANALYZER_OBJ:.o=.d) $(UNIT_BIN:=.d) $(PROG_BIN:=.d)
