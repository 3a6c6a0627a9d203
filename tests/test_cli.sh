#!/bin/sh
# The command line end to end: every command, kinds of data and nets, --set, the terminal.
# Arguments: [SYNCLINE [SOURCE_ROOT]], see cli.sh.
. "$(dirname "$0")/cli.sh"

# ---- usage ----
works version --version
says version "syncline "
works help help
says help "syncline train"
refuses "no command" 2 "no command 'trian'; did you mean 'train'?" trian
refuses "no option" 2 "train: no option '--devise'; did you mean '--device'?" train base.yaml --devise gpu
refuses "no value" 2 "train: --out needs a value: DIR" train base.yaml --out
refuses "no file" 2 "train: expects FILE, or --resume DIR" train
refuses "two files" 2 "'b.yaml' is one operand too many" train base.yaml b.yaml
refuses "both" 2 "give FILE or --resume DIR, not both" train base.yaml --resume x
refuses "no pair" 2 "--set expects KEY=VALUE" train base.yaml --set train.epochs
refuses "few operands" 2 "predict: expects DIR INPUT.npy" predict x
refuses "no topic" 2 "no topic 'adem'; did you mean 'adam'?" help adem
"$syncline" >out 2>err
check "bare call is a usage error" test $? -eq 2
for topic in train experiment layers activations losses optimizers schedules initialisers; do
    works "help $topic" help $topic
done
works "help adam" help adam
says "help adam" "beta1"
says "help adam" "0 to 0.999999999"
works "help constant" help constant
says "help constant" "(schedule)"
says "help constant" "(initialiser)"
works "help --markdown" help --markdown
for row in dense elu softmax_cross_entropy adam one_cycle he_normal; do
    says "reference has $row" "### $row"
done
if [ -e "$root/doc/reference.md" ]; then
    check "doc/reference.md is what help --markdown prints" cmp out "$root/doc/reference.md"
fi

# ---- devices, selftest, plan ----
works devices devices
says devices "compute units"
works selftest selftest
says selftest " checks, 0 failed"
works plan plan base.yaml
says plan "dense_1"
says plan "323 parameters"
says plan "memory on the device"
works "plan --launches" plan base.yaml --launches --set train.batch=8
refuses "no such file" 1 "nowhere.yaml" plan nowhere.yaml

# ---- profile: the plan's launches, timed ----
works plan plan base.yaml
step=$(sed -n 's/^A step of \(.* operations\), .*/\1/p' out)
works profile profile base.yaml --seconds 0.2 --trace trace.json
says profile "a step of $step"
says profile "gemm"
says profile "dense_1"
says profile "of wall time"
refuses "profile: no time" 2 "--seconds is '0'" profile base.yaml --seconds 0
cat >inspect.py <<'END'
import json
events = [e for e in json.load(open("trace.json"))["traceEvents"] if e["ph"] == "X"]
device = [e for e in events if e["tid"] == 2]
host = [e for e in events if e["tid"] == 1]
assert len(device) == len(host) and len({e["args"]["step"] for e in device}) == 3, len(device)
assert all(e["dur"] >= 0 and e["ts"] >= 0 for e in events)
assert all(d["ts"] >= h["ts"] - 1 for d, h in zip(device, host)), "a launch ran before it was enqueued"
assert all(b["ts"] >= a["ts"] + a["dur"] - 1 for a, b in zip(device, device[1:])), "the queue is in order"
END
check "timeline" python3 inspect.py
mkdir empty
OCL_ICD_VENDORS=$work/empty OCL_ICD_FILENAMES='' "$syncline" train base.yaml --out none >out 2>err
check "no device: exit 1" test $? -eq 1
check "no device: clinfo" grep -q "clinfo -l" err
check "no device: package" grep -q "pocl-opencl-icd" err
check "no device: no folder" test ! -e none
refuses "device by name" 1 "nosuchdevice" train base.yaml --device nosuchdevice --out none

