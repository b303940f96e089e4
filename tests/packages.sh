#!/bin/sh
# packages.sh - the tarball of `make dist`, which has the same bytes twice, and what is made of it:
# the Debian packages, built, looked through by lintian, installed, used and removed; the recipes of
# Homebrew, conda-forge, vcpkg and spack, which are run, have its version and its checksum.
#
#     GWT=.. MAKE=make MAKE_SCENE=.. sh tests/packages.sh

. "$(dirname "$0")/checks.sh"
gwt=$(absolute "${GWT:?}") make_scene=$(absolute "${MAKE_SCENE:?}") root=$PWD
make=${MAKE:-make}
cd "$box" || exit 2

have() { command -v "$1" >/dev/null 2>&1; }

done_by() {     # NAME COMMAND..
    name=$1
    shift
    if "$@" >"$out" 2>&1 </dev/null; then check "$name" ''
    else check "$name" "exit $?: $(grep -v '^[0-9]*:[0-9]*: debug' "$out" | tail -n 8)"
    fi
}

sudo=
[ "$(id -u)" = 0 ] || ! have sudo || sudo=sudo
version=$("$gwt" --version | sed -n '1s/gwt //p')

# ---- the tarball ----------------------------------------------------------------------------------

dist() { MAKEFLAGS='' "$make" -s -C "$root" dist && cp "$root/build/gwt-$version.tar.gz" "$1"; }
done_by "make dist" dist one.tar.gz
touch -d '1999-01-01' "$root/README.md" 2>/dev/null
done_by "make dist, again" dist two.tar.gz
touch "$root/README.md"
same "the same bytes" one.tar.gz two.tar.gz
tar xzf one.tar.gz || exit 2
same "it has the header" "gwt-$version/gwt.h" "$root/gwt.h"
is "and nothing that is built" "$(find "gwt-$version" -name '*.o' -o -name build)" ''
done_by "without git it makes itself" "$make" -s -C "gwt-$version" dist
same "the same tarball" one.tar.gz "gwt-$version/build/gwt-$version.tar.gz"
rm -rf "gwt-$version"

# ---- Debian ---------------------------------------------------------------------------------------

