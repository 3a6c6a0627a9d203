# What the scripts of examples share; they read this file. Exit 77: the data are not installed.
syncline=${SYNCLINE:-syncline}
case $syncline in */*) syncline=$(cd "$(dirname "$syncline")" && pwd)/$(basename "$syncline") ;; esac
quick=

# race DIR FILE ARGS...: train FILE into DIR, unless that is done; in the quick form with $quick
race() {
    dir=$1
    file=$2
    shift 2
    [ -s "$dir/summary.json" ] && return
    mkdir -p "$(dirname "$dir")"
    if [ -s "$dir/state.safetensors" ]; then
        "$syncline" train --resume "$dir"
        return
    fi
    # shellcheck disable=SC2086
    "$syncline" train "$file" --out "$dir" "$@" ${SYNCLINE_EXAMPLE_QUICK:+$quick} 2>"$dir.err" || {
        cat "$dir.err" >&2
        grep -q "SYNCLINE_DATA_DIR" "$dir.err" && exit 77
        exit 1
    }
    cat "$dir.err" >&2 # warnings
    rm "$dir.err"
}

# draw FILE.svg RUN... OPTIONS...
draw() {
    file=$1
    shift
    "$syncline" compare "$@" --out "$file"
    grep -q "</svg>" "$file"
}
