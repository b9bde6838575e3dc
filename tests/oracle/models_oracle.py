#!/usr/bin/env python3
"""Independent float64 oracle of the models in tests/models/ and of some in models/examples/: meta_weight.xml,
hard_tasks.xml, vit.xml, depthwise.xml.

Written from the papers' equations and the models' comments: it shares no code with the C program.
Every derivative is PyTorch's own: a meta-gradient is the derivative of the last loss through the
whole unrolled update, never a product of pullbacks.

    models_oracle.py --out tests/oracle         write NAME.safetensors for every model
    models_oracle.py --model siamese --print    the scalars of one model's cases

A file holds, for each case, CASE/VALUE (scalars and outputs), CASE/FIELD:PARAMETER and
CASE/after/STATE (what the step commits).  The case `default` holds every field, the others G only.
"""
import argparse
import math

import numpy as np
import torch
import torch.nn.functional as nnf

from cdvm_oracle import bits, symmetric, uniform

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)


# ---------------------------------------------------------------------------------------------
# Initial values and inputs: closed formulas of (name, index); tests/runtime/execute/test_models.c has the
# same in C
# ---------------------------------------------------------------------------------------------

AROUND_ONE = ("scale", "variance", "running_var", "norm/weight", "norm1/weight", "norm2/weight")


def initial_value(name, shape):
    s = symmetric(name, shape)
    if ":" in name:                                     # an optimiser's buffer
        return 0.05 * (1 + s) if name.startswith("second_moment:") else 0.05 * s
    if len(shape) >= 2:
        return s * math.sqrt(3 * shape[0] / math.prod(shape))
    return 1 + 0.2 * s if name.endswith(AROUND_ONE) else 0.1 * s


def real(name, *shape):
    return math.sqrt(3) * symmetric(name, shape)


def index(name, count, limit):
    """(i + one random bit) mod limit: neighbours coincide now and then."""
    return torch.tensor([(i + int(b)) % limit for i, b in enumerate(bits(name, count) >> np.uint64(63))])


def initial(shapes):
    return {name: initial_value(name, shape) for name, shape in shapes.items()}


# ---------------------------------------------------------------------------------------------
# Fields
# ---------------------------------------------------------------------------------------------

def leaves(theta):
    return {n: x.clone().requires_grad_() for n, x in theta.items()}


def gradient(loss, theta):
    """The field of derivatives; a parameter that the loss does not meet gets zero."""
    g = torch.autograd.grad(loss, list(theta.values()), create_graph=True, allow_unused=True)
    return {n: torch.zeros_like(x) if d is None else d for (n, x), d in zip(theta.items(), g)}


def combine(f, *fields):
    return {n: f(*(x[n] for x in fields)) for n in fields[0]}


class Result:
    def __init__(self):
        self.values = {}

    def fields(self, **fields):
        for field, tensors in fields.items():
            self.values.update({f"{field}:{n}": x for n, x in tensors.items()})

    def after(self, states):
        self.values.update({f"after/{n}": x for n, x in states.items()})


# ---------------------------------------------------------------------------------------------
# siamese.xml
# ---------------------------------------------------------------------------------------------

PAIRS, SIZE, WIDTH, FEATURES, MARGIN = 6, 8, 4, 5, 0.8


LAYERS = (("conv1", WIDTH), ("conv2", 2 * WIDTH))


