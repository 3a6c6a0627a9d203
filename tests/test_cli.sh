#!/bin/sh
# The command line, end to end, on tiny data of its own: test_cli.sh SYNCLINE SOURCE_ROOT
# (default: the environment's SYNCLINE and SYNCLINE_SOURCE_ROOT). Prints each check that fails and
# ends with "N passed, N failed".
set -u
syncline=${1:-${SYNCLINE:?give the syncline binary}}
root=${2:-${SYNCLINE_SOURCE_ROOT:?give the source root}}
case $syncline in /*) ;; *) syncline=$PWD/$syncline ;; esac
case $root in /*) ;; *) root=$PWD/$root ;; esac
work=$(mktemp -d "${TMPDIR:-/tmp}/syncline-cli-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work" || exit 1
unset COLUMNS SYNCLINE_DEVICE SYNCLINE_TRACE
passed=0 failed=0

pass() { passed=$((passed + 1)); }
fail() {
    failed=$((failed + 1))
    echo "FAILED: $*"
}
# check NAME COMMAND...: the command succeeds
check() {
    check_name=$1
    shift
    if "$@" >check.log 2>&1; then pass; else
        fail "$check_name: $*"
        head -5 check.log | sed 's/^/    /'
    fi
}
# works NAME ARGS...: syncline ARGS exits 0 and says nothing on stderr; output in `out`
works() {
    works_name=$1
    shift
    "$syncline" "$@" >out 2>err
    code=$?
    if [ $code -eq 0 ] && [ ! -s err ]; then pass; else
        fail "$works_name: syncline $*: exit $code"
        head -5 err | sed 's/^/    /'
    fi
}
# says NAME TEXT: the last output holds the text
says() {
    if grep -qF -- "$2" out; then pass; else
        fail "$1: '$2' is not in the output:"
        head -5 out | sed 's/^/    /'
    fi
}
# refuses NAME CODE TEXT ARGS...: syncline ARGS exits CODE with one line on stderr that holds TEXT
refuses() {
    refuses_name=$1 want=$2 text=$3
    shift 3
    "$syncline" "$@" >out 2>err </dev/null
    code=$?
    lines=$(wc -l <err)
    if [ $code -eq "$want" ] && [ "$lines" -eq 1 ] && grep -q '^syncline: ' err &&
        grep -qF -- "$text" err; then
        pass
    else
        fail "$refuses_name: syncline $*: exit $code (wanted $want), wanted: $text, got $lines line(s):"
        head -5 err | sed 's/^/    /'
    fi
}
# bad NAME SED TEXT: train refuses base.yaml edited by SED, with TEXT behind the file's name; and
# leaves no folder
bad() {
    sed -e "$2" base.yaml >bad.yaml
    cmp -s base.yaml bad.yaml && fail "$1: the edit '$2' changes nothing"
    refuses "$1" 1 "bad.yaml:$3" train bad.yaml --out bad
    [ ! -e bad ] || { fail "$1: left a folder behind"; rm -rf bad; }
}
same() { check "$1: $2 and $3 are equal" cmp "$2" "$3"; }

# ---- data: three classes of 4 x 4 pictures; a plane for regression ----
cat >make.py <<'END'
import gzip, random, struct
def npy(name, code, shape, values):
    head = "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }" % (
        {"f": "<f4", "d": "<f8", "q": "<i8", "B": "|u1"}[code], "".join("%d," % n for n in shape))
    head += " " * (-(len(head) + 11) % 64) + "\n"
    with open(name, "wb") as f:
        f.write(b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head.encode())
        f.write(struct.pack("<%d%s" % (len(values), code), *values))
def idx(name, shape, values, pack):
    data = bytes([0, 0, 8, len(shape)]) + struct.pack(">%dI" % len(shape), *shape) + bytes(values)
    (gzip.open if pack else open)(name, "wb").write(data)
r = random.Random(1)
def pictures(n):
    x, y = [], []
    for i in range(n):
        c = r.randrange(3)
        y.append(c)
        x += [min(255, max(0, int(r.gauss(60 + 60 * (k % 3 == c), 40)))) for k in range(16)]
    return x, y
for name, n in ("train", 240), ("test", 60):
    x, y = pictures(n)
    npy(name + "-x.npy", "f", (n, 4, 4), [v / 255 for v in x])
    npy(name + "-y.npy", "q", (n,), y)
    idx(name + "-x.idx.gz", (n, 4, 4), x, True)
    idx(name + "-y.idx", (n,), y, False)
    with open(name + ".csv", "w") as f:
        f.write(",".join("p%d" % k for k in range(16)) + ",class\n")
        for i in range(n):
            f.write(",".join(map(str, x[16 * i : 16 * i + 16] + [y[i]])) + "\n")
    with open(name + "-plane.csv", "w") as f:
        f.write("a,b,u,v\n")
        for i in range(n):
            a, b = r.uniform(-1, 1), r.uniform(-1, 1)
            f.write("%g,%g,%g,%g\n" % (a, b, 2 * a - b + .5, a + b))
    if name == "train":
        npy("label-7.npy", "q", (n,), y[:100] + [7] + y[101:])
        npy("short-y.npy", "q", (n - 1,), y[:-1])
        npy("flat-x.npy", "f", (n, 16), [v / 255 for v in x])
        npy("real-y.npy", "f", (n,), [float(v) for v in y])
data = open("train-x.npy", "rb").read()
open("cut-x.npy", "wb").write(data[:-100])
open("text.npy", "w").write("no array\n")
idx_data = gzip.open("train-x.idx.gz").read()
open("cut-x.idx", "wb").write(idx_data[:2000])
open("cut.csv", "w").write("a,b\n1,2\n3\n")
open("words.csv", "w").write("a,b\n1,2\n3,x\n")
END
python3 make.py || { echo "FAILED: python3 make.py"; exit 1; }

cat >base.yaml <<'END'
data: { format: npy, train: [train-x.npy, train-y.npy], test: [test-x.npy, test-y.npy], validation: 40 }
model:
  - flatten
  - dense: { units: 16, init: he_normal, activation: elu }
  - dropout: 0.1
  - dense: 3
train:
  loss: softmax_cross_entropy
  optimizer: { adam: { lr: 0.01 } }
  batch: 16
  epochs: 3
  seed: 7
END

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
mkdir empty
OCL_ICD_VENDORS=$work/empty OCL_ICD_FILENAMES='' "$syncline" train base.yaml --out none >out 2>err
check "no device: exit 1" test $? -eq 1
check "no device: clinfo" grep -q "clinfo -l" err
check "no device: package" grep -q "pocl-opencl-icd" err
check "no device: no folder" test ! -e none
refuses "device by name" 1 "nosuchdevice" train base.yaml --device nosuchdevice --out none

# ---- train, evaluate, predict ----
works train train base.yaml --out one
says train "epoch 1/3  loss "
says train "val_accuracy"
says train "test       accuracy "
says train "one/curves.svg"
for file in experiment.yaml weights.safetensors state.safetensors history.csv history.jsonl \
    curves.svg summary.json; do
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
data: { format: csv, train: train.csv, test: test.csv, labels: yes, standardise: yes, validation: 0.25 }
model: [ dense: { units: 8, activation: { leaky_relu: { alpha: 0.1 } } }, dense: 3 ]
train: { loss: softmax_cross_entropy, optimizer: momentum, epochs: 2 }
END
works "csv labels" train csv.yaml --out csv
says "csv labels" "180 training, 60 validation, 60 test"
cat >plane.yaml <<'END'
preset: torch
data: { format: csv, train: train-plane.csv, test: test-plane.csv, target: "u,v" }
model:
  - dense: { units: 8, name: wide, activation: tanh }
  - dense: { units: 8, from: input_1 }
  - add: { from: [wide, dense_2] }
  - concat: { from: [add_1, wide] }
  - sigmoid
  - dense: { units: 2, init: { normal: { stddev: 0.1 } } }
train: { loss: mse, optimizer: { sgd: { lr: 0.1 } }, epochs: 5, schedule: { exponential: { s: 100 } } }
END
works "regression, graph, torch" train plane.yaml --out plane
works "resolved graph" train plane/experiment.yaml --out plane-2
same "resolved graph" plane/weights.safetensors plane-2/weights.safetensors
works "evaluate regression" evaluate plane
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

# ---- bad experiment files ----
bad "unknown key" 's/units: 16/unit: 16/' "4:14: model: dense: unknown key 'unit'; did you mean 'units'?"
bad "unknown section" 's/^train:/trian:/' "7:1: experiment: unknown key 'trian'; did you mean 'train'?"
bad "missing section" 's/^model:.*/modl: 1/;/^  - /d' "2:1: experiment: unknown key 'modl'; did you mean 'model'?"
bad "wrong type" 's/units: 16/units: many/' "4:21: model: dense: units expects a whole number, got the text 'many'"
bad "not whole" 's/units: 16/units: 2.5/' "4:21: model: dense: units expects a whole number, got the number 2.5"
bad "switch" 's/seed: 7/shuffle: 3/' "12:12: train: shuffle expects one of no|yes, got the number 3"
bad "range" 's/lr: 0.01/beta1: 1.5/' "9:31: train: optimizer: adam: beta1 is 1.5, allowed 0 to 0.999999999"
bad "range of a layer" 's/dropout: 0.1/dropout: 1.2/' "5:14: model: dropout: rate is 1.2, allowed 0 to 0.999999"
bad "unknown layer" 's/flatten/flaten/' "3:5: model: no layer or activation 'flaten'; did you mean 'flatten'?"
bad "unknown activation" 's/elu/elo/' "4:54: model: dense: no activation 'elo'; did you mean 'elu'?"
bad "unknown initialiser" 's/he_normal/he_norml/' "4:31: model: dense: init: no initialiser 'he_norml'; did you mean 'he_normal'?"
bad "unknown optimizer" 's/adam/adem/' "9:16: train: optimizer: no optimizer 'adem'; did you mean 'adam'?"
bad "unknown loss" 's/softmax_c/softmx_c/' "8:9: train: loss: no loss 'softmx_cross_entropy'; did you mean 'softmax_cross_entropy'?"
bad "no loss" '/loss:/d' "8:3: train: loss is missing; there are: softmax_cross_entropy"
bad "no units" 's/dense: 3/dense/' "6:5: model: dense_2: units must be given"
bad "flatten is missing" '/flatten/d' "3:5: model: dense_1: got an input of shape 4"
bad "flatten is missing, what to do" '/flatten/d' "3:5: model: dense_1"
check "flatten is missing: it says so" grep -q "put a flatten layer in front" err
bad "shapes do not add" 's/dense: 3/add: { from: [dense_1, flatten_1, input_1] }/' "6:5: model: add_1: got inputs of shapes 16"
bad "unknown from" 's/dense: 3/dense: { units: 3, from: dense_7 }/' "6:30: model: dense: from: no layer 'dense_7' before this one; there are: input_1"
bad "name twice" 's/dense: 3/dense: { units: 3, name: dense_1 }/' "6:5: model: layer name 'dense_1' is there twice"
bad "loss as layer" 's/- dense: 3/- mse/' "6:5: model: mse is a loss"
bad "options beside" 's/- dense: 3/- dense: 3\
    activation: elu/' "7:5: model: 'activation' stands beside 'dense'"
