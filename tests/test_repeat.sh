#!/bin/sh
# Equal seed, equal bytes of weights.safetensors: twice in a row, with cold and warm caches, with one and
# two PoCL threads, with resident and streamed data, and killed at random moments and resumed.
set -eu
syncline=${SYNCLINE:?the path of the command}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0

check() { # NAME FOLDER: its weights against the first run's
    if cmp -s "$dir/first/weights.safetensors" "$dir/$2/weights.safetensors"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $1: weights.safetensors differs from the first run's"
    fi
}

# Three noisy classes in sixteen features.
awk 'BEGIN {
    srand(7)
    for (c = 1; c <= 16; c++) printf "x%d,", c
    print "y"
    for (r = 0; r < 3000; r++) {
        label = r % 3
        for (c = 1; c <= 16; c++) printf "%.4f,", rand() * 2 - 1 + 0.4 * ((c + label) % 3)
        print label
    }
}' > "$dir/data.csv"

cat > "$dir/net.yaml" << 'END'
data: { format: csv, train: data.csv, labels: yes, validation: 300, standardise: yes }
model:
  - dense: { units: 48, init: he_normal, activation: elu }
  - dropout: 0.2
  - dense: { units: 33, activation: tanh, name: middle }
  - dense: 3
train:
  loss: softmax_cross_entropy
  optimizer: adam
  schedule: { one_cycle: { max: 0.01 } }
  batch: 32
  epochs: 40
  seed: 11
  checkpoint: { every_steps: 150 }
END

train() { "$syncline" train "$dir/net.yaml" --out "$dir/$1" ${2:+--set "$2"} > "$dir/log" 2>&1 || {
    cat "$dir/log"
    exit 1
}; }

train first
train second && check "a second run" second
POCL_CACHE_DIR=$dir/cold XDG_CACHE_HOME=$dir/cold
mkdir -p "$dir/cold"
export POCL_CACHE_DIR XDG_CACHE_HOME
train cold && check "cold caches" cold
train warm && check "warm caches" warm
for threads in 1 2; do
    POCL_MAX_PTHREAD_COUNT=$threads train "threads$threads" && check "PoCL threads: $threads" "threads$threads"
done
train streamed train.stream=yes && check "streamed data" streamed

# Twenty kills, over as many runs as it takes. A run that comes to its end must have the first one's bytes.
kills=0 run=0 ended=0
while [ $kills -lt 20 ]; do
    run=$((run + 1))
    out=$dir/killed$run
    set -- train "$dir/net.yaml" --out "$out"
    while :; do
        "$syncline" "$@" > "$dir/log" 2>&1 &
        pid=$!
        sleep "$(awk -v n="$kills$run$$" 'BEGIN { srand(n); printf "%.2f", 0.15 + rand() * 0.6 }')"
        if [ $kills -lt 20 ] && kill -9 $pid 2> /dev/null; then
            wait $pid 2> /dev/null || true
            kills=$((kills + 1))
        elif ! wait $pid; then
            cat "$dir/log"
            exit 1
        fi
        [ ! -f "$out/summary.json" ] || break
        if [ -f "$out/state.safetensors" ]; then
            set -- train --resume "$out"
        else
            rm -rf "$out" # killed before the first checkpoint: there is nothing to go on from
            set -- train "$dir/net.yaml" --out "$out"
        fi
    done
    ended=$((ended + 1))
    check "killed and resumed, run $run" "killed$run"
done
echo "$kills kills over $ended runs"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