"$make_scene" scene.tif 500 400 3 lzw 128 || exit 2
"$gwt" calc 'norm_diff(b2, b3)' scene.tif -o want.tif -q --compress deflate || exit 2
if have dpkg-buildpackage && have dh && dpkg -s libproj-dev >/dev/null 2>&1; then
    cp one.tar.gz "gwt-$version.tar.gz"
    done_by "Debian packages" env DEB_BUILD_OPTIONS=nocheck \
        sh "$root/tools/packaging/debian.sh" "$box/gwt-$version.tar.gz" "$box/debian"
    is "a source package" "$(find debian -name '*.dsc' | wc -l)" 1
    # Who builds them gives DEBEMAIL: here nobody does.
    if have lintian; then
        done_by "lintian" lintian --allow-root --fail-on warning \
            --suppress-tags bogus-mail-host,bogus-mail-host-in-debian-changelog debian/*.changes
        is "lintian says nothing" "$(grep -v '^running with root' "$out")" ''
    else skip "lintian" "there is none: make deps-ci"
    fi
    if [ "$(id -u)" = 0 ] || [ -n "$sudo" ] && ! have gwt; then
        done_by "installed" $sudo dpkg -i debian/gwt_*.deb debian/libgwt-dev_*.deb
        is "its version" "$(/usr/bin/gwt --version | head -n 1)" "gwt $version"
        done_by "it computes" /usr/bin/gwt calc 'norm_diff(b2, b3)' scene.tif -o got.tif -q \
            --compress deflate
        same "the same bytes" got.tif want.tif
        cp "$root/tools/packaging/app.c" .
        # shellcheck disable=SC2046  # words
        done_by "a program" "${CC:-cc}" -std=c11 -O0 app.c -o app $(pkg-config --cflags --libs gwt)
        done_by "the program runs" ./app
        is "the mean of what it wrote" "$(/usr/bin/gwt stats out.tif | awk 'NR == 2 { print $4 }')" 3.5
        done_by "removed" $sudo dpkg -P gwt libgwt-dev
        is "nothing is left" "$(ls /usr/bin/gwt /usr/include/gwt.h /usr/share/doc/gwt 2>/dev/null)" ''
    else skip "installed and removed" "not root, or there is a gwt"
    fi
else skip "Debian packages" "no dpkg-buildpackage, dh or libproj-dev: make deps-ci"
fi

# ---- recipes --------------------------------------------------------------------------------------

# Each is run: by its own language, with what its tool offers made in recipes/, in one tree of sources,
# which so is compiled once.
url=https://example.org/gwt-$version.tar.gz
cp one.tar.gz "gwt-$version.tar.gz"
done_by "recipes" sh "$root/tools/packaging/recipes.sh" "gwt-$version.tar.gz" "$url" \
    https://example.org someone recipes
is "all names are filled in" "$(grep -rl '@[A-Z0-9]*@' recipes)" ''
sum=$(sha256sum one.tar.gz | cut -d ' ' -f 1)
for file in homebrew/gwt.rb conda/meta.yaml spack/package.py; do
    holds "$file has the checksum" "recipes/$file" "$sum"
    holds "$file has the address" "recipes/$file" "$url"
done
for file in conda/meta.yaml vcpkg/vcpkg.json spack/package.py; do
    holds "$file has the version" "recipes/$file" "\"$version\""
done
tar xzf one.tar.gz || exit 2
export MAKE="$make"
by_recipe() {    # NAME COMMAND.. - with programs of pkg-config that are found where it installs
    folder=$1
    shift
    done_by "$folder's recipe runs" env MAKEFLAGS="-j$(getconf _NPROCESSORS_ONLN)" \
        PKG_CONFIG_PATH="$box/$folder/lib/pkgconfig" "$@"
    is "$folder's gwt" "$("$folder/bin/gwt" --version 2>&1 | head -n 1)" "gwt $version"
}
if have ruby; then
    by_recipe homebrew ruby "$here/recipes/homebrew.rb" recipes/homebrew/gwt.rb "gwt-$version" homebrew
else skip "Homebrew's recipe runs" "no ruby: make deps-ci"
fi
if [ -n "$python" ]; then
    by_recipe spack "$python" -B "$here/recipes/spack.py" recipes/spack/package.py "gwt-$version" \
        spack "~mpi"         # mpi.sh installs gwt-mpi
    done_by "vcpkg's names are JSON" "$python" -m json.tool recipes/vcpkg/vcpkg.json
else skip "spack's recipe runs" "no python3"
fi
for yaml in ${python:-} /usr/bin/python3; do
    if "$yaml" -c 'import yaml' 2>/dev/null; then break; fi
    yaml=
done
if [ -n "$yaml" ]; then
    by_recipe conda "$yaml" -B "$here/recipes/conda.py" recipes/conda "gwt-$version" conda
else skip "conda's recipe runs" "no yaml for python3: make deps-ci"
fi
if have cmake; then
    done_by "vcpkg's recipe runs" cmake -DVERSION="$version" -DTARBALL="$box/one.tar.gz" \
        -DPORT="$box/recipes/vcpkg" -DCURRENT_PACKAGES_DIR="$box/vcpkg" \
        -P "$here/recipes/vcpkg.cmake"
    mkdir port
    cp "$root/tools/packaging/app.c" port/
    cat >port/CMakeLists.txt <<'EOF'
cmake_minimum_required(VERSION 3.13)
project(app C)
set(CMAKE_C_STANDARD 11)
find_package(gwt CONFIG REQUIRED)
add_executable(app app.c)
target_link_libraries(app PRIVATE gwt::gwt)
EOF
    done_by "CMake finds vcpkg's" cmake -S port -B port/build -DCMAKE_PREFIX_PATH="$box/vcpkg"
    done_by "and builds with it" cmake --build port/build
    rm -f out.tif
    done_by "and that runs" port/build/app
    is "its mean" "$("$gwt" stats out.tif | awk 'NR == 2 { print $4 }')" 3.5
    check "with a licence" "$([ -s vcpkg/share/gwt/copyright ] || echo none)"
else skip "vcpkg's recipe runs" "no cmake: make deps-ci"
fi
finish
