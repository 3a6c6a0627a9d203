#!/bin/sh
# gradients.csv and syncline compare. Arguments: [SYNCLINE [SOURCE_ROOT]], see cli.sh.
. "$(dirname "$0")/cli.sh"
export SYNCLINE_CL_OPTIONS=-cl-opt-disable # nothing here depends on speed

# batch_norm moves statistics and dropout draws masks: measuring must leave both as they were
cat >net.yaml <<'END'
data: { format: npy, train: [flat-x.npy, train-y.npy], validation: 40, standardise: yes }
model: [ dense: { units: 16, init: he_normal }, batch_norm, elu, dropout: 0.2, dense: 3 ]
train: { loss: softmax_cross_entropy, optimizer: { momentum: { lr: 0.1 } }, batch: 16, epochs: 4, seed: 3 }
END
works "measured" train net.yaml --out runs/measured --set train.gradients=yes --set name=measured
works "not measured" train net.yaml --out runs/plain
same "measuring changes nothing" runs/measured/weights.safetensors runs/plain/weights.safetensors
check "no file unless asked" test ! -e runs/plain/gradients.csv
works "with accumulation" train net.yaml --out sums --set train.gradients=yes --set train.accumulate=3
works "with accumulation, plain" train net.yaml --out sums-plain --set train.accumulate=3
same "measuring changes no sums" sums/weights.safetensors sums-plain/weights.safetensors

works "a part" train net.yaml --out part --set train.gradients=yes --set train.steps=20
works "the rest" train --resume part --set train.steps=
same "stopped and resumed" runs/measured/gradients.csv part/gradients.csv

# Row 0 against the gradient made by hand: with all but the last bias at 0 the logits are the bias
cat >gradients.py <<'END'
import csv, math
rows = list(csv.reader(open("runs/measured/gradients.csv")))
assert rows[0] == ["epoch", "dense_1/kernel", "dense_2/kernel"], rows[0]
assert [int(r[0]) for r in rows[1:]] == [0, 1, 2, 3, 4], rows
assert all(0 < float(v) < 100 and math.isfinite(float(v)) for r in rows[1:] for v in r[1:]), rows
import struct
def npy(name):
    data = open(name, "rb").read()
    n, = struct.unpack("<H", data[8:10])
    head = eval(data[10:10 + n])
    count = 1
    for d in head["shape"]:
        count *= d
    return struct.unpack("<%d%s" % (count, {"<f4": "f", "<i8": "q"}[head["descr"]]), data[10 + n:])
x, y = npy("flat-x.npy"), npy("train-y.npy")
# softmax of zeros is 1/3 each: the gradient of kernel k x c is the mean of x_k (1/3 - [c is the label])
g = [[sum(x[16 * i + k] * (1 / 3 - (y[i] == c)) for i in range(16)) / 16 for c in range(3)] for k in range(16)]
norm = math.sqrt(sum(v * v for r in g for v in r))
got = float(list(csv.reader(open("linear/gradients.csv")))[1][1])
assert abs(got - norm) < 1e-5 * norm, (got, norm)
END
sed 's/model:.*/model: [ dense: { units: 3, init: zeros } ]/;s/, standardise: yes//' net.yaml >linear.yaml
works "a net of zeros" train linear.yaml --out linear --set train.gradients=yes --set train.epochs=1
check "gradients" python3 gradients.py

# ---- compare ----
works "compare" compare runs/measured runs/plain
says "compare" "measured       4"
says "compare: an unnamed run" "net            4"
check "compare: the numbers" sh -c 'tail -1 runs/plain/history.csv | cut -d, -f5 | xargs printf "%.4f\n" | grep -qFf - out'
check "compare: the picture" grep -q ">Validation accuracy<" compare.svg
works "compare: training" compare runs/measured runs/plain --training --out training.svg --title "A & B"
check "compare: training" grep -q ">Training loss<" training.svg
check "compare: a title is escaped" grep -q ">A &amp; B<" training.svg
works "compare: gradients" compare runs/measured --gradients --epoch 2 --out gradients.svg
check "compare: gradients" grep -q ">Gradient norms after epoch 2" gradients.svg
mkdir other
cp -r linear other/measured # one epoch
works "compare: beside" compare runs/measured --beside other --out beside.svg
check "compare: beside, left" grep -q ">Validation loss: runs<" beside.svg
check "compare: beside, right" grep -q ">Validation loss: other<" beside.svg
check "compare: beside, points of four epochs and of one" test "$(grep -c "<circle" beside.svg)" -eq 5
works "compare: a column of names" compare runs/measured runs/plain runs/plain runs/plain runs/plain runs/plain \
    runs/plain runs/plain runs/plain --out many.svg
check "compare: dashes" grep -q stroke-dasharray many.svg
cp -r runs/measured again
works "compare: one name twice" compare runs/measured again runs/plain --out twice.svg
says "compare: one name twice" "runs/measured  "
says "compare: one name twice" "again  "
check "compare: one name twice, in the picture" grep -q ">again<" twice.svg
refuses "compare: nothing" 2 "compare: expects DIR..." compare
refuses "compare: no run" 1 "cannot open the run folder nowhere" compare nowhere
refuses "compare: no gradients" 1 "train it with --set train.gradients=yes" compare runs/plain --gradients
refuses "compare: no such epoch" 1 "has no row of epoch 9" compare runs/measured --gradients --epoch 9
refuses "compare: epoch" 2 "--epoch is 'x'" compare runs/measured --epoch x
refuses "compare: both" 2 "give --beside or --gradients" compare runs/measured --gradients --beside other
refuses "compare: nothing beside" 1 "cannot open the run folder other/plain" compare runs/plain --beside other
refuses "compare: where the picture goes" 1 "absent" compare runs/plain --out absent/x.svg
finish
