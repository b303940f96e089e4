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

# What is not C11 is behind os, and threads behind thread: no other room names any of it. Comments
# are no code, and neither are strings.
elsewhere=$(sed -n '/^\/\/ >>base/,$p' "$header" |
    awk '/^\/\/ >>/ { on = $2 != ">>os" && $2 != ">>thread" } on' |
    sed 's|//.*||; s|"[^"]*"||g')
posix='errno|strerror|struct stat|fstat|lstat|off_t|ssize_t|mode_t|pid_t|locale_t|uselocale|newlocale'
posix="$posix|timespec|clock_gettime|nanosleep|sysconf|getrlimit|setrlimit|getrusage|isatty|fileno"
posix="$posix|fdopen|pread|pwrite|ftruncate|fsync|unlink|flock|fchmod|realpath|getpid|geteuid"
posix="$posix|open_memstream|O_[A-Z]+|S_IS[A-Z]+|SEEK_DATA|pthread_[a-z_]*|mtx_[a-z]*|cnd_[a-z]*"
is "nothing of the system is outside of os and thread" \
    "$(echo "$elsewhere" | grep -nwE "$posix" | head -5)" ''
is "nor a header of it" \
    "$(echo "$elsewhere" | grep -nE '#include <(sys/|unistd|fcntl|errno|time|locale|pthread|threads)')" ''

finish
