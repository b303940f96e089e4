# gwt - the header needs no build; this makes the command `gwt`, the examples and the tests.
# `make help` lists what there is. Needs GNU make.

config ?= release
configs := release debug sanitize tsan

ifeq ($(filter $(config),$(configs)),)
$(error config=$(config) is unknown: one of $(configs))
endif

ifeq ($(origin CC),default)
CC := cc
endif
ifeq ($(origin CXX),default)
CXX := $(if $(findstring clang,$(CC)),clang++,c++)
endif

# cc by another name, such as gcc on most Linux systems, is cc: nothing is built twice.
program_of = $(shell readlink -f "$$(command -v $(1))" 2>/dev/null)
ifeq ($(words $(CC)),1)
ifeq ($(or $(call program_of,$(CC)),none),$(call program_of,cc))
override CC := cc
endif
endif

# Builds do not mix: one folder for each config, and for each compiler but the default one.
compiler := $(notdir $(firstword $(CC)))
B := build/$(config)$(if $(filter-out cc,$(compiler)),-$(compiler))

# ---- flags ---------------------------------------------------------------------------------------

flags_release  := -O3
flags_debug    := -O0 -g
flags_sanitize := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
                  -fno-sanitize-recover=all
flags_tsan     := -O1 -g -fsanitize=thread -DGWT_PTHREADS

# What POSIX alone has is too little for the tools; Apple's sanitizer knows no leaks.
leaks := 1
ifeq ($(shell uname -s),Darwin)
system := -D_DARWIN_C_SOURCE
leaks  := 0
endif

warnings := -Wall -Wextra -pedantic $(if $(filter 1,$(WERROR)),-Werror)

# PROJ names what a file has only the code of, in gwt info. PROJ= builds without.
PROJ ?= $(shell pkg-config --exists proj 2>/dev/null && echo 1)

# Asked for when a recipe runs, not before: `make deps test` installs the libraries first.
tiff_cflags   = $(shell pkg-config --cflags libtiff-4 zlib 2>/dev/null)
tiff_libs     = $(shell pkg-config --libs libtiff-4 2>/dev/null || echo -ltiff) \
                $(shell pkg-config --libs zlib 2>/dev/null || echo -lz)
proj_cflags   = $(if $(PROJ),-DGWT_WITH_PROJ $(shell pkg-config --cflags proj))
proj_libs     = $(if $(PROJ),$(shell pkg-config --libs proj))
cmocka_cflags = $(shell pkg-config --cflags cmocka 2>/dev/null)
cmocka_libs   = $(shell pkg-config --libs cmocka 2>/dev/null || echo -lcmocka)

PREFIX ?= /usr/local
places = $(foreach v,BINDIR INCLUDEDIR LIBDIR DATADIR MANDIR,$(if $($(v)),$(v)='$($(v))'))

compile_flags = -std=c11 $(warnings) $(flags_$(config)) $(system) -pthread $(tiff_cflags) $(cmocka_cflags) \
                $(CPPFLAGS) $(CFLAGS)
libs          = $(LDFLAGS) $(tiff_libs) -lm -pthread $(LDLIBS)

# The first finding of a sanitizer ends the program, and so the test.
export ASAN_OPTIONS  ?= halt_on_error=1:detect_leaks=$(leaks):allocator_may_return_null=1
export UBSAN_OPTIONS ?= halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS  ?= halt_on_error=1:second_deadlock_stack=1

# ThreadSanitizer can't map its shadow where the kernel randomises many address bits: run without
# randomisation, where that is allowed. What the runner starts inherits that.
ifeq ($(config),tsan)
runner := $(shell setarch $$(uname -m) -R true 2>/dev/null && echo "setarch $$(uname -m) -R")
endif

# ---- what there is to build ----------------------------------------------------------------------

