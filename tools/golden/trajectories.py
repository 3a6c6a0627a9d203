"""Fifty training steps of one small net, for optimizers, presets and hyper-parameters."""

from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
import torch

from . import schedules
from .store import Array, Group, tensor

Options = dict[str, Any]
STEPS, ROWS, WIDTHS = 50, 6, [7, 9, 8, 5]

T, K = torch.optim, keras.optimizers


def adam(lr: float, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8,
         amsgrad: bool = False, **more: Any) -> Options:
    return {"lr": lr, "beta1": beta1, "beta2": beta2, "eps": eps, "amsgrad": amsgrad, **more}


def moment(lr: float, beta: float, dampening: float = 0.0) -> Options:
    return {"lr": lr, "beta": beta, "dampening": dampening}


def rms(lr: float, rho: float, eps: float, momentum: float = 0.0,
        centered: bool = False) -> Options:
    return {"lr": lr, "rho": rho, "eps": eps, "momentum": momentum, "centered": centered}


def torch_adam(kind: type) -> Callable[..., T.Optimizer]:
    return lambda p, o: kind(p, o["lr"], (o["beta1"], o["beta2"]), o["eps"], o.get("decay", 0.0),
                             o["amsgrad"])


def torch_sgd(nesterov: bool) -> Callable[..., T.Optimizer]:
    return lambda p, o: T.SGD(p, o["lr"], o["beta"], o.get("dampening", 0.0),
                              nesterov=nesterov)


# Each takes the parameters and the options.
TORCH: dict[str, Callable[[Iterable[torch.Tensor], Options], T.Optimizer]] = {
    "sgd": lambda p, o: T.SGD(p, o["lr"]),
    "momentum": torch_sgd(False),
    "nesterov": torch_sgd(True),
    "adagrad": lambda p, o: T.Adagrad(p, o["lr"], o["lr_decay"], 0.0, o["initial_accumulator"],
                                      o["eps"]),
    "rmsprop": lambda p, o: T.RMSprop(p, o["lr"], o["rho"], o["eps"], 0.0, o["momentum"],
                                      o["centered"]),
    "adam": torch_adam(T.Adam),
    "adamw": torch_adam(T.AdamW),
    "adamax": lambda p, o: T.Adamax(p, o["lr"], (o["beta1"], o["beta2"]), o["eps"]),
    "nadam": lambda p, o: T.NAdam(p, o["lr"], (o["beta1"], o["beta2"]), o["eps"],
                                  momentum_decay=o["psi"]),
    "adadelta": lambda p, o: T.Adadelta(p, o["lr"], o["rho"], o["eps"]),
    "radam": lambda p, o: T.RAdam(p, o["lr"], (o["beta1"], o["beta2"]), o["eps"]),
    "asgd": lambda p, o: T.ASGD(p, o["lr"], o["lambd"], o["alpha"], o["t0"]),
    "rprop": lambda p, o: T.Rprop(p, o["lr"], (o["eta_minus"], o["eta_plus"]),
                                  (o["step_min"], o["step_max"])),
}


def keras_adam(kind: type) -> Callable[[Options], K.Optimizer]:
    names = {"beta1": "beta_1", "beta2": "beta_2", "eps": "epsilon", "amsgrad": "amsgrad",
             "decay": "weight_decay"}
    return lambda o: kind(o["lr"], **{names[key]: o[key] for key in names if key in o})


# Each takes the options.
KERAS: dict[str, Callable[[Options], K.Optimizer]] = {
    "sgd": lambda o: K.SGD(o["lr"]),
    "momentum": lambda o: K.SGD(o["lr"], o["beta"]),
    "nesterov": lambda o: K.SGD(o["lr"], o["beta"], nesterov=True),
    "adagrad": lambda o: K.Adagrad(o["lr"], o["initial_accumulator"], o["eps"]),
    "rmsprop": lambda o: K.RMSprop(o["lr"], o["rho"], o["momentum"], o["eps"], o["centered"]),
    "adam": keras_adam(K.Adam),
    "adamw": keras_adam(K.AdamW),
    "adamax": keras_adam(K.Adamax),
    "nadam": keras_adam(K.Nadam),
    "adadelta": lambda o: K.Adadelta(o["lr"], o["rho"], o["eps"]),
    "lion": lambda o: K.Lion(o["lr"], o["beta1"], o["beta2"]),
    "ftrl": lambda o: K.Ftrl(o["lr"], o["lr_power"], o["initial_accumulator"], o["l1"], o["l2"],
                             o["l2_shrinkage"], o["beta"]),
    "lamb": keras_adam(K.Lamb),
}

