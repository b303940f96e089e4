#!/bin/sh
# install.sh - what `make install` puts where: into a made prefix and into a DESTDIR, and away again;
# programs that are built with it, by pkg-config, by CMake (installed, and from the sources) and with
# a bare copy of the header, in C and C++; the library from Python; the pages of the manual and the
# completions, which have what --help has; the tarball.
#
#     GWT=.. MAKE=make B=build/release MAKE_SCENE=.. CC=cc CXX=c++ sh tests/install.sh
#
# All of B is built. What this machine has no program for is skipped.

. "$(dirname "$0")/checks.sh"
gwt=$(absolute "${GWT:?}") make_scene=$(absolute "${MAKE_SCENE:?}") root=$PWD
make=${MAKE:-make} cc=${CC:-cc} cxx=${CXX:-c++}
cd "$box" || exit 2

have() { command -v "$1" >/dev/null 2>&1; }

# done_by NAME COMMAND.. - ends with 0.
done_by() {
    name=$1
    shift
    if "$@" >"$out" 2>&1 </dev/null; then check "$name" ''
    else check "$name" "exit $?: $(tail -n 6 "$out")"
    fi
}

# made NAME TARGET VARIABLE.. - by make, in the sources.
made() {
    name=$1
    shift
    done_by "$name" env MAKEFLAGS= "$make" -s -j3 -C "$root" "$@"
}

# ---- into a prefix, and away --------------------------------------------------------------------

prefix=$box/prefix
before=$(find "$root/build/release" -newer "$tmp" -type f 2>/dev/null | wc -l)
made "install" install PREFIX="$prefix"
for file in bin/gwt include/gwt.h lib/pkgconfig/gwt.pc lib/cmake/gwt/gwtConfig.cmake \
    share/man/man1/gwt.1 share/man/man1/gwt-calc.1 share/man/man3/gwt.3 lib/libgwt.so \
    share/bash-completion/completions/gwt share/zsh/site-functions/_gwt \
    share/fish/vendor_completions.d/gwt.fish lib/pkgconfig/libgwt.pc; do
    check "there is $file" "$([ -s "$prefix/$file" ] || ls -l "$prefix/$file" 2>&1)"
done
is "nothing is built anew" "$(find "$root/build/release" -newer "$tmp" -name '*.o' | wc -l)" "$before"
done_by "the command runs" "$prefix/bin/gwt" --version
made "install again" install PREFIX="$prefix"
made "install into a DESTDIR" install PREFIX=/opt/gwt DESTDIR="$box/stage" LIBDIR=/opt/gwt/lib64
check "it has no name of the DESTDIR" "$(grep -rl "$box/stage" "$box/stage")"
is "its files say where they will be" \
    "$(sed -n 's/^prefix=//p' "$box/stage/opt/gwt/lib64/pkgconfig/gwt.pc")" /opt/gwt
made "uninstall from there" uninstall PREFIX=/opt/gwt DESTDIR="$box/stage" LIBDIR=/opt/gwt/lib64
is "nothing of it is left" "$(find "$box/stage" -not -type d)" ''
made "a PREFIX of a folder here" -n install
done_by "is refused" sh -c "! B=x PREFIX=here sh '$root/tools/install/install.sh' install"

# ---- programs --------------------------------------------------------------------------------------

