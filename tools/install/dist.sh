#!/bin/sh
# dist.sh VERSION FOLDER - all sources as FOLDER/gwt-VERSION.tar.gz: the same bytes whenever and by
# whomever it is made. Without git, of what is there but build/.

set -eu

name=gwt-$1 folder=$2
mkdir -p "$folder"
rm -rf "${folder:?}/$name"
mkdir "$folder/$name"
if git rev-parse --show-prefix >/dev/null 2>&1 && [ -z "$(git rev-parse --show-prefix)" ]; then
    git ls-files
else
    find . -type f -not -path './build/*' -not -path './.git/*' | sed 's|^\./||'
fi | LC_ALL=C sort >"$folder/$name.list"
while read -r file; do
    mkdir -p "$folder/$name/$(dirname "$file")"
    cp -p "$file" "$folder/$name/$file"
    if [ -x "$file" ]; then chmod 755 "$folder/$name/$file"; else chmod 644 "$folder/$name/$file"; fi
done <"$folder/$name.list"
find "$folder/$name" -type d -exec chmod 755 {} +
# The day of the version, which its manual has, too.
day=$(sed -n 's/^#define DATE "\(.*\)".*/\1/p' tools/cli/help.c)
(cd "$folder" && tar --format=ustar --sort=name --mtime="$day 00:00:00Z" --owner=0 --group=0 \
    --numeric-owner -cf - "$name") | gzip -9n >"$folder/$name.tar.gz"
rm -rf "${folder:?}/$name" "$folder/$name.list"
echo "$folder/$name.tar.gz"