ONE = schedules.one_cycle
PLAIN: tuple[str, Options] = ("constant", {})


def exponential(s: float) -> tuple[str, Options]:
    return "exponential", {"s": s}


def cycle(maximum: float, **more: Any) -> tuple[str, Options]:
    return "one_cycle", ONE(maximum, STEPS, **more)


# optimizer, framework, options, schedule with its options
TRAJECTORIES: list[tuple[str, str, Options, tuple[str, Options]]] = [
    ("sgd", "torch", {"lr": 0.1}, PLAIN),
    ("sgd", "torch", {"lr": 0.3317}, exponential(31)),
    ("sgd", "keras", {"lr": 0.01}, PLAIN),
    ("sgd", "keras", {"lr": 0.2731}, exponential(43)),
    ("momentum", "torch", moment(0.05, 0.9), PLAIN),
    ("momentum", "torch", moment(0.0371, 0.8341), PLAIN),
    ("momentum", "torch", moment(0.0917, 0.7813, 0.3719), PLAIN),
    ("momentum", "torch", moment(0.1133, 0.9127, 0.8111), exponential(57)),
    ("momentum", "torch", moment(0.0719, 0.8713), exponential(37)),
    ("momentum", "torch", moment(0.01, 0.9), cycle(0.1)),
    ("momentum", "torch", moment(0.01, 0.9), cycle(0.0837, pct=0.417, div=7.1, final_div=113.0,
                                                   anneal="linear", high=0.93, low=0.77)),
    ("momentum", "torch", moment(0.01, 0.9, 0.2313), cycle(0.0631, three_phase=True)),
    ("momentum", "keras", moment(0.01, 0.9), PLAIN),
    ("momentum", "keras", moment(0.0623, 0.8719), PLAIN),
    ("momentum", "keras", moment(0.0719, 0.8713), exponential(37)),
    ("momentum", "keras", moment(0.01, 0.9), cycle(0.0911)),
    ("adam", "torch", adam(0.001), PLAIN),
    ("adam", "torch", adam(0.001, amsgrad=True), PLAIN),
    ("adam", "torch", adam(0.01371, 0.8519, 0.9817, 3.1e-6), PLAIN),
    ("adam", "torch", adam(0.02113, 0.7931, 0.9377, 1.7e-4, True), PLAIN),
    ("adam", "torch", adam(0.0173, 0.9231, 0.9913, 1e-7), exponential(41)),
    ("adam", "torch", adam(0.0291, 0.8117, 0.9533, 1e-3, True), exponential(71)),
    ("adam", "torch", adam(0.001), cycle(0.02)),
    ("adam", "torch", adam(0.001, 0.9, 0.9719, 2.3e-5, True),
     cycle(0.0313, pct=0.253, div=11.3, final_div=371.0, anneal="linear", high=0.94, low=0.81)),
    ("adam", "torch", adam(0.001), cycle(0.0177, three_phase=True, anneal="linear")),
    ("adam", "keras", adam(0.001, eps=1e-7), PLAIN),
    ("adam", "keras", adam(0.001, eps=1e-7, amsgrad=True), PLAIN),
    ("adam", "keras", adam(0.01117, 0.8713, 0.9719, 4.3e-6), PLAIN),
    ("adam", "keras", adam(0.02317, 0.8131, 0.9277, 1.3e-4, True), PLAIN),
    ("adam", "keras", adam(0.0143, 0.9173, 0.9931, 1e-6), exponential(47)),
    ("adam", "keras", adam(0.0271, 0.8329, 0.9611, 1e-3, True), exponential(67)),
    ("adam", "keras", adam(0.001, eps=1e-7), cycle(0.02)),
    ("adam", "keras", adam(0.001, 0.9, 0.9811, 1.9e-5, True), cycle(0.0287, anneal="linear")),
    ("nesterov", "torch", {"lr": 0.0571, "beta": 0.8713}, PLAIN),
    ("nesterov", "torch", {"lr": 0.01, "beta": 0.9}, cycle(0.0831)),
    ("nesterov", "keras", {"lr": 0.0571, "beta": 0.8713}, PLAIN),
    ("nesterov", "keras", {"lr": 0.0813, "beta": 0.7919}, exponential(37)),
    ("adagrad", "torch", {"lr": 0.0517, "lr_decay": 0.0131, "initial_accumulator": 0.0,
                          "eps": 1e-10, "eps_place": "outside"}, PLAIN),
    ("adagrad", "torch", {"lr": 0.0937, "lr_decay": 0.0, "initial_accumulator": 0.0713,
                          "eps": 1e-4, "eps_place": "outside"}, exponential(53)),
    ("adagrad", "keras", {"lr": 0.0617, "initial_accumulator": 0.1, "eps": 1e-7,
                          "eps_place": "inside"}, PLAIN),
    ("adagrad", "keras", {"lr": 0.0731, "initial_accumulator": 0.0317, "eps": 1e-3,
                          "eps_place": "inside"}, exponential(53)),
    ("rmsprop", "torch", rms(0.00317, 0.9713, 1e-8), PLAIN),
    ("rmsprop", "torch", rms(0.00213, 0.9311, 1e-4, 0.7713, True), PLAIN),
    ("rmsprop", "torch", rms(0.00371, 0.9517, 1e-6, 0.6131), exponential(37)),
    ("rmsprop", "keras", rms(0.00417, 0.8913, 1e-7), PLAIN),
    ("rmsprop", "keras", rms(0.00193, 0.9171, 1e-4, 0.7137, True), PLAIN),
    ("rmsprop", "keras", rms(0.00271, 0.9317, 1e-5, 0.6371), exponential(37)),
    ("adamw", "torch", adam(0.0113, 0.8713, 0.9813, 1e-7, decay=0.01), PLAIN),
    ("adamw", "torch", adam(0.0137, 0.9131, 0.9713, 1e-6, True, decay=0.0713), exponential(61)),
    ("adamw", "keras", adam(0.0113, 0.8713, 0.9813, 1e-7, decay=0.004), PLAIN),
    ("adamw", "keras", adam(0.0137, 0.9131, 0.9713, 1e-6, True, decay=0.0713), exponential(61)),
    ("adamax", "torch", {"lr": 0.0113, "beta1": 0.8713, "beta2": 0.9813, "eps": 1e-6}, PLAIN),
    ("adamax", "keras", {"lr": 0.0113, "beta1": 0.8713, "beta2": 0.9813, "eps": 1e-6}, PLAIN),
    ("nadam", "torch", {"lr": 0.0117, "beta1": 0.8917, "beta2": 0.9833, "eps": 1e-7,
                        "psi": 0.004}, PLAIN),
    ("nadam", "torch", {"lr": 0.0117, "beta1": 0.8917, "beta2": 0.9833, "eps": 1e-7,
                        "psi": 0.3}, exponential(57)),
    ("nadam", "keras", {"lr": 0.0117, "beta1": 0.8917, "beta2": 0.9833, "eps": 1e-7,
                        "psi": 1.0}, PLAIN),
    ("nadam", "keras", {"lr": 0.0213, "beta1": 0.9317, "beta2": 0.9713, "eps": 1e-5,
                        "psi": 1.0}, exponential(57)),
    ("adadelta", "torch", {"lr": 1.0, "rho": 0.9, "eps": 1e-6}, PLAIN),
    ("adadelta", "keras", {"lr": 0.7, "rho": 0.9311, "eps": 1e-5}, PLAIN),
    ("radam", "torch", {"lr": 0.0213, "beta1": 0.8917, "beta2": 0.9833, "eps": 1e-7}, PLAIN),
    ("asgd", "torch", {"lr": 0.0713, "lambd": 1e-3, "alpha": 0.75, "t0": 1e6}, PLAIN),
    ("rprop", "torch", {"lr": 0.0013, "eta_minus": 0.5, "eta_plus": 1.2, "step_min": 1e-6,
                        "step_max": 50.0}, PLAIN),
    ("lion", "keras", {"lr": 0.00113, "beta1": 0.9, "beta2": 0.9813}, PLAIN),
    ("ftrl", "keras", {"lr": 0.0713, "lr_power": -0.5, "initial_accumulator": 0.1, "l1": 1e-4,
                       "l2": 1e-3, "l2_shrinkage": 0.0, "beta": 0.0}, PLAIN),
    ("lamb", "keras", {"lr": 0.0113, "beta1": 0.8917, "beta2": 0.9833, "eps": 1e-6}, PLAIN),
]

