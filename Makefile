# outlive - leak profiler for native Linux programs. `make help` lists what there is.

VERSION := 0.1.0
O	?= build
PREFIX	?= /usr/local
CC	?= cc
NM	?= nm
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
# no calls invented by the compiler to functions that we interpose. Exceptions and cancellation pass through by the
# unwind tables alone: code to run on their way would need a personality routine, whose own libgcc is not the unwinder's.
PRELOAD_CFLAGS := $(COMMON) -fPIC -fvisibility=hidden -fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc \
	-fno-builtin-free -fno-exceptions -fasynchronous-unwind-tables -fno-omit-frame-pointer -fno-stack-protector \
	-fno-optimize-sibling-calls -ftls-model=initial-exec -fno-tree-slp-vectorize
# Where each instruction counts, what is seldom is jumped to, and no frame is kept.
$(patsubst %,$(O)/obj/preload/%.o,track_plain predict predict_record stack stack_index stack_memo stack_tree): PRELOAD_CFLAGS += -fomit-frame-pointer -foptimize-sibling-calls
# Small variables lie together, apart from arrays that are all but empty: each page that the start touches costs 2 us
# in each process. (-malign-data is gcc's; clang aligns so anyway.)
PRELOAD_LAYOUT := -fdata-sections $(shell $(CC) -malign-data=abi -E -x c /dev/null > /dev/null 2>&1 && echo -malign-data=abi)
PRELOAD_LDFLAGS := -shared -static-libgcc -Wl,-z,defs,-z,now,-z,relro,-Bsymbolic,--hash-style=gnu \
	-Wl,--sort-section=alignment -Wl,-soname,liboutlive.so
ANALYZER_CFLAGS := $(COMMON) $(SANFLAGS)
ANALYZER_LIBS := -ldw -lelf -ljansson -lz -liberty -lmicrohttpd -lncursesw -ltinfo -lm

