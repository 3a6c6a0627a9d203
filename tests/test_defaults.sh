#!/bin/sh
# Recommended sets and warnings of poor pairings. Arguments: [SYNCLINE [SOURCE_ROOT]], see cli.sh.
. "$(dirname "$0")/cli.sh"
export SYNCLINE_CL_OPTIONS=-cl-opt-disable # nothing here depends on speed

# squeezed blanks, for tables
squeeze() {
    tr -s ' ' <out >squeezed
    mv squeezed out
}
# filled NAME FILE ARGS...: plan FILE, its columns squeezed
filled() {
    works "$1" plan "$2" --set "$3"
    squeeze
}
lacks() {
    if grep -qF -- "$2" out; then fail "$1: '$2' is in the output"; else pass; fi
}
# warns NAME TEXT ARGS...: plan ARGS succeeds with one line on stderr that holds TEXT
warns() {
    warns_name=$1 text=$2
    shift 2
    "$syncline" plan "$@" >out 2>err
    code=$?
    if [ $code -eq 0 ] && [ "$(wc -l <err)" -eq 1 ] && grep -qF -- "syncline: warning: $text" err; then pass; else
        fail "$warns_name: plan $*: exit $code, wanted the warning: $text, got:"
        sed 's/^/    /' err
    fi
}

works "help defaults" help defaults
says "help defaults" "self_normalising"
# ---- what is filled in ----
cat >open.yaml <<'END'
defaults: dense
data: { format: npy, train: [train-x.npy, train-y.npy], test: [test-x.npy, test-y.npy], validation: 40 }
model: [ flatten, dense: 8, dense: { units: 8, activation: tanh }, dense: 8, relu, dense: 3 ]
train: { loss: softmax_cross_entropy, batch: 16, epochs: 2 }
END
filled "dense" open.yaml train.seed=1
says "activations" " activation elu dense_1"
says "initialisers" " init he_normal dense_1, dense_3"
says "the init of a given activation" " init glorot_normal dense_2"
says "optimizer" " train.optimizer nadam"
says "schedule" " train.schedule one_cycle"
says "penalty" " train.penalty { l2: 0.0001 }"
lacks "a net that is not deep" "batch_norm"
lacks "no standardisation" "data.standardise"
filled "given ones stay" open.yaml train.optimizer=adam
lacks "given optimizer" "train.optimizer"
filled "given init stays" open.yaml model.dense_1.init=he_uniform
lacks "given init" "init he_normal dense_1"
filled "decay is regularisation" open.yaml train.decay.decoupled=0.001
lacks "decay" "train.penalty"

filled "self_normalising" open.yaml defaults=self_normalising
says "selu" " activation selu dense_1"
says "lecun" " init lecun_normal dense_1"
check "alpha_dropout behind selu alone" grep -q "^ alpha_dropout 0.05 dense_1$" out
says "the layer" "alpha_dropout_1 alpha_dropout 8"
says "standardise" " data.standardise yes"
lacks "no penalty" "train.penalty"
sed 's/dense: 3 /dropout: 0.2, &/' open.yaml >own.yaml
"$syncline" plan own.yaml --set defaults=self_normalising >out 2>err
check "own dropout: a plan" test $? -eq 0
lacks "own dropout" "alpha_dropout"

# deep: batch_norm stands between kernel and activation, and names stand for all of it
cat >deep.yaml <<'END'
defaults: dense
preset: torch
data: { format: npy, train: [flat-x.npy, train-y.npy], validation: 40 }
model: [ dense: 8, dense: 8, dense: 8, dense: { units: 8, name: fourth }, dense: 8, add: { from: [fourth, dense_5] },
         dense: 3 ]
