#!/bin/sh
# test_rooms.sh - gwt.h is what its top comment says: the table of contents there names the rooms
# that there are, in order; README.md here says of each what guards it.

. "$(dirname "$0")/checks.sh"
header=$here/../gwt.h

# room NAME - the lines of a room, from its mark to the next one.
room() { awk -v name=">>$1" '/^\/\/ >>/ { on = $2 == name } on' "$header"; }

# A room begins with "// >>name ----", and has a line "//       >>name     what it owns" in the table.
marks=$(sed -n 's|^// >>\([a-z]*\) -*$|\1|p' "$header")
is "the table of contents has the rooms in their order" \
    "$(room doc | sed -n 's|^//   *>>\([a-z]*\)  *[^ ].*|\1|p')" "$marks"
is "each room is there once" "$(echo "$marks" | sort | uniq -d)" ''
check "there are rooms" "$([ "$(echo "$marks" | wc -l)" -gt 20 ] || echo "only: $marks")"

# Rows of the table of tests begin "| room |"; all files with tests are named somewhere.
is "README.md has the rooms in their order" "$(sed -n '/^## Rooms/,/^## Ev/s/^| \([a-z]*\) | .*/\1/p' \
    "$here/README.md" | grep -v '^room$')" "$marks"
for test in "$here"/test_*; do
    test=$(basename "$test" .c)
    grep -qw -e "$test" "$here/README.md" || echo "$test"
done >"$tmp/unnamed"
check "README.md names all tests" "$(cat "$tmp/unnamed")"

finish