PRELOAD_SRC := $(sort $(wildcard preload/*.c))
PRELOAD_ASM := $(sort $(wildcard preload/*.S))
# What unit tests may link: everything but the hooks and what starts them.
PRELOAD_SHELL := $(wildcard preload/hook_*.c preload/real.c preload/init.c)
ANALYZER_SRC := $(sort $(wildcard analyzer/*.c))
ANALYZER_ASM := $(sort $(wildcard analyzer/*.S))
UNIT_SRC := $(sort $(wildcard tests/unit/*_test.c))

PRELOAD_OBJ := $(PRELOAD_SRC:%.c=$(O)/obj/%.o) $(PRELOAD_ASM:%.S=$(O)/obj/%.S.o)
PRELOAD_CORE := $(patsubst %.c,$(O)/obj/%.o,$(filter-out $(PRELOAD_SHELL),$(PRELOAD_SRC))) \
	$(patsubst %.S,$(O)/obj/%.S.o,$(filter-out preload/hook_%,$(PRELOAD_ASM)))
ANALYZER_OBJ := $(ANALYZER_SRC:%.c=$(O)/obj/%.o) $(ANALYZER_ASM:%.S=$(O)/obj/%.S.o)
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(O)/tests/unit/%)
PROG_BIN := $(patsubst tests/progs/%.c,$(O)/tests/progs/%,$(filter-out %_so.c,$(sort $(wildcard tests/progs/*.c)))) \
	$(patsubst tests/progs/%.c,$(O)/tests/progs/%.so,$(sort $(wildcard tests/progs/*_so.c))) \
	$(patsubst tests/progs/%.cc,$(O)/tests/progs/%,$(sort $(wildcard tests/progs/*.cc)))

all: $(O)/liboutlive.so $(O)/outlive ## build liboutlive.so and outlive into O (default: build)
build: all

# ---- liboutlive.so ----

$(O)/obj/preload/%.o: preload/%.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(PRELOAD_CFLAGS) $(PRELOAD_LAYOUT) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(O)/obj/preload/%.S.o: preload/%.S Makefile
	@mkdir -p $(@D)
	$(call say,AS,$<)
	$(Q)$(CC) -fPIC -MMD -MP -c -o $@ $<

# Exports are the rows of hooks.def and nothing else.
$(O)/exports.map: preload/hooks.def scripts/gen_exports.sh
	@mkdir -p $(@D)
	$(Q)scripts/gen_exports.sh preload/hooks.def > $@.tmp && mv $@.tmp $@

$(O)/liboutlive.so: $(PRELOAD_OBJ) $(O)/exports.map
	$(call say,LINK,$@)
	$(Q)$(CC) $(PRELOAD_LDFLAGS) -Wl,--version-script=$(O)/exports.map $(LDFLAGS) -o $@ $(PRELOAD_OBJ)

# ---- outlive ----

$(O)/obj/analyzer/%.o: analyzer/%.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ANALYZER_CFLAGS) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# A report's page, which is embedded as it is.
$(O)/obj/analyzer/%.S.o: analyzer/%.S $(wildcard analyzer/report/*) Makefile
	@mkdir -p $(@D)
	$(call say,AS,$<)
	$(Q)$(CC) -c -o $@ $<

$(O)/outlive: $(ANALYZER_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(SANFLAGS) $(LDFLAGS) -o $@ $(ANALYZER_OBJ) $(ANALYZER_LIBS)

# ---- tests ----

$(O)/libpreload_core.a: $(PRELOAD_CORE)
	$(Q)rm -f $@ && ar rcs $@ $^
$(O)/libanalyzer.a: $(filter-out %/main.o,$(ANALYZER_OBJ))
	$(Q)rm -f $@ && ar rcs $@ $^

# The second opinion of the unwinder's tests; never in liboutlive.so.
$(O)/tests/unit/stack%: UNIT_LIBS := -lunwind
$(O)/tests/unit/%: tests/unit/%.c $(O)/libpreload_core.a $(O)/libanalyzer.a Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(filter-out -Wmissing-prototypes -Wconversion,$(COMMON)) -Wno-unknown-attributes $(SANFLAGS) -I. -fno-omit-frame-pointer $(CPPFLAGS) $(CFLAGS) -o $@ $< \
		$(O)/libpreload_core.a $(O)/libanalyzer.a $(ANALYZER_LIBS) $(UNIT_LIBS) -lpthread -ldl

# Programs to be profiled, *_so.c libraries that they open: as users build theirs, without frame pointers.
PROG_CFLAGS := -O1 -g -fomit-frame-pointer -fno-builtin -D_GNU_SOURCE -Wall -MMD -MP -I.
$(O)/tests/progs/%_omp: PROG_CFLAGS += -fopenmp
$(O)/tests/progs/%: tests/progs/%.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -std=gnu11 $(PROG_CFLAGS) -o $@ $< $(PROG_LIBS) -lpthread -ldl
$(O)/tests/progs/family_jemalloc: PROG_LIBS := -ljemalloc
$(O)/tests/progs/family_tcmalloc: PROG_LIBS := -ltcmalloc_minimal
$(O)/tests/progs/family_mimalloc: PROG_LIBS := -Wl,-z,now -lmimalloc
$(O)/tests/progs/%.so: tests/progs/%.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -std=gnu11 $(PROG_CFLAGS) -fPIC -shared -o $@ $<
$(O)/tests/progs/%: tests/progs/%.cc Makefile
	@mkdir -p $(@D)
	$(call say,CXX,$<)
	$(Q)$(CXX) -std=c++17 -faligned-new -fsized-deallocation $(PROG_CFLAGS) -o $@ $< -lpthread -ldl

unit: $(UNIT_BIN)
progs: $(PROG_BIN)
objects: $(PRELOAD_OBJ) $(ANALYZER_OBJ)

# deps may install headers and archives that the rules above look for, so what needs them is a make of its own.
test: ## unit tests (again under sanitizers) and end-to-end tests; T=pattern picks by name
	$(Q)scripts/deps build test browser adapters
	$(Q)$(MAKE) --no-print-directory all unit progs
	$(Q)$(MAKE) --no-print-directory O=$(O)/san SAN=address,undefined outlive-san unit
	$(Q)$(MAKE) --no-print-directory race-bins
	$(Q)tests/run.sh $(O) '$(T)'
outlive-san: $(O)/outlive

# The tables' own tests, the tables included, under the thread sanitizer, which wants their addresses elsewhere.
RACE := live_test live_growth_test context_test track_test lifetimes_test stack_tree_test
race-bins:
	$(Q)$(MAKE) --no-print-directory O=$(O)/race CFLAGS='-fsanitize=thread -Wno-tsan' \
		CPPFLAGS='-DOWN_BASE=0x7e9000000000ul -DOWN_END=0x7ea000000000ul -DSYS_FIXED=0x7ea000000000ul' $(RACE:%=$(O)/race/tests/unit/%)
race: race-bins ## races in the tables: their unit tests under the thread sanitizer, which find those that we plant
	$(Q)prove $(RACE:%=$(O)/race/tests/unit/%)
	$(Q)tests/race/planted.sh $(O)

check: ## structure: exports, layers, sizes, format, lint, clang build; fails where a tool is missing and CI=true
	$(Q)scripts/deps build check
	$(Q)$(MAKE) --no-print-directory all unit progs compile_commands.json
	$(Q)scripts/check/run.sh $(O)

# The library with a comparison around its unwinder.
$(O)/tests/exact/libexact.so: tests/exact/compare.c $(PRELOAD_OBJ) $(O)/exports.map Makefile
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(PRELOAD_CFLAGS) -I. $(CPPFLAGS) $(CFLAGS) $(PRELOAD_LDFLAGS) -Wl,--version-script=$(O)/exports.map \
		-Wl,--wrap=stack_capture -Wl,--wrap=track_alloc_plain -Wl,--wrap=track_alloc_guessed $(LDFLAGS) -o $@ $< $(PRELOAD_OBJ)
exact: ## hold every stack captured inside real programs, ten million, against libunwind's; T=program
	$(Q)scripts/deps build test
	$(Q)$(MAKE) --no-print-directory all $(O)/tests/exact/libexact.so
	$(Q)tests/exact/run.sh $(O) '$(T)'

demo: ## watch a real redis-server grow, and see why: under a minute
	$(Q)scripts/deps build demo
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/demo/demo.sh $(O)

test-matrix: ## run Debian's programs plain and profiled; output and status must be equal
	$(Q)scripts/deps build test matrix
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/matrix/run.sh $(O) '$(T)'
	$(Q)prove -e 'timeout 900 sh' tests/matrix/unseen.sh :: $(O) '$(T)'

test-portability: ## build with clang, gcc -O0 and -O3 -flto, in ROOTFS=DIR, for aarch64 with SYSROOT=DIR; core tests; T=variant
	$(Q)scripts/deps build test check $(if $(SYSROOT),cross)
	$(Q)ROOTFS='$(ROOTFS)' SYSROOT='$(SYSROOT)' tests/portability/run.sh $(O)/portability '$(T)'

bench: ## CPU and memory against native and other profilers: table, O/bench.json, O/bench.svg; QUICK=1 RUNS=5 T=workload
	$(Q)scripts/deps build bench
	$(Q)$(MAKE) --no-print-directory all bench-progs
	$(Q)/usr/bin/python3 tests/bench/bench.py --build $(O) --runs $(RUNS) --only '$(T)' $(if $(filter 1,$(QUICK)),--quick) \
		--json $(O)/bench.json --chart $(O)/bench.svg
BENCH_BIN := $(patsubst tests/bench/%.c,$(O)/tests/bench/%,$(sort $(wildcard tests/bench/*.c)))
# The allocation-bound program also with frame pointers, and with LeakSanitizer, which needs them for whole stacks.
BENCH_BIN += $(O)/tests/bench/alloc_bound_fp $(O)/tests/bench/alloc_bound_lsan
bench-progs: $(BENCH_BIN)
$(O)/tests/bench/alloc_bound_fp: BENCH_FLAGS := -fno-omit-frame-pointer
$(O)/tests/bench/alloc_bound_lsan: BENCH_FLAGS := -fno-omit-frame-pointer -fsanitize=leak
$(O)/tests/bench/alloc_bound_fp $(O)/tests/bench/alloc_bound_lsan: tests/bench/alloc_bound.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) -O2 -g -D_GNU_SOURCE -Wall -MMD -MP $(BENCH_FLAGS) -o $@ $< -lpthread
$(O)/tests/bench/%: tests/bench/%.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -O2 -g -D_GNU_SOURCE -Wall -MMD -MP -o $@ $< -lpthread
$(O)/tests/bench/live_bench $(O)/tests/bench/stop_bench: $(O)/tests/bench/%: tests/bench/%.c $(O)/libpreload_core.a Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -O2 -g -D_GNU_SOURCE -Wall -MMD -MP -I. -o $@ $< $(O)/libpreload_core.a -lpthread -ldl
RUNS ?= 5

soak: ## mixed load for SOAK_MINUTES (2): exact counts to the end, outlive's own memory flat
	$(Q)scripts/deps build test
	$(Q)$(MAKE) --no-print-directory all progs
	$(Q)tests/soak/soak.sh $(O) $(SOAK_MINUTES)
SOAK_MINUTES ?= 2

# The code under test is compiled with clang's coverage feedback into a build folder of its own.
fuzz: ## feed hostile input to the parsers for FUZZ_SECONDS (60) each
	$(Q)scripts/deps build check
	$(Q)$(MAKE) --no-print-directory all progs
	$(Q)$(MAKE) --no-print-directory O=$(O)/fuzz CC=clang CXX=clang++ SAN=fuzzer-no-link,address,undefined fuzz-bins
	$(Q)tests/fuzz/run.sh $(O) $(FUZZ_SECONDS) '$(T)'
FUZZ_SECONDS ?= 60
# Of what runs in the target, the readers that a fuzzer of their own feeds.
ifneq ($(findstring fuzzer,$(SAN)),)
$(O)/obj/preload/cfi%.o $(O)/obj/preload/options.o: PRELOAD_CFLAGS += $(SANFLAGS)
endif
FUZZ_BIN := $(patsubst tests/fuzz/%.c,$(O)/tests/fuzz/%,$(sort $(wildcard tests/fuzz/*_fuzz.c)))
fuzz-bins: $(FUZZ_BIN)
$(O)/tests/fuzz/%: tests/fuzz/%.c $(O)/libpreload_core.a $(O)/libanalyzer.a Makefile
	@mkdir -p $(@D)
	$(call say,FUZZ,$<)
	$(Q)$(CC) $(filter-out -Wmissing-prototypes -Wconversion,$(COMMON)) -fsanitize=fuzzer,address,undefined -I. -o $@ $< \
		$(O)/libanalyzer.a $(O)/libpreload_core.a $(ANALYZER_LIBS) -lpthread -ldl

# ---- source ----

C_FILES := $(sort $(wildcard preload/*.[ch] scripts/adapters/*.h analyzer/*.[ch] tests/*/*.[ch] tests/*/*.cc))
format: ## clang-format every C file in place
	$(Q)clang-format-14 -i $(C_FILES)
format-check: ## fail where clang-format would change something
	$(Q)scripts/check/run.sh $(O) format
lint: compile_commands.json ## clang-tidy and cppcheck
	$(Q)scripts/check/run.sh $(O) lint

# From the very variables that compile the sources.
compile_commands.json: export CC_PRELOAD = $(CC) $(PRELOAD_CFLAGS)
compile_commands.json: export CC_ANALYZER = $(CC) $(COMMON)
compile_commands.json: export CC_UNIT = $(CC) $(filter-out -Wconversion,$(COMMON)) -I.
compile_commands.json: Makefile scripts/compile_commands.sh $(PRELOAD_SRC) $(ANALYZER_SRC) $(UNIT_SRC) ## for editors and clang-tidy
	@scripts/compile_commands.sh $(PRELOAD_SRC) $(ANALYZER_SRC) $(UNIT_SRC) > $@.tmp && mv $@.tmp $@

# ---- install ----

docs: all ## manual pages and completions, from --help and preload/format.h, into O/man and O/completions
	$(Q)scripts/gen_man.sh $(O)/outlive $(VERSION) $(O)/man
	$(Q)scripts/gen_completions.sh $(O)/outlive $(O)/completions

# from:to:mode
INSTALLS := outlive:bin/outlive:755 liboutlive.so:lib/liboutlive.so:755 man/outlive.1:share/man/man1/outlive.1:644 \
	man/outlive-snapshot.5:share/man/man5/outlive-snapshot.5:644 man/liboutlive.so.7:share/man/man7/liboutlive.so.7:644 \
	completions/outlive.bash:share/bash-completion/completions/outlive:644 \
	completions/_outlive:share/zsh/site-functions/_outlive:644 \
	completions/outlive.fish:share/fish/vendor_completions.d/outlive.fish:644
part = $(word $(1),$(subst :, ,$(2)))
INTO := $(DESTDIR)$(PREFIX)
# As they are in the source; headers beside outlive.h, for they include it.
HEADERS := preload/outlive.h $(sort $(wildcard scripts/adapters/*.h))
ADAPTERS := scripts/adapters/outlive.cmake scripts/adapters/outlive_pytest.py
install: docs ## into $(DESTDIR)$(PREFIX): bin/outlive, lib/liboutlive.so, include/outlive.h, manual pages, completions
	$(foreach i,$(INSTALLS),install -D -m $(call part,3,$(i)) $(O)/$(call part,1,$(i)) $(INTO)/$(call part,2,$(i)) &&) \
	install -D -m 644 -t $(INTO)/include $(HEADERS) && install -D -m 644 -t $(INTO)/share/outlive $(ADAPTERS)
uninstall: ## remove what install put there
	rm -f $(foreach i,$(INSTALLS),$(INTO)/$(call part,2,$(i))) $(addprefix $(INTO)/include/,$(notdir $(HEADERS))) $(addprefix $(INTO)/share/outlive/,$(notdir $(ADAPTERS)))

clean: ## remove O
	rm -rf $(O) compile_commands.json

help: ## this list
	@echo 'outlive: a leak profiler for native Linux programs'
	@awk -F' *## ' '/^[a-z_.-]+:.*## /{sub(/:.*/, "", $$1); printf "  make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo '  switches: O=DIR (build)  DEBUG=1  SAN=address,undefined (analyzer, unit tests)  V=1  T=pattern  PREFIX= DESTDIR='

.PHONY: all build unit progs objects test outlive-san race race-bins check exact demo test-matrix test-portability bench bench-progs soak fuzz fuzz-bins \
	format format-check lint docs install uninstall clean help
.DELETE_ON_ERROR:

-include $(PRELOAD_OBJ:.o=.d) $(ANALYZER_OBJ:.o=.d) $(UNIT_BIN:=.d) $(PROG_BIN:=.d) $(BENCH_BIN:=.d) $(FUZZ_BIN:=.d)
