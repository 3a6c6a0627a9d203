#!/usr/bin/env python3
"""Time single operations in PyTorch on the CPU: the worker process of compare_ops.py.

It reads one request a line from standard input and answers each with one JSON object a line:

    {"name": "elu", "pass": "forward", "rows": 128, "variant": "out", "seconds": 0.2}
    {"name": .., "us": 41.2}     or     {"name": .., "error": ".."}
    {"name": "elu", "pass": "forward", "rows": 128}         names the variants there are
    {"name": .., "variants": ["out", ..]}

Each operation has the forms that PyTorch offers: into a tensor made before (out), in place, as a
function that makes its result, the backward operators themselves, and autograd over a retained
graph. An operation that PyTorch lacks is made of those it has. Without --threads: 2.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F

aten = torch.ops.aten
COLS, TURNS = 1024, 21
Call = Callable[[], object]
Forms = dict[str, Call]
SELU = (1.6732632423543772848, 1.0507009873554804934)


class Operands:
    """x and dy as Syncline's bench has them, somewhere to put results, and helpers for the tables."""

    def __init__(self, rows: int, *sample: int) -> None:
        shape = (rows, *(sample or (COLS,)))
        torch.manual_seed(1)
        self.rows = rows
        self.x = torch.rand(shape) * 4 - 2
        self.dy = torch.rand(shape) * 4 - 2
        self.out = torch.empty(shape)
        self.work = self.x.clone()  # what runs in place wears it out

    def autograd(self, f: Callable[..., torch.Tensor], *more: torch.Tensor) -> Call:
        """The gradient of f, its graph kept; with respect to `more` too."""
        leaves = [t.clone().requires_grad_() for t in (self.x, *more)]
        y = f(*leaves)
        dy = self.dy if y.shape == self.dy.shape else torch.rand(y.shape)
        return lambda: torch.autograd.grad(y, leaves, dy, retain_graph=True)

    def forms(self, f: Callable[..., torch.Tensor], out: Callable[..., object] | None = None,
              place: Callable[..., object] | None = None) -> Forms:
        """Forward: f(x), out(x, tensor), place(tensor)."""
        all_: Forms = {"function": lambda: f(self.x)}
        if out:
            all_["out"] = lambda: out(self.x, self.out)
        if place:
            all_["in place"] = lambda: place(self.work)
        return all_


# ---- y = f(x): forward, into a tensor, in place; and the backward operator's forms ----

MapRow = tuple[Callable[..., torch.Tensor], Callable[..., object] | None, Callable[..., object] | None,
               Callable[[Operands], Forms]]


def operator(call: Callable[[Operands, torch.Tensor], Call], f: Callable[..., torch.Tensor]) \
        -> Callable[[Operands], Forms]:
    """A backward operator over y = f(x)."""
    return lambda o: {"operator": call(o, f(o.x))}


def softsign(x: torch.Tensor) -> torch.Tensor:
    return x / (x.abs() + 1)


def softsign_out(x: torch.Tensor, out: torch.Tensor) -> None:
    torch.abs(x, out=out)
    out.add_(1)
    torch.div(x, out, out=out)


def log_sigmoid_back(o: Operands, _: torch.Tensor) -> Call:
    buffer = aten.log_sigmoid_forward(o.x)[1]
    return lambda: aten.log_sigmoid_backward.grad_input(o.dy, o.x, buffer, grad_input=o.out)


def elu_row(alpha: float, scale: float, f: Callable[..., torch.Tensor],
            place: Callable[..., object]) -> MapRow:
    return (f, lambda x, y: aten.elu.out(x, alpha, scale, 1, out=y), place,
            operator(lambda o, y: lambda: aten.elu_backward.grad_input(
                o.dy, alpha, scale, 1, True, y, grad_input=o.out), f))