# A row with what is around the optimizer: decay, clip, penalty, rules; see golden.py.
Row = tuple[str, str, Options, tuple[str, Options], Options]

# What the framework's name fixes; the C side needs it said.
PRESETS: dict[tuple[str, str], Options] = {
    **{("torch", name): {"lr_in_buffer": "no"} for name in ("momentum", "nesterov")},
    **{("keras", name): {"lr_in_buffer": "yes"} for name in ("momentum", "nesterov")},
    **{("torch", name): {"eps_place": "outside"} for name in ("adam", "adamw")},
    **{("keras", name): {"eps_place": "hat"} for name in ("adam", "adamw")},
    ("torch", "rmsprop"): {"lr_in_buffer": "no", "eps_place": "outside"},
    ("keras", "rmsprop"): {"lr_in_buffer": "yes", "eps_place": "inside"},
    ("torch", "adamax"): {"eps_place": "inside"},
    ("keras", "adamax"): {"eps_place": "outside"},
}


def named(weights: Iterable[torch.Tensor], suffix: str = "") -> dict[str, Array]:
    """kernel0, bias0, kernel1 .. from the weights in that order (copied)."""
    return {f"{('kernel', 'bias')[i % 2]}{i // 2}{suffix}": w.detach().numpy().copy()
            for i, w in enumerate(weights)}


