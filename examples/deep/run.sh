#!/bin/sh
# Trains the five nets and draws them together. Run folders go to FOLDER; a run that is there is not run
# again, one that was stopped goes on.    run.sh [FOLDER]    default: runs/deep
# SYNCLINE is the command, default: syncline; SYNCLINE_EXAMPLE_QUICK=1 takes a few steps only.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../race.sh"

folder=${1:-runs/deep}
quick="--set train.steps=4 --set train.epochs=1"
set -- sigmoid-normal tanh-glorot relu-he elu-batch-norm selu-lecun
[ "${SYNCLINE_EXAMPLE_QUICK:-}" ] && set -- sigmoid-normal elu-batch-norm selu-lecun
for net; do
    race "$folder/$net" "$here/$net.yaml"
done
cd "$folder"
draw deep.svg "$@" --title "Twenty layers deep, and four remedies" --gradients
draw accuracy.svg "$@" --title "Twenty layers deep, and four remedies"