# ---- tune: a table of its own, so in a cache folder of its own ----
kept=${XDG_CACHE_HOME:-}
XDG_CACHE_HOME=$work/cache
export XDG_CACHE_HOME
works tune tune base.yaml --seconds 1
says tune "16 x 16 x 16"
says tune "choices"
says tune "times as fast"
says tune "for want of time"
works "plan under a table" plan base.yaml
says "plan under a table" "matrix products"
check "plan says where a choice is from" grep -Eq "^  16 x 16 x 16 .*(user's table|own rule)$" out
refuses "tune: no time" 2 "--seconds is 'soon'" tune --seconds soon
check "tune: a table" sh -c 'test -s cache/syncline/gemm-*'
works "train under a table" train base.yaml --out tuned --set train.epochs=1
check "run folder has its choices" grep -q '"provider"' tuned/gemm.json
for table in cache/syncline/gemm-*; do
    sed 's/"gemm": \[/"gemm": [ { "m": 16, "provider": "nobody" },/; s/},]/}]/; s/},\]/}]/' "$table" >table.json && mv table.json "$table"
done
"$syncline" plan base.yaml >out 2>err
check "a stale row: exit 0" test $? -eq 0
check "a stale row: a word" grep -q "^syncline: 1 row of the tuning table .* is ignored" err
check "a stale row: one word" test "$(wc -l <err)" -eq 1
for table in cache/syncline/gemm-*; do echo '{ "form": 1' >"$table"; done
"$syncline" plan base.yaml >out 2>err
check "a corrupt table: exit 0" test $? -eq 0
check "a corrupt table: a word" grep -q "^syncline: the tuning table .* is ignored: it is no table" err
echo '{}' >tuned/gemm.json
"$syncline" train --resume tuned --set train.epochs=2 >out 2>err
check "corrupt choices of a run: exit 0" test $? -eq 0
check "corrupt choices of a run: a word" grep -q "gemm.json is ignored: it is no table" err
XDG_CACHE_HOME=$kept
[ -n "$kept" ] || unset XDG_CACHE_HOME

# ---- train, evaluate, predict ----
works train train base.yaml --out one
says train "epoch 1/3  loss "
says train "val_accuracy"
says train "test       accuracy "
says train "one/curves.svg"
for file in experiment.yaml weights.safetensors state.safetensors history.csv history.jsonl \
    curves.svg gemm.json summary.json; do
    check "run folder has $file" test -s one/$file
done
cat >inspect.py <<'END'
import json, struct, sys
s = json.load(open("one/summary.json"))
for key in ("test_loss test_accuracy epochs steps seconds samples_per_second peak_device_bytes "
            "device driver seed parameters").split():
    assert key in s, key
assert s["epochs"] == 3 and s["steps"] == 39 and s["parameters"] == 323 and s["seed"] == 7, s
assert s["peak_device_bytes"] > 323 * 4, s
assert s["test_accuracy"] > .6, s
rows = [json.loads(line) for line in open("one/history.jsonl")]
assert [r["epoch"] for r in rows] == [1, 2, 3], rows
data = open("one/weights.safetensors", "rb").read()
n, = struct.unpack("<Q", data[:8])
head = json.loads(data[8:8 + n])
assert head["dense_1/kernel"]["shape"] == [16, 16], head
assert head["dense_2/bias"]["shape"] == [3], head
assert all(isinstance(v, str) for v in head["__metadata__"].values())
END
check "summary, history and weights" python3 inspect.py
works evaluate evaluate one
says evaluate "test"
accuracy=$(python3 -c 'import json; print("%.2f" % (100 * json.load(open("one/summary.json"))["test_accuracy"]))')
says "evaluate agrees with the summary" "accuracy $accuracy %"
says evaluate "class  precision  recall      F1  support"
says evaluate "true | predicted"
cat >evaluated.py <<'END'
import csv, json
rows = list(csv.reader(open("one/confusion.csv")))
assert [r[0] for r in rows] == ["true class", "0", "1", "2"], rows
count = [[int(v) for v in r[1:]] for r in rows[1:]]
assert sum(map(sum, count)) == 60
right = sum(count[k][k] for k in range(3)) / 60
assert abs(right - json.load(open("one/summary.json"))["test_accuracy"]) < 1e-9
for r in csv.DictReader(open("one/classes.csv")):
    k = int(r["class"])
    column = sum(count[i][k] for i in range(3))
    assert int(r["support"]) == sum(count[k])
    assert abs(float(r["recall"]) - count[k][k] / sum(count[k])) < 1e-5
    assert abs(float(r["precision"]) - (count[k][k] / column if column else 0)) < 1e-5