def gelu_row(way: str) -> MapRow:
    def f(x: torch.Tensor) -> torch.Tensor:
        return F.gelu(x, approximate=way)
    return (f, lambda x, y: aten.gelu.out(x, approximate=way, out=y), None,
            operator(lambda o, y: lambda: aten.gelu_backward.grad_input(
                o.dy, o.x, approximate=way, grad_input=o.out), f))


MAPS: dict[str, MapRow] = {
    "linear": (torch.clone, lambda x, y: y.copy_(x), None, lambda o: {}),
    "relu": (torch.relu, lambda x, y: torch.clamp_min(x, 0, out=y), torch.relu_,
             operator(lambda o, y: lambda: aten.threshold_backward.grad_input(
                 o.dy, y, 0, grad_input=o.out), torch.relu)),
    "leaky_relu": (lambda x: F.leaky_relu(x, .3), lambda x, y: aten.leaky_relu.out(x, .3, out=y),
                   lambda x: F.leaky_relu_(x, .3),
                   operator(lambda o, y: lambda: aten.leaky_relu_backward.grad_input(
                       o.dy, o.x, .3, False, grad_input=o.out), lambda x: F.leaky_relu(x, .3))),
    "elu": elu_row(1, 1, F.elu, F.elu_),
    "selu": elu_row(*SELU, F.selu, F.selu_),
    "sigmoid": (torch.sigmoid, lambda x, y: torch.sigmoid(x, out=y), torch.sigmoid_,
                operator(lambda o, y: lambda: aten.sigmoid_backward.grad_input(
                    o.dy, y, grad_input=o.out), torch.sigmoid)),
    "tanh": (torch.tanh, lambda x, y: torch.tanh(x, out=y), torch.tanh_,
             operator(lambda o, y: lambda: aten.tanh_backward.grad_input(
                 o.dy, y, grad_input=o.out), torch.tanh)),
    "softplus": (F.softplus, lambda x, y: aten.softplus.out(x, 1, 20, out=y), None,
                 operator(lambda o, y: lambda: aten.softplus_backward.grad_input(
                     o.dy, o.x, 1, 20, grad_input=o.out), F.softplus)),
    "log_sigmoid": (F.logsigmoid, lambda x, y: aten.log_sigmoid.out(x, out=y), None,
                    operator(log_sigmoid_back, F.logsigmoid)),
    "softsign": (softsign, softsign_out, None, lambda o: {}),
    "hard_sigmoid": (F.hardsigmoid, lambda x, y: aten.hardsigmoid.out(x, out=y),
                     lambda x: F.hardsigmoid(x, inplace=True),
                     operator(lambda o, y: lambda: aten.hardsigmoid_backward.grad_input(
                         o.dy, o.x, grad_input=o.out), F.hardsigmoid)),
    "relu6": (F.relu6, lambda x, y: aten.hardtanh.out(x, 0, 6, out=y),
              lambda x: F.hardtanh_(x, 0, 6),
              operator(lambda o, y: lambda: aten.hardtanh_backward.grad_input(
                  o.dy, o.x, 0, 6, grad_input=o.out), F.relu6)),
    "gelu": gelu_row("none"),
    "gelu_tanh": gelu_row("tanh"),
    "silu": (F.silu, lambda x, y: aten.silu.out(x, out=y), lambda x: F.silu(x, inplace=True),
             operator(lambda o, y: lambda: aten.silu_backward.grad_input(
                 o.dy, o.x, grad_input=o.out), F.silu)),
    "mish": (F.mish, lambda x, y: aten.mish.out(x, out=y), lambda x: F.mish(x, inplace=True),
             operator(lambda o, y: lambda: aten.mish_backward(o.dy, o.x), F.mish)),
    "hard_swish": (F.hardswish, lambda x, y: aten.hardswish.out(x, out=y),
                   lambda x: F.hardswish(x, inplace=True),
                   operator(lambda o, y: lambda: aten.hardswish_backward(o.dy, o.x), F.hardswish)),
}


