#!/bin/sh
# install.sh install|uninstall - what `make install` does with what has been built; nothing is made
# anew here, so root may run it.
#
#     B=build/release PREFIX=/usr/local DESTDIR= sh tools/install/install.sh install
#
# BINDIR, INCLUDEDIR, LIBDIR, DATADIR and MANDIR may lie elsewhere. gwt-mpi and libgwt are installed
# where they were built. Everything is in `files`: what uninstall takes away again.

set -eu

B=${B:?is the folder of the build} PREFIX=${PREFIX:-/usr/local} DESTDIR=${DESTDIR:-}
BINDIR=${BINDIR:-$PREFIX/bin} INCLUDEDIR=${INCLUDEDIR:-$PREFIX/include}
LIBDIR=${LIBDIR:-$PREFIX/lib} DATADIR=${DATADIR:-$PREFIX/share} MANDIR=${MANDIR:-$PREFIX/share/man}
case $PREFIX in /*) ;; *) echo "install: PREFIX=$PREFIX is no absolute path" >&2; exit 2 ;; esac
here=$(dirname "$0") what=${1:-}

number() { sed -n "s/^#define GWT_VERSION_$1 //p" gwt.h; }
minor=$(number MAJOR).$(number MINOR)
version=$minor.$(number PATCH)
soname=libgwt.so.$minor shared=libgwt.so.$version

install_one() {     # MODE FROM TO
    mkdir -p "$DESTDIR$(dirname "$3")"
    rm -f "$DESTDIR$3"
    cp "$2" "$DESTDIR$3"
    chmod "$1" "$DESTDIR$3"
}

# Whether it was built; to take away what another build has installed, everything counts.
there() { [ "$what" = uninstall ] || [ -e "$1" ]; }

# What FILE.in is with the names of this installation.
filled() {
    sed -e "s|@PREFIX@|$PREFIX|g" -e "s|@INCLUDEDIR@|$INCLUDEDIR|g" -e "s|@LIBDIR@|$LIBDIR|g" \
        -e "s|@VERSION@|$version|g" -e "s|@MINOR@|$minor|g" -e "s|@SHARED@|$soname|g" "$1"
}

# files - MODE FROM TO, a line each; of what has been built.
files() {
    echo "755 $B/gwt $BINDIR/gwt"
    ! there "$B/gwt-mpi" || echo "755 $B/gwt-mpi $BINDIR/gwt-mpi"
    echo "644 gwt.h $INCLUDEDIR/gwt.h"
    for page in gwt $(sed -n 's/^    { "\([a-z]*\)", cmd_.*/gwt-\1/p' tools/cli/gwt.c); do
        echo "644 $B/share/man/man1/$page.1 $MANDIR/man1/$page.1"
    done
    echo "644 $B/share/man/man3/gwt.3 $MANDIR/man3/gwt.3"
    echo "644 $B/share/gwt.bash $DATADIR/bash-completion/completions/gwt"
    echo "644 $B/share/_gwt $DATADIR/zsh/site-functions/_gwt"
    echo "644 $B/share/gwt.fish $DATADIR/fish/vendor_completions.d/gwt.fish"
    echo "644 $here/gwt.pc.in $LIBDIR/pkgconfig/gwt.pc"
    echo "644 $here/../cmake/gwtConfig.cmake.in $LIBDIR/cmake/gwt/gwtConfig.cmake"
    echo "644 $here/../cmake/gwtConfigVersion.cmake.in $LIBDIR/cmake/gwt/gwtConfigVersion.cmake"
    there "$B/$shared" || return 0
    echo "755 $B/$shared $LIBDIR/$shared"
    echo "644 $here/libgwt.pc.in $LIBDIR/pkgconfig/libgwt.pc"
}

links() {
    there "$B/$shared" || return 0
    echo "$shared $LIBDIR/$soname"
    echo "$soname $LIBDIR/libgwt.so"
}

case $what in
install)
    [ -x "$B/gwt" ] && [ -e "$B/share/gwt.fish" ] || { echo "install: run make first" >&2; exit 1; }
    files | while read -r mode from to; do
        case $from in
        *.in) filled "$from" >"$B/share/filled" && from=$B/share/filled ;;
        esac
        install_one "$mode" "$from" "$to"
    done
    links | while read -r from to; do ln -sf "$from" "$DESTDIR$to"; done
    ;;
uninstall)
    files | while read -r mode from to; do rm -f "$DESTDIR$to"; done
    links | while read -r from to; do rm -f "$DESTDIR$to"; done
    rmdir "$DESTDIR$LIBDIR/cmake/gwt" 2>/dev/null || true
    ;;
*) echo "usage: $0 install|uninstall" >&2; exit 2 ;;
esac
