#!/usr/bin/env python3
"""Write the golden values of tests/golden/*.safetensors, as PyTorch and Keras compute them.

Run in a virtual environment with torch==2.13.0, keras>=3.15, safetensors and numpy:

    pip install torch==2.13.0 'keras>=3.15' safetensors numpy
    python tools/golden.py                    # writes tests/golden, equal bytes on every run
    python tools/golden.py --only maps losses
    python tools/golden.py --check            # compares, writes nothing

What the files hold
===================

Every tensor is F64, row major.  Every file's `__metadata__` has one key, "cases": the text of a
JSON array of objects.  Each object has a unique "name"; its tensors are "<name>/<tensor>".
"framework" is "torch" or "keras": whose numbers these are.  Names of cases contain no slash.
The formulas and the names of options are those of the project's definitions; absent means: does
not apply.

maps.safetensors: y = f(x), element by element
    keys     name, framework, map, attrs (array of numbers: alpha; [] where there is none)
    tensors  x, y, dy, dx, all of one shape (5,7) or (3,13); dx = dy * f'(x)
    x holds the kinks and the extremes too: 0, +-1e-12, +-1e-3, +-3, 6, 21, +-30.
    At a kink the derivative is the framework's: 0 takes the negative branch.

losses.safetensors
    keys     name, framework, loss, reduction ("mean" or "sum"), options (object)
    tensors  x       (rows, columns)   logits, or predictions
             target  (rows)            labels as numbers: softmax_cross_entropy, nll
                     (rows, columns)   values: all other losses
             rows    (rows)            the loss of each row, reduced over the columns only
             loss    (1)               the mean or the sum of rows (unless options weigh rows)
             dx      (rows, columns)   the gradient of loss by x
    Columns: keras always takes their mean.  torch with "sum" sums them, so that its mse "sum" is
    the plain sum over all elements, and keras's is that divided by the columns.
    kl takes the sum over the columns, and the mean over the rows alone.
    options: label_smoothing, ignore_index, weights (one per class), delta, positive_weight,
    squared, function (of custom_loss: log_cosh).

layers.safetensors
    keys     name, framework, layer ("dense", "add", "concat", "flatten"), inputs (how many),
             axis (concat: always -1)
    dense    x (rows, in), kernel (in, out), bias (out) unless "no_bias" is true, y, dy (rows, out),
             dx, dkernel, dbias
    add      x0 x1 .., y, dy, dx0 dx1 ..         flatten  x, y, dy, dx; the first axis is kept
    concat   the same as add

norms.safetensors: batch_norm, layer_norm, rms_norm, group_norm, instance_norm; channels last
    keys     name, framework, layer, options (object: eps, momentum (share of the old statistics that
             is kept), no_scale, no_shift, groups, statistics; absent: the framework's default)
    tensors  x0, y, dy, dx; gamma, dgamma, beta, dbeta where the layer has them
    batch_norm also: x1, x2, the inputs of two more training steps; mean1, variance1, mean3,
             variance3, the running statistics after the first and the third; test, the output for x0
             in test mode after them

metrics.safetensors: metrics of a whole set
    keys     name, framework, kind ("classes", "values"), k (of top_k)
    classes  x (rows, classes) logits, target (rows) labels, confusion (true, predicted), precision,
             recall, f1 of each class, scores: accuracy, top_k
    values   x, target (rows, outputs), scores: rmse, r2 (mean over outputs)

activations.safetensors: activations that are layers
    keys     name, framework, layer ("softmax", "log_softmax", "prelu", "maxout"), options (object)
    tensors  x, y, dy, dx, channels last; the first axis counts samples.  prelu: alpha, dalpha too
    options  prelu: share ("element", "channel", "one").  maxout: pieces; those of one result stand
             side by side along the last axis.

trajectories.safetensors: 50 training steps of one net, in float64
    The net: dense 7->9, elu (alpha 1), dense 9->8, tanh, dense 8->5, softmax cross entropy with
    mean reduction, batches of 6.  Step t (from 0) trains on data/x[t], data/labels[t].
    shared   data/x (50,6,7), data/labels (50,6);
             init/kernel0 (7,9), init/bias0 (9), init/kernel1 (9,8), init/bias1 (8),
             init/kernel2 (8,5), init/bias2 (5): the weights every case starts from
    keys     name, framework, optimizer, options (object), schedule, schedule_options (object),
             steps (50)
    tensors  kernel0 .. bias2        the weights after the last step
             kernel0_step1 .. bias2_step1   the weights after the first step
             loss (50)               the mean loss of each step's batch, before its update
    Values of options: numbers, true or false (flags), or one of a choice's words ("yes", "hat").
    options: lr always; momentum, nesterov: beta, dampening, lr_in_buffer ("yes", "no");
    adam: beta1, beta2, eps, eps_place ("outside": torch, "hat": keras), amsgrad; others as in
    the tables of golden/trajectories.py.  Every option that matters is given.
    Schedules are per step.  one_cycle drives lr, and beta (momentum) or beta1 (Adam) of each step;
    bias corrections then use the current beta1 (1 - beta1**t).  options.lr is not used under
    one_cycle (torch: overwritten; keras: set from the same table before each step).

optimizers.safetensors: the same net, data, keys and tensors, for what stands around optimizers
    more keys, where they apply
             decay     {"coupled" or "decoupled": lambda}   torch's weight_decay, or keras's
             clip      {"value", "norm" (of each tensor) or "global_norm": c, "p": "1", "2" or "inf"}
             penalty   {"l1", "l2"}                         on kernels; l2 is that of the gradient
             rules     [{"match": "dense_2/*", "lr_factor": f}]
    framework "numpy": of golden/cells.py's own (LARS, RMSprop that starts from the first gradient,
    and Nesterov that takes its gradient ahead), with Keras's order and form of clipping.  loss is without penalties.

searches.safetensors: 50 steps of lbfgs and gradient_descent on the same net, one batch of 40 for all
    shared   data/x (40,7), data/labels (40), init as above
    keys     as of optimizers.safetensors; rules: {"match", "trainable": false}
    tensors  kernel0 .. bias2 after the last step; loss (50), the objective at the start of each step,
             penalties and coupled decay (lambda / 2 sum w^2) in it
    gradient_descent is golden/searches.py's own, with PyTorch's line search.

schedules.safetensors: the values of 200 steps, counted from 0
    keys     name, framework, schedule, schedule_options (object, with lr = the initial rate where
             the schedule starts from one), steps (200), epoch_steps (of an epoch; 0: none)
    tensors  lr (200), and momentum (200) where the schedule drives it; performance: metric, judged
             at the end of each epoch, and lr, the rate in each epoch
    options  exponential: s (lr * 0.1^(t/s)).  one_cycle: max, steps, pct, div, final_div, anneal
             ("cos" or "linear"), three_phase, max_momentum, base_momentum.  Others: see
             golden/schedules.py.

inputs.safetensors: weights of samples, and a net of several inputs and losses
    keys     name, framework, loss, options (as in losses)
    tensors  x, target, weights (rows), loss (1), dx (the gradient of loss by x)
    the case "two" trains golden/inputs.py's net by plain steps (keys batch, epochs, rate), in order:
             a, b, kind, size, weights: the set; loss_weights; start/PARAMETER, end/PARAMETER;
             history (epochs, 2): means of the two losses over each epoch's rows; after: over the
             set at the end; probabilities and values: what the heads then give

Adding a row to a table in golden/ adds a case; a test that does not know its name may skip it.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Write, or compare, every group of golden values."""
    parser = argparse.ArgumentParser(
        description="Write the golden values of tests/golden with PyTorch and Keras.",
        epilog="Needs: pip install torch==2.13.0 'keras>=3.15' safetensors numpy "
               "(in a virtual environment).")
    parser.add_argument("--out", type=Path, default=ROOT / "tests" / "golden",
                        help="folder to write to (default: tests/golden)")
    parser.add_argument("--only", nargs="+", metavar="GROUP", help="only these groups")
    parser.add_argument("--check", action="store_true",
                        help="write nothing; fail when a file would change")
    arguments = parser.parse_args()

    from golden import (activations, cells, inputs, layers, losses, maps, metrics, norms, schedules,
                        searches, store, trajectories)
    groups = {"maps": maps.make, "losses": losses.make, "layers": layers.make,
              "norms": norms.make, "activations": activations.make, "metrics": metrics.make,
              "trajectories": trajectories.make, "schedules": schedules.make,
              "optimizers": cells.make, "searches": searches.make, "inputs": inputs.make}
    unknown = set(arguments.only or []) - set(groups)
    if unknown:
        parser.error(f"no such group: {', '.join(sorted(unknown))}; there are {', '.join(groups)}")

    store.use_float64()
    changed = False
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, make in groups.items():
        if arguments.only and name not in arguments.only:
            continue
        path = arguments.out / f"{name}.safetensors"
        group = make()
        data = group.to_bytes()
        if arguments.check:
            same = path.exists() and path.read_bytes() == data
            changed = changed or not same
            print(f"{path.name}: {'same' if same else 'DIFFERS'}")
            continue
        path.write_bytes(data)
        print(f"{path.name}: {len(group.cases)} cases, {len(data)} bytes")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