def map_forms(name: str, back: bool, rows: int) -> Forms:
    f, out, place, backward = MAPS[name]
    o = Operands(rows)
    if not back:
        return o.forms(f, out, place)
    return {} if name == "linear" else {**backward(o), "autograd": o.autograd(f)}


# ---- the others: a function of (back, rows) each ----

def softmax(back: bool, rows: int, log: bool = False) -> Forms:
    o = Operands(rows)
    f = torch.log_softmax if log else torch.softmax
    out = aten._log_softmax.out if log else aten._softmax.out
    gradient = aten._log_softmax_backward_data.out if log else aten._softmax_backward_data.out
    if not back:
        return o.forms(lambda x: f(x, -1), lambda x, y: out(x, -1, False, out=y))
    y = f(o.x, -1)
    keyword = "out" if log else "grad_input"
    return {"operator": lambda: gradient(o.dy, y, -1, torch.float32, **{keyword: o.out}),
            "autograd": o.autograd(lambda x: f(x, -1))}


def log_softmax(back: bool, rows: int) -> Forms:
    return softmax(back, rows, True)


def maxout(back: bool, rows: int) -> Forms:
    o = Operands(rows)
    y = torch.empty(rows, COLS // 2)

    def pairs(x: torch.Tensor) -> torch.Tensor:
        return x.view(rows, -1, 2)

    def larger(x: torch.Tensor) -> torch.Tensor:
        return torch.maximum(x[:, 0::2], x[:, 1::2])

    if not back:
        return {"amax": lambda: torch.amax(pairs(o.x), -1, out=y),
                "maximum": lambda: torch.maximum(o.x[:, 0::2], o.x[:, 1::2], out=y),
                "max_pool1d": lambda: F.max_pool1d(o.x, 2)}
    dy, at = torch.rand(rows, COLS // 2), pairs(o.x).max(-1, keepdim=True).indices
    return {"scatter": lambda: pairs(o.out.zero_()).scatter_(-1, at, dy.unsqueeze(-1)),
            "autograd of maximum": o.autograd(larger),
            "autograd of max": o.autograd(lambda x: pairs(x).max(-1).values),
            "autograd of max_pool1d": o.autograd(lambda x: F.max_pool1d(x, 2))}


def prelu(back: bool, rows: int) -> Forms:
    o, alpha = Operands(rows), torch.rand(COLS)
    if not back:
        return {"function": lambda: F.prelu(o.x, alpha), "operator": lambda: aten._prelu_kernel(o.x, alpha)}

    def run() -> torch.Tensor:
        return aten._prelu_kernel_backward(o.dy, o.x, alpha)[1].sum(0)
    return {"operator": run, "autograd": o.autograd(F.prelu, alpha)}


def rrelu(back: bool, rows: int) -> Forms:
    o, low, high = Operands(rows), .125, 1 / 3
    noise = torch.empty_like(o.x)
    if not back:
        return {"function": lambda: F.rrelu(o.x, low, high, True),
                "out": lambda: aten.rrelu_with_noise.out(o.x, noise, low, high, True, out=o.out)}
    aten.rrelu_with_noise(o.x, noise, low, high, True)
    return {"operator": lambda: aten.rrelu_with_noise_backward(o.dy, o.x, noise, low, high, True, False),
            "product": lambda: torch.mul(o.dy, noise, out=o.out),
            "autograd": o.autograd(lambda x: F.rrelu(x, low, high, True))}


def dropout(back: bool, rows: int, rate: float = .1) -> Forms:
    o = Operands(rows)
    mask = torch.empty_like(o.x, dtype=torch.bool)

    def out() -> None:
        mask.bernoulli_(1 - rate)
        torch.mul(o.x, mask, out=o.out)
        o.out.mul_(1 / (1 - rate))

    def scaled() -> None:
        o.work.bernoulli_(1 - rate).mul_(1 / (1 - rate))
        torch.mul(o.x, o.work, out=o.out)

    if not back:
        return {"function": lambda: F.dropout(o.x, rate), "native_dropout": lambda: torch.native_dropout(o.x, rate, True),
                "out": out, "out, scaled mask": scaled}
    mask.bernoulli_(1 - rate)
    o.work.bernoulli_(1 - rate).mul_(1 / (1 - rate))
    return {"operator": lambda: aten.native_dropout_backward.out(o.dy, mask, 1 / (1 - rate), out=o.out),
            "product": lambda: torch.mul(o.dy, o.work, out=o.out),
            "autograd": o.autograd(lambda x: F.dropout(x, rate))}


def spatial(back: bool, rows: int) -> Forms:
    o = Operands(rows, 32, COLS // 32)  # channels first, as torch wants them
    if not back:
        return {"function": lambda: F.dropout1d(o.x, .1),
                "out": lambda: torch.mul(o.x, torch.empty(rows, 32, 1).bernoulli_(.9).div_(.9), out=o.out)}
    mask = torch.empty(rows, 32, 1).bernoulli_(.9).div_(.9)
    return {"product": lambda: torch.mul(o.dy, mask, out=o.out),
            "autograd": o.autograd(lambda x: F.dropout1d(x, .1))}


def alpha(back: bool, rows: int) -> Forms:
    o = Operands(rows)
    if not back:
        return {"function": lambda: torch.alpha_dropout(o.x, .1, True)}
    mask = torch.empty_like(o.x).bernoulli_(.9).mul_(.94)
    return {"product": lambda: torch.mul(o.dy, mask, out=o.out),
            "autograd": o.autograd(lambda x: torch.alpha_dropout(x, .1, True))}


def gaussian(back: bool, rows: int) -> Forms:
    o = Operands(rows)

    def out() -> None:
        o.work.normal_(1, 1 / 3)
        torch.mul(o.x, o.work, out=o.out)
    return {"product": lambda: torch.mul(o.dy, o.work, out=o.out)} if back else {"out": out}


def batch_norm(back: bool, rows: int) -> Forms:
    o = Operands(rows)
    gamma, beta, mean, var = torch.rand(COLS), torch.rand(COLS), torch.zeros(COLS), torch.ones(COLS)
    saved = torch.empty(COLS), torch.empty(COLS)
    if not back:
        return {"function": lambda: F.batch_norm(o.x, mean, var, gamma, beta, True, .01, 1e-3),
                "operator": lambda: torch.native_batch_norm(
                    o.x, gamma, beta, mean, var, True, .01, 1e-3, out=(o.out, *saved))}
    _, *saved = torch.native_batch_norm(o.x, gamma, beta, mean, var, True, .01, 1e-3)
    return {"operator": lambda: aten.native_batch_norm_backward(
                o.dy, o.x, gamma, mean, var, *saved, True, 1e-3, [True] * 3),
            "autograd": o.autograd(lambda x, a, b: F.batch_norm(x, None, None, a, b, True, .01, 1e-3),
                                   gamma, beta)}


def layer_norm(back: bool, rows: int) -> Forms:
    o, gamma, beta = Operands(rows), torch.rand(COLS), torch.rand(COLS)
    if not back:
        return {"function": lambda: F.layer_norm(o.x, (COLS,), gamma, beta, 1e-3)}
    _, *saved = torch.native_layer_norm(o.x, [COLS], gamma, beta, 1e-3)
    return {"operator": lambda: aten.native_layer_norm_backward(
                o.dy, o.x, [COLS], *saved, gamma, beta, [True] * 3),
            "autograd": o.autograd(lambda x, a, b: F.layer_norm(x, (COLS,), a, b, 1e-3), gamma, beta)}


def rms_norm(back: bool, rows: int) -> Forms:
    o, gamma = Operands(rows), torch.rand(COLS)
    if not back:
        return {"function": lambda: F.rms_norm(o.x, (COLS,), gamma, 1e-6)}
    return {"autograd": o.autograd(lambda x, a: F.rms_norm(x, (COLS,), a, 1e-6), gamma)}


def group_norm(back: bool, rows: int, groups: int = 32, sample: tuple[int, ...] = ()) -> Forms:
    o = Operands(rows, *sample)
    channels = o.x.shape[1]
    gamma, beta = torch.rand(channels), torch.rand(channels)
    if not back:
        return {"function": lambda: F.group_norm(o.x, groups, gamma, beta, 1e-3)}
    sizes = (rows, channels, COLS // channels, groups)
    _, *saved = torch.native_group_norm(o.x, gamma, beta, *sizes, 1e-3)
    return {"operator": lambda: aten.native_group_norm_backward(o.dy, o.x, *saved, gamma, *sizes, [True] * 3),
            "autograd": o.autograd(lambda x, a, b: F.group_norm(x, groups, a, b, 1e-3), gamma, beta)}


def narrow(back: bool, rows: int) -> Forms:
    return group_norm(back, rows, 8, (32, COLS // 32))


def instance_norm(back: bool, rows: int) -> Forms:
    o, gamma, beta = Operands(rows, 32, COLS // 32), torch.rand(32), torch.rand(32)

    def f(x: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return F.instance_norm(x, None, None, a, b, True, .1, 1e-5)
    forms = group_norm(back, rows, 32, (32, COLS // 32))  # groups of one channel
    forms["autograd of instance_norm" if back else "instance_norm"] = \
        o.autograd(f, gamma, beta) if back else lambda: f(o.x, gamma, beta)
    return forms


OTHERS: dict[str, Callable[[bool, int], Forms]] = {
    "batch_norm": batch_norm, "layer_norm": layer_norm, "rms_norm": rms_norm,
    "group_norm 32 x 32": group_norm, "group_norm 8 x 4, 32 positions": narrow,
    "instance_norm, 32 positions": instance_norm, "softmax": softmax, "log_softmax": log_softmax,
    "maxout of 2": maxout, "prelu": prelu, "rrelu": rrelu, "dropout": dropout,
    "spatial_dropout, 32 positions": spatial, "alpha_dropout": alpha, "gaussian_dropout": gaussian,
}


def forms_of(name: str, way: str, rows: int) -> Forms:
    back = way == "backward"
    if name in MAPS:
        return map_forms(name, back, rows)
    return OTHERS[name](back, rows) if name in OTHERS else {}


def measure(call: Call, seconds: float) -> float:
    """Microseconds of a call: the median of turns that take about that many seconds together."""
    def run(times: int) -> float:
        start = time.perf_counter()
        for _ in range(times):
            call()
        return (time.perf_counter() - start) / times

    run(2)
    times = int(seconds / TURNS / run(3)) + 1
    return statistics.median(run(times) for _ in range(TURNS)) * 1e6


def answer(request: dict[str, object], kept: dict[object, Forms]) -> dict[str, object]:
    key = (str(request["name"]), str(request["pass"]), int(str(request["rows"])))
    if key not in kept:
        kept.clear()  # one operation's tensors at a time
        kept[key] = forms_of(*key)
    if "variant" not in request:
        return {"variants": list(kept[key])}
    call = kept[key][str(request["variant"])]
    if "autograd" in str(request["variant"]):
        return {"us": measure(call, float(str(request["seconds"])))}
    with torch.no_grad():
        return {"us": measure(call, float(str(request["seconds"])))}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time PyTorch's operations: see the head of this file.")
    parser.add_argument("--threads", type=int, default=2)
    torch.set_num_threads(parser.parse_args().threads)
    kept: dict[object, Forms] = {}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            result = answer(request, kept)
        except (RuntimeError, TypeError, KeyError, AttributeError) as e:
            result = {"error": str(e).strip().split("\n")[0]}
        print(json.dumps({"name": request["name"], **result}), flush=True)


if __name__ == "__main__":
    main()