def siamese_shapes(layers=LAYERS, bias=True):
    shapes, statistics, before = {}, {}, 3
    for layer, channels in layers:
        shapes[f"{layer}/weight"] = (channels, before, 3, 3)
        shapes[f"{layer}/scale"] = shapes[f"{layer}/shift"] = (channels,)
        statistics[f"{layer}/mean"] = statistics[f"{layer}/variance"] = (channels,)
        before = channels
    shapes["weight"] = (FEATURES, before * (SIZE // 2**len(layers)) ** 2)
    if bias:
        shapes["bias"] = (FEATURES,)
    return shapes, statistics


def siamese_embedding(images, theta, given=None, seen=None):
    """given: running statistics instead of the batch's; seen: a dict that gets the batch's."""
    x = images.permute(0, 3, 1, 2)
    for layer in sorted({n.split("/")[0] for n in theta if "/" in n}):
        x = nnf.conv2d(x, theta[f"{layer}/weight"], padding=1)
        if given:
            mean, variance = given[f"{layer}/mean"], given[f"{layer}/variance"]
        else:
            mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
        if seen is not None:
            seen[f"{layer}/mean"] = mean.detach()
            seen[f"{layer}/variance"] = x.var((0, 2, 3), unbiased=True).detach()
        x = (x - mean[:, None, None]) / torch.sqrt(variance[:, None, None] + 1e-5)
        x = x * theta[f"{layer}/scale"][:, None, None] + theta[f"{layer}/shift"][:, None, None]
        x = nnf.max_pool2d(nnf.leaky_relu(x, 0.1), 2)
    x = x.permute(0, 2, 3, 1).flatten(1) @ theta["weight"].T + theta.get("bias", 0)
    return x / torch.sqrt((x * x).sum(1, keepdim=True) + 1e-12)


def siamese_batch(of):
    picture = (PAIRS, SIZE, SIZE, 3)
    return dict(left=real(f"{of}_left", *picture), right=real(f"{of}_right", *picture),
                same=index(f"{of}_left_thing", PAIRS, 3) == index(f"{of}_right_thing", PAIRS, 3))


def contrastive(left, right, same):
    squared = ((left - right) ** 2).sum(1)
    distance = torch.sqrt(squared + 1e-6)
    hinge = torch.clamp(MARGIN - distance, min=0)
    return torch.where(same, squared, hinge * hinge).mean(), distance


def logistic(left, right, same):
    """siamese_variant.xml's loss."""
    cosine = (left * right).sum(1)
    return torch.log(1 + torch.exp(torch.where(same, -4 * cosine, 4 * cosine))).mean(), 1 - cosine


def siamese_variant(case):
    return siamese({"steps": 3, "momentum": 0, "loss": logistic, "network": (LAYERS[:1], False), **case})


def siamese(case):
    order, steps = case.get("order", 2), case.get("steps", 2)
    objective = case.get("loss", contrastive)
    shapes, statistics = siamese_shapes(*case.get("network", ()))
    theta, running = leaves(initial(shapes)), initial(statistics)
    velocity = initial({f"velocity:{n}": s for n, s in shapes.items()})
    support, query, r = siamese_batch("support"), siamese_batch("query"), Result()

    def loss(batch, at, **how):
        return objective(siamese_embedding(batch["left"], at, **how),
                         siamese_embedding(batch["right"], at), batch["same"])[0]

    at, seen = theta, {}
    for i in range(steps):
        value = loss(support, at, **({"seen": seen} if i == 0 else {}))
        if i == 0:
            r.values["support_loss"] = value
        F = gradient(value, at)
        r.fields(**{f"F{i}": F})
        at = combine(lambda t, f: t - 0.2 * f, at, F)
    value = r.values["loss"] = loss(query, at)
    v = gradient(value, at)
    G = gradient(value, theta) if order == 2 else v
    r.fields(v=v, G=G)
    decay = {n: 0.0 if n.endswith(("scale", "shift", "bias")) else 1.0 for n in shapes}
    m = {n: case.get("momentum", 0.9) * velocity[f"velocity:{n}"] + G[n] + 1e-3 * decay[n] * theta[n] for n in shapes}
    r.after({n: theta[n] - 0.05 * m[n] for n in shapes})
    r.after({f"velocity:{n}": x for n, x in m.items()})
    r.after({n: 0.9 * x + 0.1 * seen[n] for n, x in running.items()})
    return r


def siamese_compare(case):
    shapes, statistics = siamese_shapes()
    theta, running, batch, r = initial(shapes), initial(statistics), siamese_batch("query"), Result()
    r.values["distance"] = contrastive(siamese_embedding(batch["left"], theta, given=running),
                                       siamese_embedding(batch["right"], theta, given=running), batch["same"])[1]
    return r


# ---------------------------------------------------------------------------------------------
# models/examples/meta_weight.xml
# ---------------------------------------------------------------------------------------------

def meta_weight(case):
    examples, clean, inputs, hidden, classes, weigher, alpha, beta = 24, 8, 6, 8, 3, 5, 0.3, 2.0
    shapes = {"classifier/weight1": (hidden, inputs), "classifier/bias1": (hidden,),
              "classifier/weight2": (classes, hidden), "classifier/bias2": (classes,),
              "net/weight1": (weigher, 1), "net/bias1": (weigher,), "net/weight2": (1, weigher), "net/bias2": (1,)}
    theta, r = leaves(initial(shapes)), Result()
    noisy = real("noisy_x", examples, inputs), index("noisy_y", examples, classes)
    good = real("clean_x", clean, inputs), index("clean_y", clean, classes)

    def losses(data, at):
        h = torch.tanh(data[0] @ at["classifier/weight1"].T + at["classifier/bias1"])
        return nnf.cross_entropy(h @ at["classifier/weight2"].T + at["classifier/bias2"], data[1], reduction="none")

    def weights(l, at):
        h = nnf.leaky_relu(l.detach()[:, None] @ at["net/weight1"].T + at["net/bias1"], 0.2)
        return torch.sigmoid(h @ at["net/weight2"].T + at["net/bias2"])[:, 0]

    def train_loss(at):
        l = losses(noisy, at)
        w = weights(l, at)
        return (w * l).mean(), w

    own = {n: n.startswith("classifier") for n in shapes}           # the classifier's parameters
    value = r.values["train_loss"] = train_loss(theta)[0]
    F = gradient(value, theta)
    fast = {n: theta[n] - alpha * (F[n] if own[n] else 0) for n in shapes}
    value = r.values["loss"] = losses(good, fast).mean()
    v = gradient(value, fast)
    G = gradient(value, theta) if case.get("order", 2) == 2 else v
    judged = leaves({n: (theta[n] if own[n] else theta[n] - beta * G[n]).detach() for n in shapes})
    value, r.values["weights"] = train_loss(judged)
    H = gradient(value, judged)
    r.fields(F=F, v=v, G=G, H=H)
    r.after({n: judged[n] - alpha * H[n] if own[n] else judged[n] for n in shapes})
    return r


# ---------------------------------------------------------------------------------------------
# gru.xml
# ---------------------------------------------------------------------------------------------

def gru(case):
    sequences, length, hidden, rate, lr = 4, 6, 5, 0.1, 0.05
    shapes = {"read": (1, hidden), "read_b": (1,)}
    for g in ("reset", "update", "new"):
        shapes[f"{g}_x"], shapes[f"{g}_h"], shapes[f"{g}_b"] = (hidden, 1), (hidden, hidden), (hidden,)
    theta, r = leaves(initial(shapes)), Result()

    def loss(data, at):
        h, total = torch.zeros(sequences, hidden), 0
        for t in range(length - 1):
            x = data[:, t:t + 1]
            gate = {g: x @ at[f"{g}_x"].T + at[f"{g}_b"] + h @ at[f"{g}_h"].T for g in ("reset", "update")}
            reset, update = torch.sigmoid(gate["reset"]), torch.sigmoid(gate["update"])
            new = torch.tanh(x @ at["new_x"].T + at["new_b"] + (reset * h) @ at["new_h"].T)
            h = (1 - update) * new + update * h
            y = h @ at["read"].T + at["read_b"]
            total = total + ((y - data[:, t + 1:t + 2]) ** 2).mean()
        return total / (length - 1)

    support, query = real("support", sequences, length), real("query", sequences, length)
    value = r.values["before"] = loss(support, theta)
    F = gradient(value, theta)
    fast = combine(lambda t, f: t - rate * f, theta, F)
    value = r.values["loss"] = loss(query, fast)
    v = gradient(value, fast)
    G = gradient(value, theta) if case.get("order", 2) == 2 else v
    norm = r.values["norm"] = torch.sqrt(sum((g * g).sum() for g in G.values()))
    shrink = min(1.0, case.get("clip", 1.0) / norm.item())
    r.fields(F=F, v=v, G=G)
    r.after(combine(lambda t, g: t - lr * shrink * g, theta, G))
    return r


# ---------------------------------------------------------------------------------------------
# prototypes.xml
# ---------------------------------------------------------------------------------------------

def prototypes(case):
    ways, shots, queries, pool, inputs, code, lr = 4, 3, 8, 20, 6, 4, 0.1
    heads, sharpness = case.get("heads", 2), 0.1 if case.get("order", 2) == 2 else 0.0
    shapes = {"encode": (code, inputs), "scale": (code,), "shift": (code,), "decode": (inputs, code),
              "decode_bias": (inputs,), "log_scale": (), "attention/mix": (code, code * heads)}
    for h in range(heads):
        shapes.update({f"attention/head{h}/{w}_weight": (code, code) for w in ("query", "key", "value")})
    theta, r = leaves(initial(shapes)), Result()
    x = real("pool", pool, inputs)
    rows, classes = index("support_rows", ways * shots, pool), index("support_class", ways * shots, ways)
    asked, truth = index("query_rows", queries, pool), index("query_class", queries, ways)

    raw = x @ theta["encode"].T
    spread = torch.sqrt(raw.var(0, unbiased=False) + 1e-5)
    codes = torch.tanh((raw - raw.mean(0)) / spread * theta["scale"] + theta["shift"])
    reconstruction = ((codes @ theta["decode"].T + theta["decode_bias"] - x) ** 2).mean()
    support = codes[rows]
    centres = torch.stack([support[classes == c].mean(0) for c in range(ways)])
    joined = []
    for h in range(heads):
        q, k, value = (centres @ theta[f"attention/head{h}/{w}_weight"].T for w in ("query", "key", "value"))
        joined.append(torch.softmax(q @ k.T / math.sqrt(code), 1) @ value)
    adapted = centres + torch.cat(joined, 1) @ theta["attention/mix"].T
    distance = ((codes[asked][:, None] - adapted[None]) ** 2).sum(2)
    logits = -torch.exp(theta["log_scale"]) * distance
    loss = r.values["loss"] = nnf.cross_entropy(logits, truth) + 0.5 * reconstruction
    r.values["accuracy"] = (logits.argmax(1) == truth).double().mean()
    F = gradient(loss, theta)
    norm = r.values["norm"] = torch.sqrt(sum((f * f).sum() for f in F.values()))
    G = gradient(loss + sharpness * norm, theta)
    r.fields(F=F, G=G)
    r.after(combine(lambda t, g: t - lr * g, theta, G))
    return r


# ---------------------------------------------------------------------------------------------
# models/examples/hard_tasks.xml
# ---------------------------------------------------------------------------------------------

def hard_tasks(case):
    tasks, worst, shots, hard, hidden = 6, case.get("worst", 2), 10, case.get("hard", 4), 16
    inner_lr, lr = 0.05, 0.05
    shapes = {"fc1/weight": (hidden, 1), "fc1/bias": (hidden,), "fc2/weight": (hidden, hidden), "fc2/bias": (hidden,),
              "fc3/weight": (1, hidden), "fc3/bias": (1,)}
    theta, r = leaves(initial(shapes)), Result()
    momentum = initial({f"momentum:{n}": s for n, s in shapes.items()})
    amplitude, phase = real("amplitude", tasks), real("phase", tasks)
    points = real("points", tasks, 2 * shots, 1)

    def errors(t, half, at):
        x = 10 * points[t, half * shots:(half + 1) * shots] - 5
        h = torch.tanh(x @ at["fc1/weight"].T + at["fc1/bias"])
        h = torch.tanh(h @ at["fc2/weight"].T + at["fc2/bias"])
        y = h @ at["fc3/weight"].T + at["fc3/bias"]
        return (y - (0.1 + 4.9 * amplitude[t]) * torch.sin(x + math.pi * phase[t]))[:, 0] ** 2

    losses = []
    for t in range(tasks):
        F = gradient(torch.topk(errors(t, 0, theta), hard)[0].mean(), theta)
        r.fields(**{f"F{t}": F})
        if case.get("order", 2) == 1:
            F = {n: f.detach() for n, f in F.items()}
        fast = combine(lambda p, f: p - inner_lr * f, theta, F)
        losses.append(errors(t, 1, fast).mean())
    losses = torch.stack(losses)
    r.values.update({"loss/mean": losses.mean(), "loss/max": losses.max()})
    tail, chosen = torch.topk(losses, worst)
    r.values["chosen"] = chosen.double()
    loss = r.values["loss"] = tail.mean()
    G = gradient(loss, theta)
    norm = r.values["norm/G"] = torch.sqrt(sum((g * g).sum() for g in G.values()))
    shrink = min(1.0, 10 / norm.item())
    velocity = {n: 0.9 * momentum[f"momentum:{n}"] + shrink * G[n] for n in shapes}
    r.fields(G=G)
    r.after({n: theta[n] - lr * velocity[n] for n in shapes})
    r.after({f"momentum:{n}": v for n, v in velocity.items()})
    return r


# ---------------------------------------------------------------------------------------------
# models/examples/vit.xml
# ---------------------------------------------------------------------------------------------

VIT = {"height": 12, "width": 8, "patch": 4, "features": 8, "heads": 2, "depth": 2, "classes": 5, "rows": 6}


def vit_shapes(pooling):
    d, patches = VIT["features"], VIT["height"] // VIT["patch"] * (VIT["width"] // VIT["patch"])
    shapes = {"patches/weight": (d, 3, VIT["patch"], VIT["patch"])}
    if pooling == "token":
        shapes["token"] = (1, 1, d)
    shapes["position"] = (patches + (pooling == "token"), d)
    for i in range(VIT["depth"]):
        dense = {f"attention/{w}": (d, d) for w in ("query", "key", "value", "out")}
        dense.update({"mlp/fc1": (2 * d, d), "mlp/out": (d, 2 * d)})
        for n, (to, of) in dense.items():
            shapes[f"block{i}/{n}/weight"], shapes[f"block{i}/{n}/bias"] = (to, of), (to,)
        for n in ("norm1", "norm2"):
            shapes[f"block{i}/{n}/weight"] = shapes[f"block{i}/{n}/bias"] = (d,)
    shapes["norm/weight"] = shapes["norm/bias"] = (d,)
    shapes["classifier/weight"], shapes["classifier/bias"] = (VIT["classes"], d), (VIT["classes"],)
    return shapes


def vit_features(images, at, pooling, noise=None, p=0.25):
    """noise: of each branch that drops, uniform random numbers; None: evaluation."""
    d, heads = VIT["features"], VIT["heads"]

    def dense(x, name):
        return nnf.linear(x, at[f"{name}/weight"], at[f"{name}/bias"])

    def norm(x, name):
        return nnf.layer_norm(x, (d,), at[f"{name}/weight"], at[f"{name}/bias"], 1e-5)

    def drop(x, name):
        return x if noise is None else x * (noise[name] >= p) / (1 - p)

    def attention(x, name):
        q, k, v = (dense(x, f"{name}/{w}").unflatten(2, (heads, d // heads)) for w in ("query", "key", "value"))
        share = torch.softmax(torch.einsum("nihc,njhc->nhij", q, k) / math.sqrt(d // heads), -1)
        return dense(torch.einsum("nhij,njhc->nihc", share, v).flatten(2), f"{name}/out")

    x = nnf.conv2d(4 * images.permute(0, 3, 1, 2) - 2, at["patches/weight"], stride=VIT["patch"]).flatten(2).mT
    if pooling == "token":
        x = torch.cat([at["token"].expand(len(x), 1, d), x], 1)
    x = x + at["position"]
    for i in range(VIT["depth"]):
        x = x + drop(attention(norm(x, f"block{i}/norm1"), f"block{i}/attention"), f"drop{i}/attention")
        h = nnf.gelu(dense(norm(x, f"block{i}/norm2"), f"block{i}/mlp/fc1"))
        x = x + drop(dense(h, f"block{i}/mlp/out"), f"drop{i}/mlp")
    x = norm(x, "norm")
    return x[:, 0] if pooling == "token" else x.mean(1)


def adamw(theta, G, step, plain, lr=0.05, decay=0.05):
    """One step of torch's AdamW on copies; `plain`: the names that do not decay."""
    copies = {n: x.detach().clone() for n, x in theta.items()}
    groups = [{"params": [copies[n] for n in copies if (n in plain) == free], "weight_decay": 0 if free else decay}
              for free in (False, True)]
    optimiser = torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.999), eps=1e-8, foreach=False)
    for n, x in copies.items():
        x.grad = G[n].detach()
        optimiser.state[x] = {"step": step.clone(), **{torch_name: initial_value(f"{name}:{n}", x.shape)
                              for torch_name, name in (("exp_avg", "first_moment"), ("exp_avg_sq", "second_moment"))}}
    optimiser.step()
    after = dict(copies)
    for n, x in copies.items():
        after[f"first_moment:{n}"] = optimiser.state[x]["exp_avg"]
        after[f"second_moment:{n}"] = optimiser.state[x]["exp_avg_sq"]
    return after


def vit(case):
    pooling, radius, rows = case.get("pooling", "token"), case.get("radius", 0.05), VIT["rows"]
    shapes = vit_shapes(pooling)
    theta, r = leaves(initial(shapes)), Result()
    images = real("images", 1, rows, VIT["height"], VIT["width"], 3)[0]
    labels = index("labels", rows, VIT["classes"])
    noise = {f"drop{i}/{b}": uniform(f"drop{i}/{b}", (rows, shapes["position"][0], VIT["features"]))
             for i in range(VIT["depth"]) for b in ("attention", "mlp")}

    def loss(at):
        scores = nnf.linear(vit_features(images, at, pooling, noise), at["classifier/weight"], at["classifier/bias"])
        return nnf.cross_entropy(scores, labels, label_smoothing=0.1)

    value = r.values["train/loss"] = loss(theta)
    F = G = gradient(value, theta)
    norm = r.values["norm/F"] = torch.sqrt(sum((f * f).sum() for f in F.values()))
    if radius:
        uphill = {n: radius * f / norm for n, f in F.items()}
        if case.get("order", 2) == 1:
            uphill = {n: f.detach() for n, f in uphill.items()}
        value = r.values["ahead/loss"] = loss(combine(torch.add, theta, uphill))
        G = gradient(value, theta)
    r.fields(F=F, G=G)
    steps = initial_value("adamw/steps", ())
    plain = [n for n in shapes if n in ("token", "position") or n.rsplit("/", 2)[-2].startswith("norm")]
    r.after({"adamw/steps": steps + 1, **adamw(theta, G, steps, plain)})
    return r


def vit_evaluate(case):
    theta, r = initial(vit_shapes("token")), Result()
    y = vit_features(real("images", 16, VIT["height"], VIT["width"], 3), theta, "token")
    r.values["ynorm"] = y / torch.sqrt((y * y).sum(1, keepdim=True) + 1e-12)
    return r


# ---------------------------------------------------------------------------------------------
# models/examples/depthwise.xml
# ---------------------------------------------------------------------------------------------

STEM, IDS, GROUP = 8, (3, 2, 4), 4
# Of each block: channels, expansion, multiplier, stride, dilation.
BLOCKS = ((8, 1, 2, 1, 1), (12, 2, 1, 2, 1), (12, 2, 1, 1, 2))


def depthwise_units():
    """name: (channels read, written, groups, kernel, stride, dilation, whether it bends), in order."""
    units, before = {"stem": (3, STEM, 1, 3, 2, 1, True)}, STEM
    for i, (to, expand, multiplier, stride, dilation) in enumerate(BLOCKS):
        inner = before * expand
        if expand > 1:
            units[f"block{i}/widen"] = (before, inner, 1, 1, 1, 1, True)
        units[f"block{i}/depthwise"] = (inner, inner * multiplier, inner, 3, stride, dilation, True)
        units[f"block{i}/project"] = (inner * multiplier, to, 1, 1, 1, 1, False)
        before = to
    units["head"] = (before, 4 * before, 1, 1, 1, 1, True)
    return units


def depthwise_shapes(kind):
    shapes, statistics = {}, {}
    for name, (of, to, groups, kernel, *_) in depthwise_units().items():
        shapes[f"{name}/conv/weight"] = (to, of // groups, kernel, kernel)
        shapes[f"{name}/norm/weight"] = shapes[f"{name}/norm/bias"] = (to,)
        if kind == "batch":
            statistics[f"{name}/norm/running_mean"] = statistics[f"{name}/norm/running_var"] = (to,)
    shapes["classifier/weight"], shapes["classifier/bias"] = (sum(IDS), to), (sum(IDS),)
    return shapes, statistics


def depthwise_features(images, at, kind, running=None, training=True):
    """running: moments that torch's batch norm moves, or uses when not training."""
    units = depthwise_units()

    def unit(x, name):
        _, to, groups, kernel, stride, dilation, bends = units[name]
        x = nnf.conv2d(x, at[f"{name}/conv/weight"], None, stride, kernel // 2 * dilation, dilation, groups)
        norm = f"{name}/norm"
        w, b = at[f"{norm}/weight"], at[f"{norm}/bias"]
        if kind == "group":
            x = nnf.group_norm(x, max(1, to // GROUP), w, b, 1e-5)
        else:
            moments = [running and running[f"{norm}/running_{m}"] for m in ("mean", "var")]
            x = nnf.batch_norm(x, *moments, w, b, training, 0.1, 1e-5)
        return nnf.relu6(x) if bends else x

    x = unit(4 * images.permute(0, 3, 1, 2) - 2, "stem")
    for i in range(len(BLOCKS)):
        y = x
        for part in ("widen", "depthwise", "project"):
            y = unit(y, f"block{i}/{part}") if f"block{i}/{part}" in units else y
        x = x + y if x.shape == y.shape else y
    return unit(x, "head").mean((2, 3))


def depthwise(case):
    held, kind, domains = case.get("held", 0), case.get("norm", "group"), len(IDS)
    shapes, statistics = depthwise_shapes(kind)
    theta, running, r = leaves(initial(shapes)), initial(statistics), Result()
    momentum = initial({f"momentum:{n}": s for n, s in shapes.items()})
    images = real("images", domains, 4, 16, 12, 3)
    labels = index("labels", domains * 4, min(IDS)).reshape(domains, 4)
    labels = labels + torch.tensor([sum(IDS[:k]) for k in range(domains)])[:, None]

    def loss(domains, at, moments):
        y = depthwise_features(images[domains].flatten(0, 1), at, kind, moments)
        return nnf.cross_entropy(nnf.linear(y, at["classifier/weight"], at["classifier/bias"]), labels[domains].flatten())

    train = r.values["train/loss"] = loss([k for k in range(domains) if k != held], theta, running)
    F = gradient(train, theta)
    r.fields(F=F)
    if case.get("order", 2) == 1:
        F = {n: f.detach() for n, f in F.items()}
    test = r.values["test/loss"] = loss([held], combine(lambda t, f: t - 0.05 * f, theta, F), None)
    value = r.values["loss"] = train + test
    G = gradient(value, theta)
    shrink = min(1.0, 10 / math.sqrt(sum((g * g).sum().item() for g in G.values())))
    velocity = {n: 0.9 * momentum[f"momentum:{n}"] + shrink * G[n] + 1e-4 * theta[n] for n in shapes}
    r.fields(G=G)
    r.after({n: theta[n] - 0.05 * velocity[n] for n in shapes})
    r.after({f"momentum:{n}": v for n, v in velocity.items()})
    r.after(running)
    return r


def depthwise_evaluate(case):
    (shapes, statistics), r = depthwise_shapes("batch"), Result()
    y = depthwise_features(real("images", 16, 16, 12, 3), initial(shapes), "batch", initial(statistics), False)
    r.values["ynorm"] = y / torch.sqrt((y * y).sum(1, keepdim=True) + 1e-12)
    return r


MODELS = {
    "siamese": (siamese, {"default": {}, "order1": {"order": 1}, "one": {"steps": 1}, "three": {"steps": 3},
                          "compare": {"program": siamese_compare}}),
    "siamese_variant": (siamese_variant, {"default": {}, "order1": {"order": 1}}),
    "meta_weight": (meta_weight, {"default": {}, "order1": {"order": 1}}),
    "gru": (gru, {"default": {}, "order1": {"order": 1}, "unclipped": {"clip": 10}}),
    "hard_tasks": (hard_tasks, {"default": {}, "order1": {"order": 1}, "worst": {"worst": 1},
                                "all": {"hard": 10}}),
    "prototypes": (prototypes, {"default": {}, "order1": {"order": 1}, "one": {"heads": 1}}),
    "vit": (vit, {"default": {}, "order1": {"order": 1}, "mean": {"pooling": "mean"}, "flat": {"radius": 0},
                  "evaluate": {"program": vit_evaluate}}),
    "depthwise": (depthwise, {"default": {}, "order1": {"order": 1}, "batch": {"norm": "batch"},
                              "last": {"held": 2}, "evaluate": {"program": depthwise_evaluate}}),
}


def run(name):
    build, cases = MODELS[name]
    tensors = {}
    for case, settings in cases.items():
        for value, x in settings.get("program", build)(settings).values.items():
            if case == "default" or ":" not in value or value.startswith(("G:", "after/")):
                tensors[f"{case}/{value}"] = np.array(x.detach().numpy(), order="C")
    return tensors


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out")
    parser.add_argument("--model", choices=MODELS)
    parser.add_argument("--print", action="store_true")
    options = parser.parse_args()
    for name in [options.model] if options.model else MODELS:
        tensors = run(name)
        if options.print:
            for value, x in tensors.items():
                if x.ndim == 0:
                    print(name, value, repr(float(x)))
        if options.out:
            from safetensors.numpy import save_file
            save_file(tensors, f"{options.out}/{name}.safetensors")


if __name__ == "__main__":
    main()
