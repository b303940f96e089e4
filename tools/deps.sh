#!/bin/sh
# deps.sh [ci|mpi|peers] - install what gwt is built and tested with, through apt-get, dnf or brew.
#
#     libtiff, zlib     gwt.h itself
#     gcc, g++          a C11 compiler; C++ only to check that the header's declarations compile
#     make, pkg-config  the build (pkg-config is optional)
#     cmocka, python3   the tests
#     ci: clang with its sanitizers, rasterio and GDAL's command line, for the checks that compare;
#         PROJ, which the command names CRS by where it is there;
#         a locale with a decimal comma; chromium and playwright-core (npm), for the report in a
#         browser; a compiler, libraries (in build/s390x-root) and qemu for s390x; CMake, readers of
#         manual pages, shells, Ruby, and what makes Debian packages
#     mpi: Open MPI with its compiler and mpirun; pgrep, to kill a rank
#     peers: other programs that do band math, to be timed by `make bench-peers`: those of GDAL,
#            Orfeo ToolBox (OTB), libvips and rasterio that there are packages of
#
# Asks nothing, and does nothing when everything is there. Uses sudo when not root.

set -eu

what=${1:-build}
s390x=$(cd "$(dirname "$0")/.." && pwd)/build/s390x-root
say() { echo "deps: $*"; }
die() { echo "deps: $*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# ---- is there anything to do? -----------------------------------------------------------------

# A program that uses all three libraries compiles and links.
build_is_there() {
    have "${CC:-cc}" && have "${CXX:-c++}" && have pkg-config && have python3 || return 1
    dir=$(mktemp -d)
    cat >"$dir/probe.c" <<'EOF'
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <tiffio.h>
#include <zlib.h>
int main(void) { return !(TIFFGetVersion() && zlibVersion()); }
EOF
    flags=$(pkg-config --cflags --libs libtiff-4 zlib cmocka 2>/dev/null) ||
        flags="-ltiff -lz -lcmocka"
    status=0
    # shellcheck disable=SC2086  # flags are words
    "${CC:-cc}" -o "$dir/probe" "$dir/probe.c" $flags >/dev/null 2>&1 || status=1
    rm -rf "$dir"
    return $status
}

# The system's python3 may not be the first one of PATH.
have_rasterio() {
    for python in python3 /usr/bin/python3; do
        if "$python" -c 'import numpy, rasterio' >/dev/null 2>&1; then return 0; fi
    done
    return 1
}

# Not where there is none to be had: make report-check then says that it skips.
have_browser() {
    if ! have apt-get; then return 0; fi
    have chromium && have node && have npm && [ -d "$(npm root -g)/playwright-core" ]
}

# Numbers must have a point there too.
have_comma() { [ "$(LC_ALL=de_DE.UTF-8 locale decimal_point 2>/dev/null)" = , ]; }

# A big-endian machine to compare with. Not where it can't be had: make same-everywhere then says
# that it skips.
have_s390x() {
    if ! have apt-get; then return 0; fi
    have s390x-linux-gnu-gcc && have qemu-s390x-static && [ -d "$s390x" ]
}

# What is installed, and how: Debian's tools where there are packages of Debian.
have_packaging() {
    have cmake && have man && have mandoc && have zsh && have fish && have ruby || return 1
    ! have apt-get || { have dh && have dpkg-buildpackage && have lintian; }
}

# clang's sanitizers are in a package of their own: see that a program links with them.
ci_tools_are_there() {
    have clang && have clang++ && have gdalinfo && have_rasterio && have_comma || return 1
    pkg-config --exists proj || return 1
    echo 'int main(void) { return 0; }' |
        clang -fsanitize=address -x c -o /dev/null - >/dev/null 2>&1
}

case $what in
build)
    if build_is_there; then
        say "libtiff, zlib, a compiler, cmocka and python3 are there"
        exit 0
    fi
    ;;
ci)
    if ci_tools_are_there && have_browser && have_s390x && have_packaging; then
        say "clang, rasterio, gdalinfo, a decimal comma, a browser and s390x are there"
        exit 0
    fi
    ;;
mpi) if have mpicc && have mpirun && have pgrep; then say "MPI is there"; exit 0; fi ;;
peers) ;;
*) die "usage: deps.sh [ci|mpi|peers]" ;;
esac

# ---- install ----------------------------------------------------------------------------------

sudo=
if [ "$(id -u)" != 0 ] && have sudo; then sudo=sudo; fi

run() {
    say "$*"
    "$@" </dev/null
}

# What is not to be had is left out: bench says so.
if [ "$what" = peers ]; then
    peers="gdal-bin python3-gdal otb-bin libvips-dev python3-numpy python3-rasterio"
    if have apt-get; then
        # shellcheck disable=SC2086  # packages are words
        if dpkg -s $peers >/dev/null 2>&1; then say "the peers are there"; exit 0; fi
        run $sudo env DEBIAN_FRONTEND=noninteractive apt-get update -q || true
        for package in $peers; do
            run $sudo env DEBIAN_FRONTEND=noninteractive \
                apt-get install -y -q --no-install-recommends "$package" ||
                say "$package: not installed"
        done
    else
        say "install by hand what should be timed: GDAL with its Python programs, Orfeo ToolBox," \
            "libvips with its headers, and rasterio"
    fi
    exit 0
