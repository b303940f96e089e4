#!/bin/sh
# debian.sh TARBALL FOLDER - the Debian packages of a tarball that `make dist` has made, in FOLDER:
# a source package, gwt and libgwt-dev. DEBFULLNAME and DEBEMAIL are the maintainer's.

set -eu

tarball=$1 folder=$2 here=$(cd "$(dirname "$0")" && pwd)
name=$(basename "$tarball" .tar.gz) version=${tarball##*gwt-}
version=${version%.tar.gz}
maintainer="${DEBFULLNAME:-the gwt authors} <${DEBEMAIL:-gwt@localhost.localdomain}>"
said=$(sed -n '1s/.*(\(.*\)-[0-9]*).*/\1/p' "$here/debian/changelog")
[ "$said" = "$version" ] || { echo "debian.sh: the changelog is of $said" >&2; exit 1; }
rm -rf "$folder"
mkdir -p "$folder"
cp "$tarball" "$folder/gwt_$version.orig.tar.gz"
tar xzf "$tarball" -C "$folder"
cp -R "$here/debian" "$folder/$name/"
sed -i "s/@MAINTAINER@/$maintainer/" "$folder/$name/debian/control" "$folder/$name/debian/changelog"
cd "$folder/$name"
dpkg-buildpackage --no-sign "${DEB_BUILD:---build=full}"
