#!/bin/sh
# syncline schedule, and schedules in experiment files. Arguments: [SYNCLINE [SOURCE_ROOT]], see cli.sh.
. "$(dirname "$0")/cli.sh"

# the last output with single blanks
squeeze() {
    tr -s ' ' <out >squeezed
    mv squeezed out
}

# base.yaml with the schedule given
scheduled() {
    sed -e "s/^  batch:/  schedule: $1\n&/" base.yaml >"$2"
}

scheduled '{ one_cycle: { max: 0.05, pct: 0.25, warmup: 3 } }' cycle.yaml
works "one_cycle" schedule cycle.yaml
squeeze
says "the run" "39 steps in 3 epochs of 13"
says "momentum's column" "beta1"
says "the peak" " 11 1 0.05 0.85"
says "the last value" " 38 3 2e-07 0.95"
check "the picture" grep -q ">Learning rate<" schedule.svg
check "momentum's panel" grep -q ">beta1<" schedule.svg
check "the picture's end" grep -q "</svg>" schedule.svg

cat >sequence.txt <<'END'
  schedule:
    sequence:
      parts: [ { constant: { warmup: 5 } }, { piecewise: { boundaries: [2, 4], values: [1, 0.5, 0.25] } } ]
      lengths: [20]
END
sed -e '/^  batch:/{
r sequence.txt
}' base.yaml >sequence.yaml
works "sequence" schedule sequence.yaml --rows 100 --out sequence.svg
squeeze
says "warm-up" " 4 1 0.008"
says "a boundary, inclusive" " 22 2 1"
says "behind it" " 23 2 0.5"
check "no momentum's panel" sh -c '! grep -q ">beta1<" sequence.svg'

works "sequence trains" train sequence.yaml --out run
"$syncline" schedule sequence.yaml --rows 100 | tail -n +5 >before
"$syncline" schedule run/experiment.yaml --rows 100 | tail -n +5 >after
same "the run folder's file" before after

refuses "too short" 1 "cycle.yaml:10:13: train: schedule: one_cycle: ends after 23 steps, but the run has 39" \
    schedule cycle.yaml --set train.schedule.one_cycle.steps=20
refuses "unknown monitor" 1 "monitor is 'val_los', allowed loss, val_loss, accuracy, val_accuracy; did you mean 'val_loss'?" \
    train base.yaml --set 'train.schedule={ performance: { monitor: val_los } }'
refuses "no validation" 1 "monitor is val_loss, but there is no validation data; did you mean 'loss'?" \
    train base.yaml --set data.validation=0 --set train.schedule=performance
refuses "no accuracy" 1 "monitor is accuracy, but the loss has none; did you mean 'loss'?" \
    train plane.yaml --set 'train.schedule={ performance: { monitor: accuracy } }'
refuses "a list" 1 "boundaries expects a list of numbers, got the text 'x'" \
    schedule base.yaml --set 'train.schedule={ piecewise: { boundaries: [1, x] } }'
refuses "rows" 2 "--rows is 'few'" schedule base.yaml --rows few
refuses "where the picture goes" 1 "absent" schedule base.yaml --out absent/schedule.svg

# stopped within an epoch and resumed: the rate goes on from what was judged
scheduled '{ performance: { patience: 1, factor: 0.5, threshold: 0.5 } }' slow.yaml
works "performance" train slow.yaml --set train.epochs=5 --out whole
works "performance, first part" train slow.yaml --set train.epochs=5 --set train.steps=45 --out part
works "performance, resumed" train --resume part --set train.steps=
same "weights" whole/weights.safetensors part/weights.safetensors
cut -d, -f1-7 whole/history.csv >whole.csv
cut -d, -f1-7 part/history.csv >part.csv
same "history" whole.csv part.csv
finish
