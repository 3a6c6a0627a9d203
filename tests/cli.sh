# What the tests of the command line share; they read this file: . cli.sh [SYNCLINE [SOURCE_ROOT]]
# (default: the environment's SYNCLINE and SYNCLINE_SOURCE_ROOT). A folder of their own with tiny
# data, and checks that print what failed. They end with `finish`.
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
        npy("gap-x.npy", "f", (n, 4, 4), [v / 255 for v in x[:1000]] + [float("nan")] + [v / 255 for v in x[1001:]])
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

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
