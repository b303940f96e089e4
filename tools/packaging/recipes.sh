#!/bin/sh
# recipes.sh TARBALL URL HOMEPAGE MAINTAINER FOLDER - the recipes of Homebrew, conda-forge, vcpkg and
# spack for a tarball that `make dist` has made and that can be had at URL: FOLDER/homebrew/gwt.rb ..
# MAINTAINER is a name on GitHub, which conda-forge asks for.

set -eu

tarball=$1 url=$2 homepage=$3 maintainer=$4 folder=$5 here=$(cd "$(dirname "$0")" && pwd)
version=${tarball##*gwt-}
version=${version%.tar.gz}
sum() { "sha$1sum" "$tarball" 2>/dev/null || shasum -a "$1" "$tarball"; }
sha256=$(sum 256 | cut -d ' ' -f 1) sha512=$(sum 512 | cut -d ' ' -f 1)
for file in homebrew/gwt.rb conda/meta.yaml vcpkg/vcpkg.json vcpkg/portfile.cmake spack/package.py; do
    mkdir -p "$folder/$(dirname $file)"
    sed -e "s|@VERSION@|$version|g" -e "s|@URL@|$url|g" -e "s|@HOMEPAGE@|$homepage|g" \
        -e "s|@SHA256@|$sha256|g" -e "s|@SHA512@|$sha512|g" -e 's|@@ONLY|@ONLY|' \
        -e "s|@MAINTAINER@|$maintainer|g" \
        "$here/$file.in" >"$folder/$file"
done
cp "$here/vcpkg/usage" "$folder/vcpkg/"
cp "$here/app.c" "$folder/conda/"
