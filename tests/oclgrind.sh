#!/bin/sh
# Runs a test under oclgrind and fails if that reports anything: oclgrind itself exits with the
# test's status whatever it found.   oclgrind.sh OCLGRIND PROGRAM [ARGUMENT...]
# is not used: of memory written through sub-buffers, as all of the arena is, version 21.10
# takes every read for one of uninitialised memory.
set -eu
oclgrind=$1
shift
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
"$oclgrind" --log "$log" --check-api --data-races --max-errors 20 "$@" || status=$?
if [ -s "$log" ]; then
    cat "$log" >&2
    [ "$status" -ne 0 ] || status=1
fi
exit "$status"