bad "key twice" 's/seed: 7/epochs: 7/' "12:3: 'epochs' is given twice"
bad "open brace" 's/validation: 40 }/validation: 40/' "2:6: missing comma in flow mapping"
bad "tab" 's/^  - flatten/	- flatten/' "3:"
bad "alias" 's/seed: 7/seed: *x/' "12:10: aliases are not supported"
bad "one class too few" 's/dense: 3/dense: 2/' "1:29: data: train: row "
bad "labels out of range" 's/train-y.npy/label-7.npy/' "1:29: data: train: row 100 has label 7"
bad "rows differ" 's/train-y.npy/short-y.npy/' "1:29: data: "
bad "samples differ" 's/train-x.npy/flat-x.npy/' "1:62: data: a sample of test has shape 4"
bad "no data file" 's/train-x.npy/nowhere.npy/' "1:29: data: "
check "no data file: which" grep -q "nowhere.npy" err
bad "truncated data" 's/train-x.npy/cut-x.npy/' "1:29: data: "
check "truncated data: says so" grep -q "cut-x.npy.*truncated" err
bad "truncated IDX" 's/train-x.npy/cut-x.idx/' "1:29: data: "
bad "text as data" 's/train-x.npy/text.npy/' "1:29: data: "
bad "targets of another size" 's/softmax_cross_entropy/mse/' "1:29: data: train has 1 value of targets a sample, but mse compares 3"
bad "real labels" 's/train-y.npy/real-y.npy/' "8:9: train: loss softmax_cross_entropy wants class numbers"
bad "validation" 's/validation: 40/validation: 240/' "1:101: data: validation is 240, allowed 0 to 239 rows, or a share below 1"
bad "unknown set" 's/^data:.*/data: { name: fashion_mnist }/' "1:15: data: "
bad "no format" 's/format: npy, //' "1:7: data: give name, a known set, or format and train"
bad "one file" 's/\[train-x.npy, train-y.npy\]/train-x.npy/' "1:29: data: train expects [x, y], two file names"
bad "ragged csv" 's/^data:.*/data: { format: csv, train: cut.csv, labels: yes }/' "1:29: data: "
bad "words in csv" 's/^data:.*/data: { format: csv, train: words.csv, labels: yes }/' "1:29: data: "
bad "no such column" 's/^data:.*/data: { format: csv, train: train.csv, target: klass, labels: yes }/' "1:29: data: "
printf 'just text\n' >text.yaml
refuses "not a map" 1 "text.yaml:1:1: an experiment file is a map" train text.yaml --out none
printf '\377\376\000a' >binary.yaml
refuses "binary" 1 "binary.yaml: not a text file in UTF-8" train binary.yaml --out none
: >empty.yaml
refuses "empty" 1 "empty.yaml: data is missing" train empty.yaml --out none
refuses "a folder as file" 1 "empty" train empty --out none
refuses "schedule that ends" 1 "train: schedule: one_cycle: ends after 20 steps" \
    train base.yaml --out none --set train.schedule.one_cycle.steps=20