def initial(rng: np.random.Generator) -> list[Array]:
    """kernel0, bias0, .. of the net."""
    weights: list[Array] = []
    for width, units in zip(WIDTHS, WIDTHS[1:]):
        weights += [rng.normal(0, width ** -0.5, (width, units)), rng.normal(0, 0.1, units)]
    return weights


def torch_clip(parameters: list[torch.nn.Parameter], clip: Options) -> None:
    """Clip the gradients of all, or each by itself."""
    if "value" in clip:
        torch.nn.utils.clip_grad_value_(parameters, clip["value"])
    p = float(clip.get("p", 2))
    for each in parameters if "norm" in clip else []:
        torch.nn.utils.clip_grad_norm_([each], clip["norm"], p)
    if "global_norm" in clip:
        torch.nn.utils.clip_grad_norm_(parameters, clip["global_norm"], p)


def torch_groups(parameters: list[torch.nn.Parameter], lr: float,
                 rules: list[Options]) -> list[Options]:
    """Parameter groups for lr factors: rules match whole layers, dense_1/* .. dense_3/*."""
    factor = [1.0] * len(parameters)
    for rule in rules:
        layer = int(rule["match"][len("dense_")]) - 1
        factor[2 * layer:2 * layer + 2] = [rule["lr_factor"]] * 2
    return [{"params": [p], "lr": lr * f} for p, f in zip(parameters, factor)]