END
check "evaluate: files" python3 evaluated.py
check "evaluate: picture" grep -q "</svg>" one/confusion.svg
mkdir report
works "evaluate --out" evaluate one --out report --top-k 2
says "evaluate --top-k" ", top 2 "
check "evaluate --out" test -s report/confusion.csv
refuses "evaluate --top-k of no number" 2 "--top-k expects a number from 1 to 8192, got 'x'" evaluate one --top-k x
works predict predict one test-x.npy
says predict "class "
says predict "60 "
cat >predicted.py <<'END'
import struct, sys
data = open(sys.argv[1], "rb").read()
assert data[:6] == b"\x93NUMPY" and (10 + struct.unpack("<H", data[8:10])[0]) % 64 == 0
head = eval(data[10:10 + struct.unpack("<H", data[8:10])[0]])
assert head["shape"] == (60, 3) and head["descr"] == "<f4", head
v = struct.unpack("<180f", data[-720:])
assert all(abs(sum(v[3 * i:3 * i + 3]) - 1) < 1e-5 for i in range(60))
END
check "predictions are probabilities" python3 predicted.py one/predictions.npy
works "predict --out" predict one test-x.npy --out p.npy
same "predict --out" one/predictions.npy p.npy
works "predict --mc" predict one test-x.npy --mc 20 --out mc.npy
says "predict --mc" ", entropy "
says "predict --mc" "mc-information.npy: 60, information"
cat >monte_carlo.py <<'END'
import math, struct
def npy(name):
    data = open(name, "rb").read()
    n, = struct.unpack("<H", data[8:10])
    shape = eval(data[10 : 10 + n])["shape"]
    return shape, struct.unpack("<%df" % math.prod(shape), data[10 + n :])
shape, mean = npy("mc.npy")
assert shape == (60, 3), shape
shape, deviation = npy("mc-deviation.npy")
assert shape == (60, 3) and all(0 <= d < .5 for d in deviation) and max(deviation) > .001, deviation
shape, entropy = npy("mc-entropy.npy")
assert shape == (60,), shape
for i in range(60):
    h = -sum(p * math.log(p) for p in mean[3 * i : 3 * i + 3] if p > 0)
    assert abs(h - entropy[i]) < 1e-5, (i, h, entropy[i])
shape, information = npy("mc-information.npy")
assert shape == (60,) and all(0 <= m <= h for m, h in zip(information, entropy)) and max(information) > 0
END
check "predict --mc: files" python3 monte_carlo.py
refuses "predict --mc of no number" 2 "--mc is '0', expected a whole number of 1 to 1000000" \
    predict one test-x.npy --mc 0
refuses "predict shape" 1 "the network wants 4" predict one flat-x.npy
refuses "predict no file" 1 "nowhere.npy" predict one nowhere.npy
refuses "predict no run" 1 "cannot open the run folder nowhere" predict nowhere test-x.npy
refuses "a run is there" 1 "go on with it: syncline train --resume one" train base.yaml --out one
works "default folder" train base.yaml --set train.epochs=1
check "default folder" test -s runs/base/summary.json
works "next folder" train base.yaml --set train.epochs=1 --set name=base
check "next folder" test -s runs/base-2/summary.json

# ---- equal bytes ----
works again train base.yaml --out two
same again one/weights.safetensors two/weights.safetensors
works resolved train one/experiment.yaml --out three
same resolved one/weights.safetensors three/weights.safetensors
same resolved one/experiment.yaml three/experiment.yaml
works streamed train base.yaml --out four --set train.stream=yes
same streamed one/weights.safetensors four/weights.safetensors
works "another seed" train base.yaml --out five --set train.seed=8
check "another seed differs" sh -c '! cmp -s one/weights.safetensors five/weights.safetensors'