"$make_scene" scene.tif 300 200 3 lzw 64 || exit 2
"$gwt" calc 'norm_diff(b1, b2)' scene.tif -o want.tif -q --dtype float32 || exit 2
cat >app.c <<'E1'
#define GWT_IMPLEMENTATION
#include <gwt.h>
#include <math.h>
#include "body.h"
E1
sed -e '/GWT_IMPLEMENTATION/d' app.c >linked.c
cat >body.h <<'E1'
int main(void)
{
    gwt *g = gwt_begin(.num_workers = 2);
    gwt_array *a = gwt_open(g, "scene.tif");
    gwt_save(gwt_norm_diff(a, "1", "2"), "got.tif", .compress = "deflate", .dtype = GWT_FLOAT32,
             .nodata = gwt_some(NAN), .overwrite = true);
    return gwt_end(g);
}
E1
cat >app.cc <<'E1'
#include <gwt.h>
#include <cmath>
int main()
{
    gwt_begin_options begin = {};
    gwt_save_options save = {};
    gwt *g = gwt_begin_with(&begin);
    save.compress = "deflate";
    save.dtype = GWT_FLOAT32;
    save.nodata = gwt_some(NAN);
    save.overwrite = true;
    gwt_save_with(gwt_norm_diff_with(gwt_open_with(g, "scene.tif", nullptr), "1", "2", nullptr),
                  "got.tif", &save);
    return gwt_end(g);
}
E1
cat >impl.c <<'E1'
#define GWT_IMPLEMENTATION
#include <gwt.h>
E1
"$gwt" stats want.tif >want 2>&1

# computes NAME COMMAND.. - the same index.
computes() {
    name=$1 wrong=
    shift
    rm -f got.tif
    if "$@" >"$out" 2>&1; then "$gwt" stats got.tif 2>&1 | diff want - >"$out" || wrong=$(cat "$out")
    else wrong="exit $?: $(tail -n 3 "$out")"
    fi
    check "$name" "$wrong"
}

# Not optimised: these are compiled several times.
PKG_CONFIG_PATH=$prefix/lib/pkgconfig
export PKG_CONFIG_PATH
if have pkg-config; then
    # shellcheck disable=SC2046  # words
    done_by "pkg-config, C" "$cc" -std=c11 -O0 app.c -o app $(pkg-config --cflags --libs gwt)
    computes "pkg-config, C: runs" ./app
    # shellcheck disable=SC2046
    done_by "pkg-config, the library" "$cc" -std=c11 linked.c -o linked -Wl,-rpath,"$prefix/lib" \
        $(pkg-config --cflags --libs libgwt)
    computes "pkg-config, the library: runs" ./linked
    # shellcheck disable=SC2046
    done_by "pkg-config, C++ with the library" "$cxx" -std=c++17 app.cc -o linkedcc \
        -Wl,-rpath,"$prefix/lib" $(pkg-config --cflags --libs libgwt)
    computes "pkg-config, C++ with the library: runs" ./linkedcc
    is "pkg-config says the version" "$(pkg-config --modversion gwt)" \
        "$("$gwt" --version | sed -n '1s/gwt //p')"
    flags=$(pkg-config --cflags --libs libtiff-4 zlib)
else
    skip "pkg-config" "there is none"
    flags='-ltiff -lz'
fi
mkdir bare
cp "$root/gwt.h" bare/
# shellcheck disable=SC2086  # words
done_by "a bare copy, C" "$cc" -std=c11 -O0 -Ibare app.c -o bare/app $flags -lm -pthread
computes "a bare copy, C: runs" bare/app
# shellcheck disable=SC2086
done_by "a bare copy, C++ with an object of C" sh -c \
    "'$cc' -std=c11 -O0 -Ibare -c impl.c -o bare/impl.o && '$cxx' -std=c++17 -Ibare app.cc \
    bare/impl.o -o bare/appcc $flags -lm -pthread"
computes "a bare copy, C++: runs" bare/appcc