def forward(parameters: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """The logits of the net."""
    h = torch.nn.functional.elu(x @ parameters[0] + parameters[1])
    h = torch.tanh(h @ parameters[2] + parameters[3])
    return h @ parameters[4] + parameters[5]


def torch_run(row: Row, weights: list[Array], x: Array, labels: Array) -> dict[str, Any]:
    """The tensors of one case, by PyTorch."""
    name, _, options, (schedule_name, schedule_options), more = row
    parameters = [torch.nn.Parameter(tensor(w)) for w in weights]
    optimizer = TORCH[name](torch_groups(parameters, options["lr"], more.get("rules", [])), options)
    for group in optimizer.param_groups:
        for kind, value in more.get("decay", {}).items():
            group["weight_decay"] = value
            if kind == "decoupled":
                group["decoupled_weight_decay"] = True
    schedule = schedules.TORCH[schedule_name](optimizer, schedule_options)
    tensors: dict[str, Any] = {}
    losses = []
    for t in range(STEPS):
        loss = torch.nn.functional.cross_entropy(forward(parameters, tensor(x[t])),
                                                 torch.tensor(labels[t]))
        optimizer.zero_grad()
        loss.backward()
        torch_clip(parameters, more.get("clip", {}))
        optimizer.step()
        losses.append(float(loss.detach()))
        if t == 0:
            tensors |= named(parameters, "_step1")
        if t + 1 < STEPS:
            schedule.step()
    return {**named(parameters), **tensors, "loss": losses}


def keras_model(weights: list[Array], penalty: Options) -> keras.Model:
    """The net, with its first weights.  penalty's l2 is twice Keras's."""
    kernel = keras.regularizers.L1L2(penalty.get("l1", 0.0), penalty.get("l2", 0.0) / 2)
    regular = {"kernel_regularizer": kernel} if penalty else {}
    model = keras.Sequential([
        keras.Input((WIDTHS[0],)),
        keras.layers.Dense(WIDTHS[1], "elu", **regular),
        keras.layers.Dense(WIDTHS[2], "tanh", **regular),
        keras.layers.Dense(WIDTHS[3], **regular),
    ])
    model.set_weights(weights)
    return model


def drive(optimizer: K.Optimizer, values: dict[str, list[float]], t: int) -> None:
    """Give the optimizer the rate and the momentum of step t."""
    optimizer.learning_rate = values["lr"][t]
    setattr(optimizer, "beta_1" if hasattr(optimizer, "beta_1") else "momentum",
            values["momentum"][t])


def keras_run(row: Row, weights: list[Array], x: Array, labels: Array) -> dict[str, Any]:
    """The tensors of one case, by Keras."""
    name, _, options, (schedule_name, schedule_options), more = row
    model = keras_model(weights, more.get("penalty", {}))
    cycled = None
    if schedule_name == "one_cycle":
        cycled = schedules.torch_values("one_cycle", schedule_options, STEPS)
    elif schedule_name != "constant":
        options = {**options, "lr": schedules.KERAS[schedule_name](options["lr"],
                                                                   schedule_options)}
    optimizer = KERAS[name](options)
    if "decay" in more:
        optimizer.weight_decay = more["decay"]["decoupled"]
    for kind, value in more.get("clip", {}).items():
        setattr(optimizer, {"value": "clipvalue", "norm": "clipnorm",
                            "global_norm": "global_clipnorm"}[kind], value)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    tensors: dict[str, Any] = {}
    losses = []
    for t in range(STEPS):
        if cycled:
            drive(optimizer, cycled, t)
        model.reset_metrics()
        penalties = sum(float(value.detach()) for value in model.losses)
        losses.append(float(model.train_on_batch(x[t], labels[t])) - penalties)
        if t == 0:
            tensors |= named([v.value for v in model.weights], "_step1")
    return {**named([v.value for v in model.weights]), **tensors, "loss": losses}


RUN: dict[str, Callable[[Row, list[Array], Array, Array], dict[str, Any]]] = {
    "torch": torch_run, "keras": keras_run}


def add_rows(group: Group, rows: Iterable[Row],
             run: dict[str, Callable[[Row, list[Array], Array, Array], dict[str, Any]]]) -> Group:
    """The shared tensors, and a case for every row."""
    rng = np.random.default_rng(4)
    weights = initial(rng)
    x = rng.normal(0, 1, (STEPS, ROWS, WIDTHS[0]))
    labels = rng.integers(0, WIDTHS[-1], (STEPS, ROWS))
    group.share("init", **named(torch.tensor(w) for w in weights))
    group.share("data", x=x, labels=labels)
    for i, row in enumerate(rows):
        name, framework, options, (schedule, schedule_options), more = row
        group.add({"name": f"{name}-{framework}-{i}", "framework": framework, "optimizer": name,
                   "options": {**options, **PRESETS.get((framework, name), {})},
                   "schedule": schedule, "schedule_options": schedule_options, "steps": STEPS,
                   **more},
                  **run[framework](row, weights, x, labels))
    return group


def make() -> Group:
    """All cases of TRAJECTORIES."""
    return add_rows(Group(), [(*row, {}) for row in TRAJECTORIES], RUN)
