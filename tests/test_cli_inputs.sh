#!/bin/sh
# Several inputs, several losses and weights of samples from the command line.
# Arguments: [SYNCLINE [SOURCE_ROOT]], see cli.sh.
. "$(dirname "$0")/cli.sh"

cat >two.py <<'END'
import random
exec(open("make.py").read().split("r = random")[0])
r = random.Random(2)
for name, n in ("two", 96), ("twot", 40):
    a = [[r.gauss(0, 1) for _ in range(3)] for _ in range(n)]
    b = [[r.gauss(0, 1) for _ in range(2)] for _ in range(n)]
    kind = [int(p[0] + q[0] > 0) + int(p[1] > 1) for p, q in zip(a, b)]
    npy(name + "-a.npy", "f", (n, 3), sum(a, []))
    npy(name + "-b.npy", "f", (n, 2), sum(b, []))
    npy(name + "-kind.npy", "q", (n,), kind)
    npy(name + "-size.npy", "f", (n, 1), [p[0] - q[1] for p, q in zip(a, b)])
    npy(name + "-w.npy", "f", (n,), [r.uniform(0, 2) for _ in range(n)])
npy("bad-w.npy", "f", (96,), [float("nan")] * 96)
with open("weighted.csv", "w") as f:
    f.write("a,b,importance,y\n")
    for i in range(50):
        a, b = r.gauss(0, 1), r.gauss(0, 1)
        f.write("%g,%g,%g,%g\n" % (a, b, r.uniform(0, 2), a + b))
END
python3 two.py || { echo "FAILED: python3 two.py"; exit 1; }

# ---- a label that is left out ----
sed 's/train-y.npy/label-7.npy/; s/loss: softmax_cross_entropy/loss: { softmax_cross_entropy: { ignore_index: 7 } }/' base.yaml >seven.yaml
works seven train seven.yaml --out seven
refuses "another label" 1 "row 100 has label 7, but there are 3 classes: labels run from 0 to 2, and 8 is left out" \
    train seven.yaml --out eight --set train.loss='{ softmax_cross_entropy: { ignore_index: 8 } }'

# ---- two inputs, two targets ----
cat >base.yaml <<'END'
data:
  format: npy
  train: { x: { left: two-a.npy, right: two-b.npy }, y: { kind: two-kind.npy, size: two-size.npy }, weights: two-w.npy }
  test: { x: { right: twot-b.npy, left: twot-a.npy }, y: { size: twot-size.npy, kind: twot-kind.npy } }
  validation: 16
  standardise: yes
model:
  - dense: { units: 8, activation: tanh, name: one }
  - dense: { units: 8, activation: tanh, name: other, from: right }
  - concat: { from: [one, other], name: joined }
  - dense: { units: 3, name: kind_head }
  - dense: { units: 1, name: size_head, from: joined }
train:
  losses:
    - softmax_cross_entropy: { from: kind_head }
    - mse: { from: size_head, weight: 0.5 }
  optimizer: { adam: { lr: 0.05 } }
  batch: 16
  epochs: 8
  seed: 7
END
works plan plan base.yaml --launches
says plan "loss: 1 x softmax_cross_entropy of kind_head against kind"
says plan "loss: 0.5 x mse of size_head against size"
says plan "feed x right"
says plan "feed y size"
says plan "feed weights"
works train train base.yaml --out run
says train "80 training, 16 validation, 40 test samples of left 3, right 2, weighted"
cat >history.py <<'END'
import csv, json
rows = list(csv.DictReader(open("run/history.csv")))
assert len(rows) == 8
for r in rows:
    for prefix in "", "val_":
        parts = float(r[prefix + "loss_kind"]) + .5 * float(r[prefix + "loss_size"])
        assert abs(parts - float(r[prefix + "loss"])) < 1e-5 * parts, r
    assert r["accuracy_kind"] == r["accuracy"] and r["accuracy_size"] == ""
assert float(rows[-1]["loss"]) < .5 * float(rows[0]["loss"])
last = [json.loads(line) for line in open("run/history.jsonl")][-1]
assert last["accuracy_size"] is None and last["val_loss_kind"] > 0
END
check "history by loss" python3 history.py
works "gradients" train base.yaml --out measured --set train.gradients=yes --set train.epochs=1
check "of each kernel" grep -q "^epoch,one/kernel,other/kernel,kind_head/kernel,size_head/kernel" measured/gradients.csv
sed 's/y: { kind: two-kind.npy, size: two-size.npy }/y: { size: two-size.npy, kind: two-kind.npy }/
     s/    - softmax_cross_entropy: .*/    - softmax_cross_entropy: { from: kind_head, name: kind }/
     s/    - mse: .*/    - mse: { from: size_head, weight: 0.5, name: size }/' base.yaml >turned.yaml
works "targets in another order" train turned.yaml --out turned --set train.gradients=yes --set train.epochs=1
same "targets in another order" turned/gradients.csv measured/gradients.csv
works evaluate evaluate run
says evaluate "kind       40 samples, loss "
says evaluate "size       40 samples, loss "
says evaluate "confusion-kind.svg"
check "confusion by loss" test -s run/confusion-kind.csv
works predict predict run twot-a.npy twot-b.npy
says predict "predictions-kind.npy: 40 x 3"
says predict "predictions-size.npy: 40 x 1"
works "by name" predict run right=twot-b.npy left=twot-a.npy --out swapped.npy
same "by name" swapped-kind.npy run/predictions-kind.npy
works "one output" predict run twot-a.npy twot-b.npy --output kind --out kind.npy
same "one output" kind.npy swapped-kind.npy
works resolved train run/experiment.yaml --out run-2
same resolved run/weights.safetensors run-2/weights.safetensors
works streamed train base.yaml --out run-3 --set train.stream=yes
same streamed run/weights.safetensors run-3/weights.safetensors
works cut train base.yaml --out run-4 --set train.steps=12
sed -i '/^  steps: /d' run-4/experiment.yaml
works "going on" train --resume run-4
same "going on" run/weights.safetensors run-4/weights.safetensors

cat >csv.yaml <<'END'
data: { format: csv, train: weighted.csv, weights: importance }
model: [ dense: 1 ]
train: { loss: mse, epochs: 2 }
END
works "csv weights" train csv.yaml --out csv
says "csv weights" "50 training samples of 2, weighted"

refuses "too few files" 1 "the network has 2 inputs, and 1 file is given" predict run twot-a.npy
refuses "no such output" 1 "--output: there is no loss or layer 'kin'" predict run twot-a.npy twot-b.npy --output kin
refuses "mc of two" 1 "choose one with --output" predict run twot-a.npy twot-b.npy --mc 3
bad "weights that are none" 's/weights: two-w/weights: bad-w/' "3:10: data: "
bad "unknown part" 's/, weights: two-w.npy/, weight: two-w.npy/' "3:101: data: train: unknown key 'weight'; there are: x, y, weights"
bad "no such layer" 's/from: size_head, weight/from: size_hea, weight/' "16:20: train: losses: from: no layer 'size_hea' before this one"
bad "no such target" 's/- mse: { from/- mse: { name: width, from/' "3:10: data: train has no target 'width', which the loss of that name wants; it has: kind, size"
bad "no such loss" 's/- mse:/- msee:/' "16:7: train: losses: no loss 'msee'; did you mean 'mse'?"
bad "negative weight" 's/weight: 0.5/weight: -1/' "16:39: train: losses: weight expects a number from 0, got the number -1"
bad "loss and losses" 's/^  losses:/  loss: mse\n  losses:/' "15:3: train: loss and losses are both given"
finish