train: { loss: softmax_cross_entropy, batch: 16, epochs: 2 }
END
filled "deep" deep.yaml train.seed=1
says "batch_norm" " batch_norm dense_1, dense_2, dense_3, fourth, dense_5"
tr '\n' ' ' <out >lines && mv lines out
says "the order" "fourth dense 8 72 64 batch_norm_4 batch_norm 8 16 0 activation_4 elu 8 0 0 dense_5 dense 8 72 64"
says "a name stands for all of it" "add_1 add 8 0 0 from activation_4, activation_5"
filled "a head is not hidden" deep.yaml model.dense_6.activation=elu
lacks "a head is not hidden" ", dense_6"
sed 's/dense: 3 /batch_norm, &/' deep.yaml >norm.yaml
filled "own normalisation" norm.yaml train.seed=1
lacks "own normalisation" "batch_norm dense_1"

works "nothing left open" plan open.yaml --set model.dense_1.activation=elu --set model.dense_1.init=he_normal \
    --set model.dense_2.init=glorot_normal --set model.dense_3.init=he_normal --set train.optimizer=sgd \
    --set train.schedule=constant --set train.penalty.l1=0
says "nothing left open" "nothing, the file says all"
refuses "no such set" 1 "defaults is 'dens', allowed dense, self_normalising; did you mean 'dense'?" plan open.yaml \
    --set defaults=dens

# ---- the run folder holds what was resolved, and trains the same ----
works "trains" train deep.yaml --out one
check "no key left" sh -c '! grep -q "^defaults" one/experiment.yaml'
check "optimizer resolved" grep -q "nadam: { lr: 0.002" one/experiment.yaml
check "penalty resolved" grep -q "penalty: { l2: 0.0001 }" one/experiment.yaml
check "layers resolved" grep -q -- "- batch_norm" one/experiment.yaml
works "trains again" train one/experiment.yaml --out two
same "resolved" one/weights.safetensors two/weights.safetensors
same "resolved twice" one/experiment.yaml two/experiment.yaml

# ---- poor pairings ----
cat >selu.yaml <<'END'
data: { format: npy, train: [flat-x.npy, train-y.npy], validation: 40, standardise: yes }
model:
  - dense: { units: 8, init: lecun_normal, activation: selu }
  - alpha_dropout: 0.1
  - dense: 3
train: { loss: softmax_cross_entropy, batch: 16 }
END
works "a good net" plan selu.yaml
warns "initialiser" "selu.yaml: model: dense_1: init he_normal does not fit selu; give init: lecun_normal" selu.yaml \
    --set model.dense_1.init=he_normal
warns "input" "selu.yaml: model: input_1: selu wants standardised input; give data: { standardise: yes }" selu.yaml \
    --set data.standardise=no
sed 's/alpha_dropout/dropout/' selu.yaml >drop.yaml
warns "dropout" "drop.yaml: model: dropout_1: dropout undoes" drop.yaml
sed 's/alpha_dropout: 0.1/batch_norm/' selu.yaml >norm.yaml
warns "batch_norm" "norm.yaml: model: batch_norm_1: batch_norm in a net of selu" norm.yaml
sed 's/dense: 3/&\n  - dropout: 0.1/;s/selu/elu/;s/lecun/he/;s/alpha_//' selu.yaml >last.yaml
warns "output" "last.yaml: model: dropout_2: dropout on the output" last.yaml
"$syncline" train last.yaml --out last >out 2>err
check "it trains all the same" test $? -eq 0
works "a trained net is not warned of again" evaluate last

# standardised by hand is standardised
python3 - <<'END'
import random, struct
r = random.Random(2)
x = [r.gauss(0, 1) for _ in range(240 * 16)]
head = "{'descr': '<f4', 'fortran_order': False, 'shape': (240, 16), }"
head += " " * (-(len(head) + 11) % 64) + "\n"
open("normal-x.npy", "wb").write(b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head.encode() +
                                 struct.pack("<%df" % len(x), *x))
END
sed 's/flat-x/normal-x/' selu.yaml >normal.yaml
works "standard as they are" plan normal.yaml --set data.standardise=no

finish
