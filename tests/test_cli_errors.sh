#!/bin/sh
# Bad input and broken surroundings: one clear line, the right exit code, nothing left behind.
# Arguments: [SYNCLINE [SOURCE_ROOT]], see cli.sh.
. "$(dirname "$0")/cli.sh"

mkdir empty
works "a run" train base.yaml --out one
works "another" train plane.yaml --out plane

# ---- bad experiment files ----
bad "class names" 's/validation: 40/classes: 3/' "1:98: data: classes expects a list of names, got the number 3"
bad "names of other classes" 's/validation: 40/classes: [a, b]/' "1:98: data: classes has 2 names, and there are 3 classes"
bad "a column of no table" 's/validation: 40/target: u/' "1:89: data: target is for format csv; whole numbers in y are labels"
bad "weights of no table" 's/validation: 40/weights: w/' "1:89: data: weights is for format csv; give the file as a third, [x, y, weights]"
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
bad "a layer that is no activation" 's/activation: elu/activation: batch_norm/' "4:54: model: dense: no activation 'batch_norm'; there are: softmax, log_softmax, prelu, rrelu, maxout, linear"
bad "an activation that reads" 's/activation: elu/activation: { prelu: { from: flatten_1 } }/' "4:65: model: dense: prelu: unknown key 'from'"
bad "unknown initialiser" 's/he_normal/he_norml/' "4:31: model: dense: init: no initialiser 'he_norml'; did you mean 'he_normal'?"
bad "unknown optimizer" 's/adam/adem/' "9:16: train: optimizer: no optimizer 'adem'; did you mean 'adam'?"
bad "unknown loss" 's/softmax_c/softmx_c/' "8:9: train: loss: no loss 'softmx_cross_entropy'; did you mean 'softmax_cross_entropy'?"
bad "no loss" '/loss:/d' "8:3: train: loss is missing; there are: softmax_cross_entropy"
bad "no units" 's/dense: 3/dense/' "6:5: model: dense_2: units must be given"
bad "more axes than there are" 's/flatten/layer_norm: { axes: 3 }/' "3:5: model: layer_norm_1: axes is 3, and a sample of its input has 2"
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
bad "a gap in the data" 's/train-x.npy/gap-x.npy/' "1:29: data: "
check "a gap in the data: where" grep -q "gap-x.npy: row 62, feature 8 is nan" err
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

# ---- full batches ----
bad "a search over mini-batches" 's/adam: .*/lbfgs: { history: 5 } }/' "10:10: train: batch: lbfgs takes the whole training set in every step"
bad "two ways to clip" 's/seed: 7/clip: { value: 1, norm: 2 }/' "12:9: train: clip: give one of value, norm and global_norm"
bad "two ways to decay" 's/seed: 7/decay: { coupled: 1, decoupled: 2 }/' "12:10: train: decay: give one of coupled and decoupled"
bad "a rule for nothing" 's/seed: 7/rules: [{ match: "conv*", trainable: no }]/' "12:10: train: rules: rule 1: no parameter matches 'conv*'; there is dense_1/kernel"
bad "a scale of float" 's/seed: 7/loss_scale: 8/' "12:15: train: loss_scale: is for dtype half"
bad "a batch of another word" 's/batch: 16/batch: al/' "10:10: train: batch expects a whole number, or all, got the text 'al'"
bad "unequal parts" 's/batch: 16/batch: all\n  accumulate: 7/' "11:15: train: accumulate is 7, and 200 rows do not make as many equal parts; 5 or 8 parts"
refuses "a search and clipping" 1 "clip: not with lbfgs" train base.yaml --out none --set train.optimizer=lbfgs \
    --set train.batch=all --set 'train.clip={ norm: 1 }'

# ---- things that break ----
refuses "a name in a list" 1 "--set data.train.x: 'x' stands in a list, whose items count from 0 to 1" train base.yaml --out none --set data.train.x=a.npy
refuses "no room" 1 "KiB too much; a batch below 16 would help" train base.yaml --out none --set train.memory_limit=48000
refuses "no room for the parameters" 1 "KiB too much; fewer units would help" train base.yaml --out none --set train.memory_limit=10000
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
nowhere() {
    "$syncline" "$@" >/dev/full 2>err
    [ $? -eq 1 ] && grep -q "standard output: No space left" err
}
for words in --version --help "train --help" "help schedules" "schedule base.yaml"; do
    # shellcheck disable=SC2086
    [ ! -c /dev/full ] || check "nothing can be printed: $words" nowhere $words
done
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

# ---- bench gemm ----
echo "7x5x3 TN" >requests
works "bench gemm" bench gemm --shape - --seconds 1e-3 --json <requests
says "bench gemm" '"shape": "7x5x3", "trans": "TN", "us": '
refuses "bench gemm: two sides" 2 "--shape is '3x4', expected rows x columns x depth" bench gemm --shape 3x4
refuses "bench gemm: transposition" 2 "'NX', expected NN, NT, TN or TT" bench gemm --shape 3x4x5 --trans NX
refuses "bench gemm: library" 2 "--library: absent.so: " bench gemm --library absent.so

finish