refuses "schedule without steps" 1 "--set train.schedule: train: schedule: exponential: give s" train base.yaml --out none --set train.schedule=exponential
check "refused runs leave no folder" test ! -e none

# ---- things that break ----
refuses "no room" 1 "the plan needs " train base.yaml --out none --set train.memory_limit=10000
: >file
refuses "folder in a file" 1 "cannot make the folder file" train base.yaml --out file/run
refuses "folder that cannot be" 1 "cannot make the folder /proc/syncline" train base.yaml --out /proc/syncline
(
    trap '' XFSZ # a limit on file sizes stands in for a full disk
    ulimit -f 8192 # 4 MiB: the driver keeps files of its own
    exec "$syncline" train base.yaml --out full --set model.dense_1.units=100000 >out 2>err
)
check "full disk: exit 1" test $? -eq 1
check "full disk: which file" grep -q "full/state.safetensors" err
check "full disk: one line" sh -c 'test "$(grep -c "^syncline: " err)" -eq 1'
refuses "NaN" 1 "the loss is not finite" train plane.yaml --out nan --set train.optimizer.sgd.lr=1e6 --set train.epochs=50
cp -r one broken
python3 -c 'd = open("one/weights.safetensors", "rb").read(); open("broken/weights.safetensors", "wb").write(d[:-4])'
refuses "truncated weights" 1 "broken/weights.safetensors" evaluate broken
python3 -c 'd = open("one/weights.safetensors", "rb").read(); open("broken/weights.safetensors", "wb").write(d[:8] + b"[" + d[9:])'
refuses "corrupt weights" 1 "broken/weights.safetensors" predict broken test-x.npy
: >broken/weights.safetensors
refuses "empty weights" 1 "broken/weights.safetensors" evaluate broken
rm broken/weights.safetensors
refuses "no weights" 1 "broken holds no weights.safetensors" evaluate broken
head -c 200 one/state.safetensors >broken/state.safetensors
refuses "truncated state" 1 "state.safetensors" train --resume broken
refuses "resume of nothing" 1 "empty holds no experiment.yaml" train --resume empty
refuses "weights of another net" 1 "plane/weights.safetensors" train base.yaml --out none \
    --init plane/weights.safetensors

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

