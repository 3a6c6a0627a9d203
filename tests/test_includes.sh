#!/bin/sh
# Reads the #include lines under src/ and fails on an arrow that is not in the table: rooms may
# include themselves and what stands on their line, the public headers, and the system's.
# Only device/ may include OpenCL or CLBlast; plan/own.c is the other side of the public opencl.h.
set -eu
cd "$(dirname "$0")/../src"

# shellcheck disable=SC2046
set -- $(find . -name '*.[ch]' -o -name '*.inc' | sed 's,^\./,,' | LC_ALL=C sort)
awk '
BEGIN {
    may["base"] = ""
    may["graph"] = "base"
    may["op"] = "base graph"
    may["layer"] = "base graph op"
    may["optim"] = "base"
    may["device"] = "base"
    may["data"] = "base"
    may["io"] = "base"
    may["plan"] = "base graph op layer optim device data io"
    may["train"] = "base graph op layer optim device data io plan"
    may["cli"] = "base graph op layer optim device data io plan train"
}
function bad(why) { printf "src/%s:%d: %s\n", FILENAME, FNR, why; wrong = 1 }
/^[ \t]*#[ \t]*include[ \t]*[<"]/ {
    split(FILENAME, part, "/"); room = part[1]
    name = $0
    sub(/^[^<"]*[<"]/, "", name); sub(/[>"].*/, "", name)
    if (name == "syncline/opencl.h" && FILENAME == "plan/own.c") next
    if (room != "device" && name ~ /^(CL\/|clblast|syncline\/opencl\.h)/)
        bad("only device/ may include <" name ">")
    if (!(room in may)) { bad("room " room "/ is not in the table of tests/test_includes.sh"); nextfile }
    n = split(name, part, "/")
    to = n > 1 ? part[1] : ""
    if (to in may && to != room && index(" " may[room] " ", " " to " ") == 0)
        bad(room " may not include from " to ": " name)
    count++
}
END {
    if (!count) { print "no #include found under src/"; wrong = 1 }
    else if (!wrong) print count " #include lines, all one way"
    exit wrong
}' "$@"
