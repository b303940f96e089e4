#!/bin/sh
# pages.sh GWT FOLDER - manual pages and completions, as the command GWT has them; and gwt(3): what
# gwt.h says it is, and its public names.

set -eu

gwt=$1 to=$2
mkdir -p "$to/man/man1" "$to/man/man3"
for page in gwt $("$gwt" help --man); do
    name=gwt-$page
    [ "$page" != gwt ] || name=gwt
    "$gwt" help --man "$page" >"$to/man/man1/$name.1"
done
"$gwt" help --completion bash >"$to/gwt.bash"
"$gwt" help --completion zsh >"$to/_gwt"

# The top comment of gwt.h from its first heading to that of the rooms, and the declarations of each
# part of its room api, as they stand there.
{
    "$gwt" help --man gwt | sed -n '1s/^\.TH GWT 1/.TH GWT 3/p'
    awk '
        function shown(text) {
            gsub(/\\/, "\\e", text)
            gsub(/-/, "\\-", text)
            gsub(/\047/, "\\(aq", text)
            gsub(/\^/, "\\(ha", text)
            gsub(/~/, "\\(ti", text)
            gsub(/`/, "\\(ga", text)
            if (text ~ /^[.]/) text = "\\&" text
            return text
        }
        BEGIN {
            title = "values"
            levels = "There are three levels. Macros take options by their names:\n" \
                ".B gwt_open(g, path, .chunks = 256).\nEach stands for a function of its name and\n" \
                ".B _with\nthat takes a struct of options, for C++ and other languages. And functions\n" \
                "of yours run on blocks\n.RB ( gwt_map_blocks ),\npixels\n.RB ( gwt_apply )\nand numbers\n" \
                ".RB ( gwt_parallel_for ).\nThe header says of each what it gives, and which errors there are."
            print ".SH NAME\ngwt \\- lazy chunked rasters in C"
            print ".SH SYNOPSIS\n.nf\n#define GWT_IMPLEMENTATION    // in one file\n#include <gwt.h>\n"
            print "cc \\-std=c11 \\-O3 app.c \\-ltiff \\-lz \\-lm \\-pthread\n.fi"
        }
        /^\/\/ [A-Z][A-Z ,]+$/ && !over {
            if (open) print ".fi"
            over = $0 == "// NAMES"
            open = !over
            if (open) print ".SH " substr($0, 4) "\n.nf"
            next
        }
        open && /^\/\// {
            line = substr($0, 4)
            sub(/^  /, "", line)
            print shown(line)
            next
        }
        /^\/\/ ---- .* -----*$/ && !implementation {
            title = $0
            sub(/^\/\/ ---- /, "", title)
            sub(/ -+$/, "", title)
        }
        /^\/\/ >>base / { implementation = 1 }
        implementation { next }
        /^(GWT_API|GWT_PRINTF.* GWT_API) / {
            if (!declared++) print ".SH FUNCTIONS\n" levels
            declaring = 1
        }
        declaring {
            if (title != "") {
                if (listed) print ".fi"
                print ".SS " toupper(substr(title, 1, 1)) substr(title, 2) "\n.nf"
                title = ""
                listed = 1
            }
            line = $0
            sub(/^GWT_PRINTF\([0-9, ]*\) /, "", line)
            sub(/^GWT_API /, "", line)
            sub(/^        /, "", line)
            print shown(line)
            if (/;/) declaring = 0
        }
        END {
            print ".fi\n.SH SEE ALSO\n.BR gwt (1)"
        }' gwt.h
} >"$to/man/man3/gwt.3"

"$gwt" help --completion fish >"$to/gwt.fish"       # the last: all are there
