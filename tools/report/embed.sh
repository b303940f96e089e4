#!/bin/sh
# embed.sh FILE.. - each text file as a C array of its lines, for a program to print.
#
#     sh tools/report/embed.sh tools/report/report.css tools/report/report.js >report_page.h
#
# The array of report.css is report_css; it ends with NULL. Lines, since a C11 compiler need not
# take a string of more than 4095 characters.

set -eu

for file do
    name=${file##*/}
    printf 'static const char *const %s[] = {\n' "$(printf %s "$name" | tr -c 'A-Za-z0-9_' _)"
    # A ? is escaped too: ??/ and its like mean something in C11.
    sed 's/[\\"?]/\\&/g; s/.*/    "&\\n",/' "$file"
    printf '    NULL\n};\n'
done