fi

# Without it only the report in a browser is not checked, which says so. Some systems have no
# package of that name.
install_browser() {
    packages=chromium
    have node || packages="$packages nodejs"
    have npm || packages="$packages npm"
    # shellcheck disable=SC2086  # packages are words
    { run $sudo env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends $packages &&
        run $sudo npm install --global --no-fund --no-audit playwright-core; } ||
        say "no chromium or no playwright-core: make report-check will skip"
}

# Its compiler and qemu, then libtiff and what that needs, without a trace in the system: apt with
# lists and a status of its own, which say that nothing is installed.
install_s390x() {
    run $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user-static || return 1
    rm -rf "$s390x" "$s390x.apt"
    mkdir -p "$s390x.apt/lists/partial" "$s390x.apt/archives/partial"
    : >"$s390x.apt/status"
    cat >"$s390x.apt/apt.conf" <<EOF
APT::Architecture "s390x";
APT::Architectures { "s390x"; };
APT::Sandbox::User "";
Dir::State::lists "$s390x.apt/lists";
Dir::State::status "$s390x.apt/status";
Dir::Cache "$s390x.apt";
EOF
    run env APT_CONFIG="$s390x.apt/apt.conf" apt-get update -q &&
        run env APT_CONFIG="$s390x.apt/apt.conf" apt-get install -y -q --no-install-recommends \
            --download-only -o Debug::NoLocking=1 libtiff-dev zlib1g-dev || return 1
    for package in "$s390x.apt"/archives/*.deb; do
        dpkg -x "$package" "$s390x.apt/root" || return 1
    done
    mv "$s390x.apt/root" "$s390x" && rm -rf "$s390x.apt"
}

if have apt-get; then
    case $what in
    build)
        packages="gcc g++ libc6-dev make pkg-config libtiff-dev zlib1g-dev libcmocka-dev python3"
        ;;
    ci)
        packages="clang python3-numpy python3-rasterio python3-gdal gdal-bin libproj-dev locales"
        packages="$packages cmake man-db mandoc zsh fish ruby dpkg-dev debhelper lintian python3-yaml"
        ;;
    mpi) packages="libopenmpi-dev openmpi-bin procps" ;;
    esac
    run $sudo env DEBIAN_FRONTEND=noninteractive apt-get update -q
    # Older releases have the sanitizers inside clang's own packages.
    if [ "$what" = ci ] && apt-cache show libclang-rt-dev >/dev/null 2>&1; then
        packages="$packages libclang-rt-dev"
    fi
    # shellcheck disable=SC2086  # packages are words
    run $sudo env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends $packages
    if [ "$what" = ci ] && ! have_comma; then run $sudo localedef -i de_DE -f UTF-8 de_DE.UTF-8; fi
    if [ "$what" = ci ] && ! have_browser; then install_browser; fi
    if [ "$what" = ci ] && ! have_s390x; then
        install_s390x ||
            say "no compiler, libtiff or qemu for s390x: make same-everywhere will skip"
    fi
elif have dnf; then
    case $what in
    build)
        packages="gcc gcc-c++ make pkgconf-pkg-config libtiff-devel zlib-devel libcmocka-devel"
        packages="$packages python3"
        ;;
    ci)
        packages="clang compiler-rt libasan libubsan libtsan python3-rasterio gdal"
        packages="$packages glibc-langpack-de proj-devel cmake man-db mandoc zsh fish ruby python3-pyyaml"
        ;;
    mpi) packages="openmpi openmpi-devel procps-ng" ;;
    esac
    # shellcheck disable=SC2086
    run $sudo dnf install -y -q $packages
elif have brew; then
    # The compilers, zlib and make come with Apple's command line tools.
    have cc || die "no compiler: run xcode-select --install first"
    case $what in
    build) run brew install -q libtiff cmocka pkg-config ;;
    ci) run brew install -q gdal proj cmake mandoc fish && run python3 -m pip install -q numpy rasterio ;;
    mpi) run brew install -q open-mpi ;;
    esac
else
    die "none of apt-get, dnf and brew is here; install by hand: a C11 and a C++ compiler," \
        "make, pkg-config, and libtiff, zlib and cmocka with their headers"
fi

if [ "$what" = mpi ]; then
    have mpicc && have mpirun || die "installed, but mpicc or mpirun is not in PATH"
    say "MPI is there"
elif [ "$what" = build ]; then
    build_is_there || die "installed, but a program with libtiff, zlib and cmocka does not build"
    say "libtiff, zlib, a compiler, cmocka and python3 are there"
else
    ci_tools_are_there || die "installed, but one of clang's sanitizers, rasterio, gdalinfo and a" \
        "locale with a decimal comma is missing"
    say "clang, rasterio, gdalinfo and a decimal comma are there"
fi