# cmake_project NAME FIND - a project whose CMakeLists.txt says FIND.
cmake_project() {
    rm -rf project
    mkdir project
    cp app.c app.cc impl.c body.h project/
    {
        echo 'cmake_minimum_required(VERSION 3.13)'
        echo 'project(consumer LANGUAGES C CXX)'
        echo "$2"
        echo 'add_executable(app app.c)'
        echo 'target_link_libraries(app gwt::gwt)'
        echo 'set_target_properties(app PROPERTIES C_STANDARD 11)'
        echo 'add_executable(appcc app.cc impl.c)'
        echo 'target_link_libraries(appcc gwt::gwt)'
        echo 'add_executable(linkedcc app.cc)'
        echo 'target_link_libraries(linkedcc gwt::shared)'
    } >project/CMakeLists.txt
    done_by "CMake, $1: configured" cmake -S project -B project/build -DCMAKE_C_COMPILER="$cc" \
        -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_PREFIX_PATH="$prefix"
    done_by "CMake, $1: built" cmake --build project/build --parallel 2
    for program in app appcc linkedcc; do
        computes "CMake, $1: $program runs" "project/build/$program"
    done
}
if have cmake; then
    cmake_project find_package "find_package(gwt REQUIRED)"
    cmake_project add_subdirectory "add_subdirectory($root/tools/cmake gwt)"
    sed -i.old 's/.*find_package.*//; s/add_subdirectory.*/find_package(gwt 9.9 REQUIRED)/' \
        project/CMakeLists.txt
    rm -rf project/build
    done_by "CMake refuses a later version" sh -c "! cmake -S project -B project/build \
        -DCMAKE_C_COMPILER='$cc' -DCMAKE_CXX_COMPILER='$cxx' -DCMAKE_PREFIX_PATH='$prefix'"
    holds "CMake says which there is" "$out" 'version: '
else skip "CMake" "there is none: make deps-ci"
fi

# ---- the library ------------------------------------------------------------------------------------

if have nm; then
    is "the library has public names only" \
        "$(nm -D --defined-only "$prefix/lib/libgwt.so" | awk '{ print $NF }' | grep -v '^gwt_')" ''
    # What gwt.h declares, one name each.
    sed -n '/^\/\/ >>api/,/^\/\/ >>base/p' "$root/gwt.h" |
        sed -n 's/^\(GWT_PRINTF([0-9, ]*) \)\{0,1\}GWT_API .*[ *]\(gwt_[a-z0-9_]*\)(.*/\2/p' |
        sort >declared
    nm -D --defined-only "$prefix/lib/libgwt.so" | awk '{ print $NF }' | sort >defined
    check "and all of them" "$(comm -23 declared defined)"
    check "some hundred" "$([ "$(wc -l <declared)" -gt 100 ] || wc -l <declared)"
else skip "names of the library" "no nm"
fi
cat >"$tmp/oracle.py" <<'E1'
import ctypes, struct, sys
lib = ctypes.CDLL(sys.argv[1])
for name in ("gwt_begin_with", "gwt_open_with", "gwt_norm_diff_with", "gwt_compute_with"):
    getattr(lib, name).restype = ctypes.c_void_p
lib.gwt_free.argtypes = lib.gwt_end.argtypes = [ctypes.c_void_p]
g = lib.gwt_begin_with(None)
a = lib.gwt_open_with(ctypes.c_void_p(g), b"scene.tif", None)
n = 300 * 200

def compute(array):
    p = lib.gwt_compute_with(ctypes.c_void_p(array), None)
    return p or sys.exit("no pixels")
def names(text): return ctypes.c_char_p(text)

bands = (ctypes.c_uint16 * (3 * n)).from_address(compute(a))
index = lib.gwt_norm_diff_with(ctypes.c_void_p(a), names(b"1"), names(b"2"), None)
got = (ctypes.c_double * n).from_address(compute(index))
try:
    import numpy
    x, y = (numpy.frombuffer(bands, "u2")[i * n:][:n].astype(float) for i in (0, 1))
    nodata = (x == 0) | (y == 0)
    with numpy.errstate(all="ignore"): want = numpy.where(nodata, numpy.nan, (y - x) / (y + x))
    if not numpy.array_equal(numpy.frombuffer(got, "f8"), want, equal_nan=True):
        print("other pixels than numpy's")