# ---- stop and go on ----
long="--set train.epochs=30 --set train.checkpoint.every_steps=5"
# shellcheck disable=SC2086
works "uninterrupted" train base.yaml $long --out whole
works "resume when done" train --resume whole
cp -r whole done
works "resume when done, again" train --resume done
same "resume when done" whole/weights.safetensors done/weights.safetensors
same "resume when done" whole/history.csv done/history.csv
cat >stop.py <<'END'
"""stop.py SIGNAL OUT RESUME SECONDS COMMAND...: sends the signal SECONDS after the first checkpoint."""
import os, signal, subprocess, sys, time
number, out, seconds = getattr(signal, sys.argv[1]), sys.argv[2], float(sys.argv[3])
signal.signal(signal.SIGINT, signal.default_int_handler)
p = subprocess.Popen(sys.argv[4:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
state = os.path.join(out, "state.safetensors")
before = os.stat(state).st_mtime_ns if os.path.exists(state) else 0
while p.poll() is None and not (os.path.exists(state) and os.stat(state).st_mtime_ns != before):
    time.sleep(.002)
time.sleep(seconds)
if p.poll() is None:
    p.send_signal(number)
text = p.communicate()[0]
print(text, end="")
sys.exit(128 - p.returncode if p.returncode < 0 else p.returncode)
END
killed=0
for pause in 0 0.013 0.05 0.11; do
    if [ $killed -eq 0 ]; then
        # shellcheck disable=SC2086
        python3 stop.py SIGKILL kill $pause "$syncline" train base.yaml $long --out kill >out
    else
        python3 stop.py SIGKILL kill $pause "$syncline" train --resume kill >out
    fi
    [ $? -eq 137 ] && killed=$((killed + 1))
done
check "a run was killed" test $killed -gt 0
: >kill/state.safetensors.1-0.tmp
works "resume after kill" train --resume kill
check "resume clears what was half written" sh -c '! ls kill | grep -q "[.]tmp$"'
same "resume after kill" whole/weights.safetensors kill/weights.safetensors
cut -d, -f1-7 whole/history.csv >a.csv
cut -d, -f1-7 kill/history.csv >b.csv
same "history after kill" a.csv b.csv
# shellcheck disable=SC2086
python3 stop.py SIGINT break 0.03 "$syncline" train base.yaml $long --out break >out
check "Ctrl-C: exit 130" test $? -eq 130
says "Ctrl-C" "go on with: syncline train --resume break"
check "Ctrl-C: no summary yet" test ! -e break/summary.json
works "evaluate a stopped run" evaluate break
works "resume after Ctrl-C" train --resume break
says "resume after Ctrl-C" "break, going on"
same "resume after Ctrl-C" whole/weights.safetensors break/weights.safetensors
rm -rf early
mkdir early
cp whole/experiment.yaml early
works "resume before the first checkpoint" train --resume early
same "resume before the first checkpoint" whole/weights.safetensors early/weights.safetensors
works "resume with more epochs" train --resume one --set train.epochs=4
check "resume with more epochs" test "$(wc -l <one/history.jsonl)" -eq 4

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