# ---- other data, nets and options ----
cat >csv.yaml <<'END'
data: { format: csv, train: train.csv, test: test.csv, labels: yes, standardise: yes, validation: 0.25, classes: [cat, "b, c", 7] }
model: [ dense: { units: 8, init: he_normal, activation: { leaky_relu: { alpha: 0.1 } } }, dense: 3 ]
train: { loss: softmax_cross_entropy, optimizer: momentum, epochs: 2 }
END
works "csv labels" train csv.yaml --out csv
says "csv labels" "180 training, 60 validation, 60 test"
works "class names" evaluate csv
says "class names" "b, c "
check "class names" grep -q '^"b, c",' csv/confusion.csv
sed 's/activation: elu/activation: { prelu: { share: one } }/' base.yaml >sugar.yaml
sed 's/, activation: elu }/ }\n  - prelu: { share: one }/' base.yaml >item.yaml
works "a layer as activation" train sugar.yaml --out sugar
works "the same as an item" train item.yaml --out item
same "a layer as activation" sugar/weights.safetensors item/weights.safetensors
works "a layer as activation, resolved" train sugar/experiment.yaml --out sugar-2
same "a layer as activation, resolved" sugar/weights.safetensors sugar-2/weights.safetensors
works "regression, graph, torch" train plane.yaml --out plane
works "resolved graph" train plane/experiment.yaml --out plane-2
same "resolved graph" plane/weights.safetensors plane-2/weights.safetensors
works "evaluate regression" evaluate plane
says "evaluate regression" ", r2 "
sed 's/data:.*/data: { format: idx, train: [train-x.idx.gz, train-y.idx], test: [test-x.idx.gz, test-y.idx], standardise: yes }/' base.yaml >idx.yaml
works "idx" train idx.yaml --out idx
works "double" train base.yaml --out double --set train.dtype=double --set train.epochs=1
works "steps" train base.yaml --out steps --set train.steps=20 --set train.epochs=50
check "steps" grep -q '"steps": 20,' steps/summary.json
works "no shuffle" train base.yaml --out straight --set train.shuffle=no --set train.epochs=1
works "one_cycle" train base.yaml --out cycle --set train.schedule=one_cycle \
    --set model.dense_1.units=8 --set model.dropout_1=0.5 --set model.0.flatten.name=flat
check "--set by layer name" grep -q 'units: 8' cycle/experiment.yaml
check "--set of a layer" grep -q 'rate: 0.5' cycle/experiment.yaml
check "--set by number" grep -q 'name: flat' cycle/experiment.yaml
works "--init" train base.yaml --out init --init one/weights.safetensors --set train.optimizer.adam.lr=0
says "--init" "4 of 4 parameters"
same "--init" one/weights.safetensors init/weights.safetensors
refuses "--set of no layer" 1 "--set model.dense_9.units: no layer 'dense_9'; there are: flatten_1" \
    train base.yaml --out none --set model.dense_9.units=1
refuses "--set of a bad value" 1 "--set train.epochs: train: epochs expects a whole number, got the text 'x'" \
    train base.yaml --out none --set train.epochs=x
refuses "--set of an unknown key" 1 "train: unknown key 'epoch'; did you mean 'epochs'?" \
    train base.yaml --out none --set train.epoch=1
refuses "--init of nothing" 1 "nowhere.safetensors" train base.yaml --out none --init nowhere.safetensors

# ---- on a terminal ----
cat >terminal.py <<'END'
"""terminal.py COMMAND...: runs it on a terminal of 70 columns, prints what it writes."""
import fcntl, os, pty, struct, sys, termios
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 70, 0, 0))
    os.execvp(sys.argv[1], sys.argv[1:])
data = b""
try:
    while chunk := os.read(fd, 4096):
        data += chunk
except OSError:
    pass  # the other end is closed
sys.stdout.buffer.write(data)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
cat >bars.py <<'END'
import re, sys
text = open("out", encoding="utf-8").read()
drawn = [re.sub("\033\\[[0-9]*[mK]", "", part) for part in re.split("[\r\n]+", text)]
bars = [part for part in drawn if "%" in part and part.startswith("epoch ")]
assert bars, text
assert all(len(part) < 70 and "ETA" in part for part in bars), bars
assert ("\033[32m" in text) == (sys.argv[1] == "colour"), text
END
slow="--set train.batch=1 --set model.dense_1.units=50000 --set train.epochs=2"
# shellcheck disable=SC2086
TERM=xterm LC_ALL=C.UTF-8 NO_COLOR='' python3 terminal.py "$syncline" train base.yaml $slow --out bar >out
check "terminal: exit 0" test $? -eq 0
says terminal "epoch 2/2  loss "
check "terminal: a bar" python3 bars.py colour
# shellcheck disable=SC2086
TERM=xterm LC_ALL=C NO_COLOR=1 python3 terminal.py "$syncline" train base.yaml $slow --out plain >out
check "terminal: no colour" python3 bars.py plain
says "terminal: no UTF-8" "#"
works "no terminal" train base.yaml --out dull --set train.epochs=1
check "no terminal: no control characters" sh -c '! grep -q "$(printf "[\033\r]")" out'

finish
