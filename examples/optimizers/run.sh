#!/bin/sh
# Every optimizer for mini-batches on three spirals and on Fashion-MNIST, drawn as one chart, each at a rate
# that serves it well there.
#    run.sh [FOLDER]    default: runs/optimizers
# SYNCLINE is the command, default: syncline; SYNCLINE_EXAMPLE_QUICK=1 takes few optimizers and few steps.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../race.sh"

# name, rate on the spirals, rate on Fashion-MNIST
all="sgd 1 0.05
momentum 0.3 0.01
nesterov 0.3 0.01
adagrad 0.2 0.01
rmsprop 0.01 0.0005
adam 0.02 0.001
adamw 0.02 0.001
adamax 0.03 0.002
nadam 0.02 0.001
adadelta 30 1
radam 0.02 0.001
lion 0.003 0.0001
ftrl 1 0.05
asgd 1 0.05
rprop 0.01 0.0001
lamb 0.01 0.003
lars 10 1"
folder=${1:-runs/optimizers}
if [ "${SYNCLINE_EXAMPLE_QUICK:-}" ]; then
    all=$(echo "$all" | grep -E "^(sgd|adam|lion) ")
    quick="--set train.steps=12 --set train.epochs=1"
fi
mkdir -p "$folder"
cp "$here/spirals.yaml" "$folder"
awk -f "$here/spirals.awk" >"$folder/spirals.csv"
echo "$all" | while read -r name spirals fashion; do
    race "$folder/spirals/$name" "$folder/spirals.yaml" --set name="$name" --set "train.optimizer={ $name: { lr: $spirals } }"
    race "$folder/fashion-mnist/$name" "$here/fashion.yaml" --set name="$name" \
        --set "train.optimizer={ $name: { lr: $fashion } }"
done
cd "$folder"
# shellcheck disable=SC2046
draw race.svg $(echo "$all" | sed 's,\([^ ]*\) .*,spirals/\1,') --beside fashion-mnist --training \
    --title "The race of the optimizers"