objects     = $(patsubst %.c,$(B)/%.o,$(wildcard $(1)))
gwt_parts  := $(call objects,tools/cli/*.c tools/report/*.c tools/json.c)
bench_objs := $(addprefix $(B)/tools/bench/,bench.o parts.o scale.o measure.o peers.o)
measured   := $(addprefix $(B)/,floor tasks ndi ndi-noprofile ranks-sim bench)
examples   := $(patsubst %.c,$(B)/%,$(filter-out examples/distributed.c,$(wildcard examples/*.c)))
ranks      := $(B)/examples/distributed $(B)/tests/mpi_api $(B)/tests/mpi_batches
tests      := $(patsubst %.c,$(B)/%,$(wildcard tests/test_*.c))
checks     := $(patsubst %,$(B)/%.o,$(wildcard tests/header_*.c tests/header_*.cc tests/options_*.c)) \
              $(B)/tests/refused $(B)/tests/refused_machines
headers    := gwt.h $(wildcard tools/*.h tools/*/*.h tests/*.h)
scripts    := $(wildcard tests/test_*.sh)
tested     := $(addprefix $(B)/,gwt gwt-plain make_scene tests/header_two)
ifeq ($(config),tsan)
# What the others compare has nothing to do with threads, or is done by these too.
scripts    := $(patsubst %,tests/test_%.sh,cli report resume tune zonal)
tested     := $(filter-out %/gwt-plain,$(tested))
endif
first      := $(filter deps deps-ci deps-mpi,$(MAKECMDGOALS))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: help all deps deps-ci deps-mpi mpi mpi-test demo test interop oracle same-everywhere weigh \
        report-check bench bench-peers pages install uninstall shared install-test package-test dist folder clean FORCE

all: $(checks) $(B)/gwt $(B)/make_scene $(measured) $(examples) pages ## build the command gwt, tools and examples; check the header

# Holds the flags of the last build; everything is made again when they change. Installing comes
# before anything is compiled, with -j too.
$(B)/flags: FORCE | $(first)
	@mkdir -p $(@D)
	@echo '$(CC) $(CXX) $(compile_flags) $(libs) $(proj_libs)' | cmp -s - $@ || \
	    echo '$(CC) $(CXX) $(compile_flags) $(libs) $(proj_libs)' > $@

# What a target may have of its own: another compiler around $(CC), flags, and libraries.
cc      = $(CC)
variant =
with    =

$(B)/%.o: %.c $(headers) $(B)/flags
	@mkdir -p $(@D)
	$(cc) $(compile_flags) $(variant) -c -o $@ $<

# ---- the implementation --------------------------------------------------------------------------

# It takes most of the time there is to compile: once for each of its configurations, the default
# one for all that needs no other.
#   plain      without loops for newer processors: its output must have the same bytes
#   gnu        as gcc and clang compile when they are not asked for C11, for a processor with a fused
#              multiply-add: its output must have the same bytes, too
#   noprofile  without the profiler, to see what it costs when it is there and off
#   mpi        for the ranks of an MPI job: MPI's compiler around ours
# tests/impl_faults.c is one more, in which calls fail; tests/mpi_scarce.c, tests/test_walk.c,
# tests/test_open.c and tests/test_images.c have one within.
march := $(if $(filter x86_64,$(shell uname -m)),-march=haswell)
mpicc  = OMPI_CC='$(CC)' MPICH_CC='$(CC)' mpicc

impls := $(B)/impl.o $(addprefix $(B)/impl-,plain.o gnu.o noprofile.o mpi.o)
$(B)/impl-plain.o:     variant = -DGWT_PLAIN
$(B)/impl-gnu.o:       variant = -std=gnu11 $(march)
$(B)/impl-noprofile.o: variant = -DGWT_NO_PROFILE
$(B)/impl-mpi.o:       variant = -DGWT_MPI
$(B)/impl-mpi.o $(addprefix $(B)/tests/mpi_,api.o batches.o scarce.o): cc = $(mpicc)
$(B)/tests/mpi_scarce.o $(B)/tests/test_images.o $(B)/tests/test_open.o: variant = -O0

$(impls): tools/impl.c gwt.h $(B)/flags
	$(cc) $(compile_flags) $(variant) -c -o $@ $<

# A user compiles these with the implementation within (.ci/run does that to the examples).
within := $(patsubst %.c,$(B)/%.o,$(wildcard examples/*.c) tools/bench/ndi.c tools/bench/tasks.c)
$(within): variant = -DGWT_IMPLEMENTED

# Plain loops over whole scenes, in one thread, take most of these programs' time: nothing for
# ThreadSanitizer to see.
ifeq ($(config),tsan)
$(B)/tests/test_golden.o $(B)/tests/test_golden_arrays.o: variant = -O2 -fno-sanitize=thread
endif

# ---- other objects -------------------------------------------------------------------------------

# What a report brings along, as C.
embedded := tools/report/report.css tools/report/report.js
$(B)/report_page.h: tools/report/embed.sh $(embedded) $(B)/flags
	sh $< $(embedded) > $@

$(B)/tools/report/page.o: variant = -I$(B)
$(B)/tools/report/page.o: $(B)/report_page.h

# In an MPI job one rank speaks for all.
$(B)/tools/cli/gwt-mpi.o: tools/cli/gwt.c $(headers) $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(compile_flags) -DGWT_MPI -c -o $@ $<

# These know nothing of gwt.h.
$(B)/tools/make_scene.o $(B)/tools/bench/floor.o $(B)/tools/bench/ranks.o $(bench_objs): $(B)/%.o: %.c tools/bench/bench.h $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(compile_flags) -c -o $@ $<

# ---- programs ------------------------------------------------------------------------------------

$(B)/tools/cli/about.o: variant = $(proj_cflags)
$(addprefix $(B)/gwt,-plain -gnu -mpi) $(B)/gwt: with = $(proj_libs)
$(B)/gwt:           $(gwt_parts) $(B)/impl.o
$(B)/gwt-plain:     $(gwt_parts) $(B)/impl-plain.o
$(B)/gwt-gnu:       $(gwt_parts) $(B)/impl-gnu.o
$(B)/gwt-mpi:       $(gwt_parts:%/gwt.o=%/gwt-mpi.o) $(B)/impl-mpi.o
$(B)/make_scene:    $(B)/tools/make_scene.o
$(B)/bench:         $(bench_objs)
$(B)/floor:         $(B)/tools/bench/floor.o
$(B)/ranks-sim:     $(B)/tools/bench/ranks.o
$(B)/ndi:           $(B)/tools/bench/ndi.o $(B)/impl.o
$(B)/ndi-noprofile: $(B)/tools/bench/ndi.o $(B)/impl-noprofile.o
$(B)/tasks:         $(B)/tools/bench/tasks.o $(B)/impl.o
$(B)/tests/header_two: $(B)/tests/header_two_a.c.o $(B)/tests/header_two_b.c.o
$(B)/tests/big_endian: $(B)/tests/big_endian.o
$(B)/tests/test_faults: $(B)/tests/impl_faults.o
$(filter-out $(addprefix %/test_,faults walk images open),$(tests)): $(B)/impl.o
$(tests): %: %.o $(B)/tests/support.o
$(tests): with = $(cmocka_libs)
$(examples): %: %.o $(B)/impl.o
$(ranks): %: %.o $(B)/impl-mpi.o
$(B)/tests/mpi_scarce: $(B)/tests/mpi_scarce.o
$(B)/gwt-mpi $(ranks) $(B)/tests/mpi_scarce: cc = $(mpicc)

$(addprefix $(B)/,gwt gwt-plain gwt-gnu gwt-mpi make_scene) $(measured) $(tests) $(examples) $(ranks) $(B)/tests/mpi_scarce \
$(B)/tests/header_two $(B)/tests/big_endian:
	$(cc) $(flags_$(config)) -o $@ $^ $(with) $(libs)

# ---- the library ---------------------------------------------------------------------------------

# Before 1.0 a minor version may change what programs are compiled with: the name has both numbers.
number  = $(shell sed -n 's/^\#define GWT_VERSION_$(1) //p' gwt.h)
minor   = $(call number,MAJOR).$(call number,MINOR)
version = $(minor).$(call number,PATCH)
ifeq ($(shell uname -s),Darwin)
named   = -dynamiclib -install_name $(or $(LIBDIR),$(PREFIX)/lib)/libgwt.so.$(minor)
else
named   = -shared -Wl,-soname,libgwt.so.$(minor) -Wl,--no-undefined
endif

$(B)/shared.o: tools/shared.c gwt.h $(B)/flags
	$(CC) $(compile_flags) -fPIC -fvisibility=hidden -c -o $@ $<

$(B)/libgwt.so: $(B)/shared.o
	$(CC) $(flags_$(config)) $(named) -o $(B)/libgwt.so.$(version) $< $(libs)
	ln -sf libgwt.so.$(version) $(B)/libgwt.so.$(minor)
	ln -sf libgwt.so.$(minor) $@

# ---- the header as others see it -----------------------------------------------------------------

# No warning is allowed, in C11 or in C++17. Not optimised: what is
# seen then only is seen in the tools.
$(B)/%.c.o: %.c $(headers) $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(compile_flags) -U_FORTIFY_SOURCE -O0 -Wconversion -Werror -c -o $@ $<

$(B)/%.cc.o: %.cc $(headers) $(B)/flags
	@mkdir -p $(@D)
	$(CXX) -std=c++17 -Wall -Wextra -pedantic -Wconversion -Werror $(flags_$(config)) $(CPPFLAGS) -c -o $@ $<

# Where gwt_some(255) is wanted 255 is refused, even by a compiler that was not asked for warnings;
# 0, which is a value of a pointer, by one that was.
refused = $(CC) -std=c11 $(system) $(tiff_cflags) $(CPPFLAGS) -Werror -fsyntax-only
$(B)/tests/refused: tests/refused.c gwt.h $(B)/flags
	@mkdir -p $(@D)
	$(refused) -Wall -Wextra -pedantic $<
	@for n in 255 1e-4 NAN '0 -Wall' '0.0 -Wall' 'NULL -Wall' 'false -Wall'; do \
	    if $(refused) -DNUMBER=$$n $< 2>/dev/null; then echo "$<: .nodata = $$n"; exit 1; fi; \
	done
	@if $(refused) -Wall '-DNUMBER_OF_BANDS="3"' $< 2>/dev/null; then echo "$<: %d of a text"; exit 1; fi
	@touch $@

# So are machines that would go wrong in silence.
$(B)/tests/refused_machines: tests/refused_machines.c gwt.h $(B)/flags
	@mkdir -p $(@D)
	$(refused) $<
	$(refused) -DFLOAT_IN_DOUBLE $<
	$(refused) -DX87 -DGWT_EXCESS_PRECISION $<
	@for m in OLD_LIBTIFF X87 UNKNOWN_PRECISION __FAST_MATH__ __ASSOCIATIVE_MATH__ \
	    __RECIPROCAL_MATH__ __NO_SIGNED_ZEROS__; do \
	    if $(refused) -D$$m $< 2>/dev/null; then echo "$<: $$m"; exit 1; fi; \
	done
	@if ! $(CXX) -x c++ -fsyntax-only $< 2>&1 | grep -q 'compile it in a file of its own, as C'; \
	    then echo "$<: C++ is not told to be C"; exit 1; fi
	@if $(CC) -x c -O1 -fsanitize=thread $(tiff_cflags) -E -dM $< | grep '_GWT_LOOP.*clones'; \
	    then echo "$<: clones under a sanitizer"; exit 1; fi
	@touch $@

# ---- what there is to do -------------------------------------------------------------------------

help: ## this list
	@echo 'make [TARGET..] [config=$(config)] [CC=$(CC)] [WERROR=1]'
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | \
	    awk -F'|' '{ printf "  %-15s %s\n", $$1, $$2 }'
	@echo
	@echo '  config    release (-O3), debug, sanitize (address, undefined) or tsan (threads);'
	@echo '            each in a folder of its own, build/CONFIG'
	@echo '  CC        another compiler, e.g. clang: build/CONFIG-clang'

deps: ## install libtiff, zlib, a C compiler and cmocka through apt-get, dnf or brew
	@sh tools/deps.sh

deps-ci: deps ## install clang, rasterio, GDAL and a browser too, for the checks that compare
	@sh tools/deps.sh ci

deps-mpi: deps ## install Open MPI, for several machines
	@sh tools/deps.sh mpi

mpi: $(B)/gwt-mpi $(B)/examples/distributed ## build gwt-mpi, the command for mpirun, and its example

mpi-test: $(B)/gwt $(B)/make_scene ## the same on 1 to 4 ranks (make deps-mpi)
	@if command -v mpicc >/dev/null && command -v mpirun >/dev/null; then \
	    $(MAKE) mpi pages $(ranks) $(B)/tests/mpi_scarce && GWT=$(B)/gwt GWT_MPI=$(B)/gwt-mpi \
	    DISTRIBUTED=$(B)/examples/distributed MPI_API=$(B)/tests/mpi_api MPI_SCARCE=$(B)/tests/mpi_scarce \
	    MPI_BATCHES=$(B)/tests/mpi_batches \
	    MAKE_SCENE=$(B)/make_scene sh tests/mpi.sh; else \
	    echo 'SKIPPED: 1 - the ranks of an MPI job (no mpicc or mpirun: make deps-mpi)'; \
	    echo '0 passed, 0 failed, 1 skipped'; fi

pages: $(B)/share/gwt.fish # of the manual; and completions: the last that is made of them

$(B)/share/gwt.fish: tools/install/pages.sh $(B)/gwt gwt.h
	@sh $< $(B)/gwt $(B)/share

shared: $(B)/libgwt.so ## build libgwt.so, for bindings and programs that do not compile the header

install: ## install what is built: PREFIX=/usr/local DESTDIR=
	@B=$(B) PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' $(places) sh tools/install/install.sh install

uninstall: ## take it away again
	@B=$(B) PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' $(places) sh tools/install/install.sh uninstall

install-test: all shared ## install for a while, and build programs with that
	@GWT=$(B)/gwt MAKE='$(MAKE)' B=$(B) CC='$(CC)' CXX='$(CXX)' MAKE_SCENE=$(B)/make_scene sh tests/install.sh

package-test: $(B)/gwt $(B)/make_scene ## the tarball and the packages made of it
	@GWT=$(B)/gwt MAKE='$(MAKE)' CC='$(CC)' MAKE_SCENE=$(B)/make_scene sh tests/packages.sh

dist: ## the sources as gwt-VERSION.tar.gz, in build/
	@sh tools/install/dist.sh $(version) build

demo: $(B)/make_scene $(B)/gwt $(B)/examples/norm_diff ## make a scene, compute an index, show what came out
	@sh tools/demo.sh $(B) build/demo

# Not with what is only measured: `all` builds that.
test: $(checks) $(tested) $(examples) $(tests) ## run all tests
	@$(runner) $(B)/tests/header_two
	@GWT=$(B)/gwt GWT_PLAIN=$(B)/gwt-plain MAKE_SCENE=$(B)/make_scene $(runner) sh tests/run.sh $(tests) $(scripts)

same-everywhere: $(B)/gwt $(B)/make_scene $(B)/tests/big_endian ## the same bytes from other compilers and processors (make deps-ci)
	@MAKE='$(MAKE)' GWT=$(B)/gwt MAKE_SCENE=$(B)/make_scene BIG_ENDIAN=$(B)/tests/big_endian \
	    sh tests/same_everywhere.sh

interop: $(B)/gwt $(B)/make_scene ## compare with rasterio and GDAL (make deps-ci)
	@GWT=$(B)/gwt MAKE_SCENE=$(B)/make_scene $(python) tests/interop.py

oracle: $(B)/gwt ## compare expressions with numpy (make deps-ci)
	@GWT=$(B)/gwt $(python) tests/oracle.py

report-check: $(B)/gwt ## open the page of gwt visualize in a browser (make deps-ci)
	@if command -v node >/dev/null; then GWT=$(B)/gwt node tests/report_browser.js; else \
	    echo 'SKIPPED: 1 - the report in a browser (no node: make deps-ci)'; \
	    echo '0 passed, 0 failed, 1 skipped'; fi

# Text is exact: more than the limit fails. Seconds are not: only four times as many as aimed at
# fail.
weigh: ## how long the implementation takes to compile at -O3, and its text: by gcc, by clang
	@mkdir -p build
	@for c in gcc clang; do \
	    command -v $$c >/dev/null || { echo "SKIPPED: 1 - $$c"; continue; }; \
	    sh tests/weigh.sh $$c -std=c11 -O3 $(system) -pthread $(tiff_cflags) $(CPPFLAGS) || exit 1; \
	done

bench: $(B)/gwt $(B)/make_scene $(measured) ## measure against hand-written programs (about 10 minutes; BENCH=options)
	@$(B)/bench --programs $(B) $(BENCH)

bench-peers: $(B)/gwt $(B)/make_scene $(measured) ## install GDAL, rasterio, OTB and libvips, and measure against them
	@sh tools/deps.sh peers
	@$(B)/bench --programs $(B) --only peers $(BENCH)

folder: # for scripts: where these options build
	@echo $(B)

clean: ## remove build/
	rm -rf build

# The python3 that has rasterio; the system's may not be the first one of PATH.
python = $(shell for p in python3 /usr/bin/python3; do \
    $$p -c 'import rasterio' 2>/dev/null && echo $$p && exit; done; echo python3)