except ImportError:
    for i in range(n):
        x, y = bands[i], bands[n + i]
        if x and y and got[i] != (y - x) / (y + x): print("pixel", i); break
if lib.gwt_end(ctypes.c_void_p(g)) != 0: print("gwt_end fails")
E1
check_python "the library from Python: the pixels of an index" "$prefix/lib/libgwt.so"

# ---- the manual -------------------------------------------------------------------------------------

pages=$(cd "$prefix/share/man" && ls man1/*.1 man3/*.3)
is "a page for each command" "$(echo "$pages" | grep -c 'gwt-')" \
    "$("$gwt" --help | sed '/COMMAND --help/,$d' | grep -c '^  gwt [a-z]')"
for page in $pages; do
    file=$prefix/share/man/$page
    if have man; then
        wrong=$(MANWIDTH=80 man --warnings -l "$file" 2>&1 >/dev/null)
        check "$page: man has no warning" "$wrong"
    fi
    ! have mandoc || check "$page: mandoc has none" "$(mandoc -Tlint -W style "$file" 2>&1)"
done
have man || skip "man" "there is none"
have mandoc || skip "mandoc" "there is none: make deps-ci"

# options_of - what begins with -- in the help, one a line.
options_of() { "$gwt" "$1" --help | sed -n 's/^  .*  *\(--[a-z-]*\).*/\1/p; s/^      \(--[a-z-]*\).*/\1/p' | sort -u; }
for command in $("$gwt" help --man); do
    wrong=$(options_of "$command" | while read -r option; do
        plain=$(echo "$option" | sed 's/-/\\-/g')
        grep -qF -e "$plain" "$prefix/share/man/man1/gwt-$command.1" || echo "page: no $option"
        grep "^    $command) options=" "$prefix/share/bash-completion/completions/gwt" |
            grep -qF -e " $option" -e "'$option" || echo "bash: no $option"
        grep -qF -e "from $command' -l ${option#--} " -e "from $command' -l ${option#--}" \
            "$prefix/share/fish/vendor_completions.d/gwt.fish" || echo "fish: no $option"
    done)
    check "$command: pages and completions have the options of --help" "$wrong"
done

# ---- completions ------------------------------------------------------------------------------------

# completed WORD.. - what bash offers for the last of these words.
completed() {
    bash -c '. "$0" && COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) && _gwt && printf "%s\n" "${COMPREPLY[@]}"' \
        "$prefix/share/bash-completion/completions/gwt" "$@" 2>&1 | tr '\n' ' '
}
if have bash; then
    is "bash: commands" "$(completed gwt c)" 'calc convert codecs '
    is "bash: options" "$(completed gwt calc --over)" '--overview --overviews --overview-resampling --overwrite '
    is "bash: values" "$(completed gwt calc --mosaic m)" 'mean min max '
    is "bash: values behind =" "$(completed gwt calc --mosaic = f)" 'first '
    is "bash: values behind = as yet empty" "$(completed gwt calc --stack =)" 'time band '
    is "bash: files" "$(completed gwt info sc)" ' '
    is "bash: help" "$(completed gwt help ta)" 'tasks '
else skip "completions of bash" "there is none"
fi
if have zsh; then
    done_by "zsh: it can be read" zsh -n "$prefix/share/zsh/site-functions/_gwt"
else skip "completions of zsh" "there is none: make deps-ci"
fi
if have fish; then
    offered=$(fish -c "source $prefix/share/fish/vendor_completions.d/gwt.fish; complete -C 'gwt calc --mosaic m'" |
        cut -f 1 | sort | tr '\n' ' ')
    is "fish: values" "$offered" 'max mean min '
else skip "completions of fish" "there is none: make deps-ci"
fi

# ---- away ---------------------------------------------------------------------------------------------

made "uninstall" uninstall PREFIX="$prefix"
is "nothing is left" "$(find "$prefix" -not -type d)" ''
finish
