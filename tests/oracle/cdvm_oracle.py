#!/usr/bin/env python3
"""Independent float64 oracle of one CDVM training step.

Written from the definition of the model alone: it shares no code with the C program and uses PyTorch's own
automatic differentiation.  Equation numbers are those of Li, Sun, Cai, Gong, "Leverage cross-domain
variations for generalizable person ReID representation learning" (Pattern Recognition 2025).

    cdvm_oracle.py --out tests/oracle/cdvm.safetensors     write every case
    cdvm_oracle.py --self-check                            check the oracle against differences
    cdvm_oracle.py --list                                  name the cases
    cdvm_oracle.py --case NAME --print                     scalars of one case
    cdvm_oracle.py --case NAME --dump FILE.safetensors     every tensor of one case, in full
    cdvm_oracle.py --time=5 --device=cuda --set width=16   seconds and memory of a step in float32

README.md beside this file gives the file format and how open points were read.
"""
import argparse
import json
import math
import sys
import time

import numpy as np
import torch
import torch.nn.functional as nnf

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)


# ---------------------------------------------------------------------------------------------
# Closed formula: every initial value, image and projection is a function of (name, flat index)
# ---------------------------------------------------------------------------------------------

def fnv1a(name):
    """FNV-1a, 64 bits, of the UTF-8 name."""
    h = 14695981039346656037
    for byte in name.encode():
        h = ((h ^ byte) * 1099511628211) % 2**64
    return h


def bits(name, count):
    """splitmix64 finaliser of (h + (i+1) * golden) for i = 0 .. count-1, as uint64."""
    with np.errstate(over="ignore"):
        z = np.uint64(fnv1a(name)) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z ^= z >> np.uint64(30)
        z *= np.uint64(0xBF58476D1CE4E5B9)
        z ^= z >> np.uint64(27)
        z *= np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return z


def uniform(name, shape):
    """u in [0, 1), 53 bits, row-major over `shape`."""
    count = int(np.prod(shape))
    return torch.from_numpy((bits(name, count) >> np.uint64(11)).astype(np.float64) * 2.0**-53).reshape(shape)


def symmetric(name, shape):
    """s = 2u - 1 in [-1, 1)."""
    return 2 * uniform(name, shape) - 1


_signs = {}


def signs(name, count):
    """(8, count): the +-1 vectors of tensor `name`; projection k is named NAME#k, top bit set = +1."""
    key = (name, count)
    if key not in _signs:
        rows = [np.where(bits(f"{name}#{k}", count) >> np.uint64(63), 1.0, -1.0) for k in range(8)]
        _signs[key] = np.stack(rows)
    return _signs[key]


# ---------------------------------------------------------------------------------------------
# Parameters of the model, by name, and the check's setting of them
# ---------------------------------------------------------------------------------------------

DEFAULTS = dict(
    width=8, blocks="2 2 2 2", height=32, image_width=16, batch_ids=2, batch_images=2,
    domains="a b c", ids="8 8 8", eval_batch=4,
    encoders="on", meta="on", ws_params="conv", ws_form="cos", stats_of="spe", delta="std",
    stats_gradient=0, style="elastic", fusion_norm="none", attr_apply="auto", V=4,
    pool="gem", gem_p=3.0, gem_eps=1e-3, order=2, grl_outer="identity", grl_lambda=1.0, grl_ramp=0,
    metatest_local="own", tri_negatives="pass", inner_steps=1, inner_lr=0.0, inner_ratio=1.0,
    train_weight=1.0, alpha=0.5, beta=0.5, w_ws=1.0, w_inv=1.0, w_spe=1.0, w_cent=5e-4,
    m1=0.1, m2=0.1, margin=0.3, smoothing=0.1, clip_norm=0.0, momentum=0.9, decay=5e-4,
    lr=0.01, lr_end=5e-5, lr_cent=0.5, test_style="mean",
    epochs=120, warmup_epochs=10, steps=0, warmup_steps=-1)

RAMP_STEP, RAMP_TOTAL = 3, 10          # grl_ramp's case: p = step / total = 0.3


class Config:
    """The parameters of one case, plus the sizes that follow from them."""

    def __init__(self, overrides):
        unknown = set(overrides) - set(DEFAULTS)
        if unknown:
            raise ValueError(f"unknown parameters {sorted(unknown)}")
        for key, value in {**DEFAULTS, **overrides}.items():
            setattr(self, key, value)
        self.names = self.domains.split()
        self.n_ids = [int(x) for x in self.ids.split()]
        self.n_blocks = [int(x) for x in self.blocks.split()]
        self.K, self.S, self.B = len(self.names), len(self.n_blocks), self.batch_ids * self.batch_images
        self.channels = [4 * self.width * 2**s for s in range(self.S)]
        self.strides = [1, 2, 2, 1]
        self.on = self.encoders == "on"
        self.dis = self.on and self.alpha != 0          # L_dis is part of the loss
        self.has_ws = self.dis and self.w_ws != 0
        self.has_inv = self.dis and self.w_inv != 0
        self.has_spe = self.dis and self.w_spe != 0
        self.has_dom = self.has_inv or self.has_spe     # D_s exists
        self.styled = self.on and self.style != "off"
        self.apply_attr = self.beta > 0 if self.attr_apply == "auto" else self.attr_apply == "on"
        self.has_attr = self.beta != 0 or self.apply_attr
        if self.K == 1 and self.meta == "on":
            raise ValueError("K = 1 needs meta=off")

    def inner_rate(self):
        """a: the constant inner_lr, or the current learning rate times inner_ratio."""
        return self.inner_lr if self.inner_lr else self.lr * self.inner_ratio

    def reversal(self):
        """lambda of the gradient reversal in this step."""
        if not self.grl_ramp:
            return self.grl_lambda
        return self.grl_lambda * ramp(RAMP_STEP / RAMP_TOTAL)


def ramp(p):
    return 2 / (1 + math.exp(-10 * p)) - 1


# ---------------------------------------------------------------------------------------------
# Parameter and state tensors
# ---------------------------------------------------------------------------------------------

def bottleneck_shapes(prefix, c_in, c_out, ibn, project):
    mid, shapes = c_out // 4, {}

    def norm(name, channels, kind="bn"):
        shapes[f"{name}/weight"] = shapes[f"{name}/bias"] = (channels,)
        if kind == "bn":
            shapes[f"{name}/running_mean"] = shapes[f"{name}/running_var"] = (channels,)

    shapes[f"{prefix}/conv1/weight"] = (mid, c_in, 1, 1)
    shapes[f"{prefix}/conv2/weight"] = (mid, mid, 3, 3)
    shapes[f"{prefix}/conv3/weight"] = (c_out, mid, 1, 1)
    if ibn:
        norm(f"{prefix}/norm1/in", mid // 2, "in")
        norm(f"{prefix}/norm1/bn", mid - mid // 2)
    else:
        norm(f"{prefix}/norm1", mid)
    norm(f"{prefix}/norm2", mid)
    norm(f"{prefix}/norm3", c_out)
    if project:
        shapes[f"{prefix}/down/conv/weight"] = (c_out, c_in, 1, 1)
        norm(f"{prefix}/down/norm", c_out)
    return shapes


def shapes_of(cfg):
    """Name -> shape of everything a checkpoint holds, except the momentum buffers."""
    shapes = {"stem/conv/weight": (cfg.width, 3, 7, 7)}
    for part in ("weight", "bias", "running_mean", "running_var"):
        shapes[f"stem/norm/{part}"] = (cfg.width,)
        shapes[f"neck/{part}"] = (cfg.channels[-1],)
    c_in = cfg.width
    for s, c in enumerate(cfg.channels):
        stage, ibn = f"stage{s + 1}", s < 3
        last = cfg.n_blocks[s] - 1
        for b in range(last):
            shapes.update(bottleneck_shapes(f"{stage}/b{b}", c_in if b == 0 else c, c, ibn, b == 0))
        for block in ["global"] + [f"local{k}" for k in range(cfg.K) if cfg.on]:
            shapes.update(bottleneck_shapes(f"{stage}/{block}", c if last else c_in, c, ibn, last == 0))
        if cfg.on:
            shapes[f"{stage}/fuse/weight"], shapes[f"{stage}/fuse/bias"] = (c, 2 * c, 1, 1), (c,)
            if cfg.fusion_norm == "bn":
                for part in ("weight", "bias", "running_mean", "running_var"):
                    shapes[f"{stage}/fuse/norm/{part}"] = (c,)
        if cfg.has_dom:
            shapes[f"{stage}/dom/weight"], shapes[f"{stage}/dom/bias"] = (cfg.K, c), (cfg.K,)
        if cfg.has_attr:
            h = max(c // (16 * cfg.V), 8)
            shapes[f"{stage}/attr/fc1/weight"], shapes[f"{stage}/attr/fc1/bias"] = (h, c // cfg.V), (h,)
            shapes[f"{stage}/attr/fc2/weight"] = (1, h)
        c_in = c
    for k in range(cfg.K):
        shapes[f"cls{k}/weight"] = (cfg.n_ids[k], cfg.channels[-1])
        shapes[f"centre{k}"] = (cfg.n_ids[k], cfg.channels[-1])
    return shapes


def is_trainable(name):
    """Not state: the neck's bias is frozen, running statistics and centres move by rules of their own."""
    return not (name == "neck/bias" or "running_" in name or name.startswith("centre"))


def initial_value(name, shape):
    """Closed formula of (name, index).

    The scales keep the step well conditioned, as a comparison to 1e-9 needs: an error of the last bit
    in theta moves G by some 1e3 last bits.  Convolutions are four times Kaiming's (norms undo the
    factor, but an update moves them a quarter as far), residual branches and instance norms, which
    are steps where a map has two pixels, weigh less than the rest.
    """
    s = symmetric(name, shape)
    if name.endswith("fuse/weight"):                                # [I/2 | I/2] plus a little noise
        c = shape[0]
        eye = torch.eye(c) / 2
        return torch.cat([eye, eye], 1).reshape(shape) + 0.4 * s * math.sqrt(3 / (2 * c))
    if len(shape) == 4:                                             # Kaiming, fan out, uniform
        return 4 * s * math.sqrt(3) * math.sqrt(2 / (shape[0] * shape[2] * shape[3]))
    if name.startswith("centre"):
        return 0.1 * s
    if len(shape) == 2:
        return s * math.sqrt(3 / shape[1])
    if name.endswith("running_mean") or name.endswith("bias"):
        return 0.1 * s
    if name.endswith("norm3/weight"):
        return 0.3 + 0.06 * s
    if name.endswith("norm1/in/weight"):
        return 0.2 + 0.04 * s
    return 1 + 0.2 * s                                              # other norm weights, running_var


def initial_state(cfg):
    return {name: initial_value(name, shape) for name, shape in sorted(shapes_of(cfg).items())}


def inputs_of(cfg, duplicates=False):
    """images (K, B, H, W, 3), labels (K, B), e/stageN (K, 2, C_s)."""
    images = uniform("images", (cfg.K, cfg.B, cfg.height, cfg.image_width, 3))
    if duplicates:                                                  # image 1 = image 0, bit for bit
        images[:, 1] = images[:, 0]
    labels = torch.tensor([[(slot // cfg.batch_images * 3 + k) % 8 for slot in range(cfg.B)]
                           for k in range(cfg.K)])
    data = {"images": images, "labels": labels}
    if cfg.styled:
        for s, c in enumerate(cfg.channels):
            data[f"e/stage{s + 1}"] = math.sqrt(3) * symmetric(f"e/stage{s + 1}", (cfg.K, 2, c))
    return data


# ---------------------------------------------------------------------------------------------
# Selections and stop-gradient values: made once per pass, read by every derivative
# ---------------------------------------------------------------------------------------------

class Frozen:
    """Masks, indices and detached values by name.

    The first pass under a name records; a `replay` object hands back what was recorded, which is
    what a finite difference of a field has to hold constant.
    """

    def __init__(self, recorded=None):
        self.values = {} if recorded is None else recorded
        self.replay = recorded is not None

    def keep(self, name, make):
        if not self.replay:
            assert name not in self.values, name
            with torch.no_grad():
                self.values[name] = make().detach().clone()
        return self.values[name]


class Reversal(torch.autograd.Function):
    """GRL of Eq. 3.  Forward: identity.  Backward: times control.factor.

    The factor is -lambda while a field (F or v) is taken.  While the vector-Jacobian product of the
    outer step runs, it is 1 (grl_outer=identity: the forward node differentiated as what it is) or
    -lambda (grl_outer=reverse).  The product g * factor is itself recorded as an ordinary linear
    node, with the factor it had then; so the inner reverse pass's -lambda stays what it is.
    """

    @staticmethod
    def forward(ctx, x, control):
        ctx.control = control
        return x.view_as(x)

    @staticmethod
    def backward(ctx, g):
        return g * ctx.control.factor, None


class GrlControl:
    def __init__(self, lam):
        self.lam = lam
        self.factor = -lam


# ---------------------------------------------------------------------------------------------
# One pass: a set of domains together
# ---------------------------------------------------------------------------------------------

MEAN = torch.tensor([.485, .456, .406])
STD = torch.tensor([.229, .224, .225])
EPS = 1e-5


def relu_mask(x):
    return (x > 0).to(x.dtype)                                      # relu'(0) = 0


class Pass:
    """Eqs. 1 to 12 on the domains `members` (indices, in domain order), batch statistics.

    outside: Eq. 7's statistics of domains that are not in this pass (the meta-train domains' for the
    meta-test pass): {stage: (list of mu, list of sigma)}; they come as tensors to be differentiated
    (stats_gradient) or as constants.  locals_mode: 'own' or 'others' (metatest_local).
    """

    def __init__(self, cfg, P, data, members, tag, frozen, control, outside=None, locals_mode="own",
                 evaluation=None):
        self.cfg, self.P, self.data, self.members, self.tag = cfg, P, data, members, tag
        self.frozen, self.control, self.outside, self.locals_mode = frozen, control, outside, locals_mode
        self.evaluation = evaluation            # None: training; else how a stage gets F_sty
        self.running = {}                       # new running statistics, by name
        self.stats = {}                         # stage -> (mu list, sigma list) of Eq. 6, this pass's domains
        self.values = {}                        # named values to be compared
        self.debug = {}                         # intermediate maps, for --dump only
        self.terms = {}                         # loss terms by name

    # -- small pieces ---------------------------------------------------------------------------

    def keep(self, name, make):
        return self.frozen.keep(f"{self.tag}/{name}", make)

    def relu(self, x, name):
        return x * self.keep(name, lambda: relu_mask(x))

    def rows(self, q):
        return slice(q * self.cfg.B, (q + 1) * self.cfg.B)

    def batch_norm(self, x, name):
        """Two-pass biased variance normalises; the unbiased one (divisor max(n-1, 1)) goes to the running value."""
        P, dims = self.P, [0] + list(range(2, x.dim()))
        shape = [1, -1] + [1] * (x.dim() - 2)
        if self.evaluation:
            mean, var = P[f"{name}/running_mean"].view(shape), P[f"{name}/running_var"].view(shape)
            d = x - mean
        else:
            mean = x.mean(dims, keepdim=True)
            d = x - mean
            var = (d * d).mean(dims, keepdim=True)
            n = x.numel() // x.shape[1]
            with torch.no_grad():
                for part, new in (("mean", mean), ("var", var * n / max(n - 1, 1))):
                    key = f"{name}/running_{part}"
                    self.running[key] = 0.9 * P[key] + 0.1 * new.flatten()
        return d / torch.sqrt(var + EPS) * P[f"{name}/weight"].view(shape) + P[f"{name}/bias"].view(shape)

    def instance_norm(self, x, name):
        d = x - x.mean((2, 3), keepdim=True)
        var = (d * d).mean((2, 3), keepdim=True)
        shape = (1, -1, 1, 1)
        return d / torch.sqrt(var + EPS) * self.P[f"{name}/weight"].view(shape) + self.P[f"{name}/bias"].view(shape)

    def bottleneck(self, x, prefix, stride, site=None):
        """1x1, 3x3 (stride), 1x1; IBN-a on the first norm where the block has one.  `site` names its masks."""
        P, site = self.P, site or prefix
        y = nnf.conv2d(x, P[f"{prefix}/conv1/weight"])
        if f"{prefix}/norm1/in/weight" in P:
            half = P[f"{prefix}/norm1/in/weight"].numel()
            y = torch.cat([self.instance_norm(y[:, :half], f"{prefix}/norm1/in"),
                           self.batch_norm(y[:, half:], f"{prefix}/norm1/bn")], 1)
        else:
            y = self.batch_norm(y, f"{prefix}/norm1")
        y = self.relu(y, f"{site}/relu1")
        y = nnf.conv2d(y, P[f"{prefix}/conv2/weight"], stride=stride, padding=1)
        y = self.relu(self.batch_norm(y, f"{prefix}/norm2"), f"{site}/relu2")
        y = self.batch_norm(nnf.conv2d(y, P[f"{prefix}/conv3/weight"]), f"{prefix}/norm3")
        if f"{prefix}/down/conv/weight" in P:
            x = self.batch_norm(nnf.conv2d(x, P[f"{prefix}/down/conv/weight"], stride=stride), f"{prefix}/down/norm")
        return self.relu(y + x, f"{site}/relu3")

    def max_pool(self, x):
        """3x3/2, pads are -inf, ties to the first index of the window (row-major)."""
        h, w = x.shape[2:]

        def winner():
            padded = nnf.pad(x, (1, 1, 1, 1), value=-math.inf)
            oh, ow = (h - 1) // 2 + 1, (w - 1) // 2 + 1
            best = torch.full(x.shape[:2] + (oh, ow), -math.inf)
            index = torch.zeros_like(best, dtype=torch.int64)
            top, left = torch.arange(oh).view(-1, 1) * 2 - 1, torch.arange(ow).view(1, -1) * 2 - 1
            for i in range(3):
                for j in range(3):
                    value = padded[:, :, i:i + 2 * oh - 1:2, j:j + 2 * ow - 1:2]
                    better = value > best
                    best = torch.where(better, value, best)
                    index = torch.where(better, (top + i) * w + left + j, index)
            return index

        index = self.keep("stem/pool", winner)
        return x.flatten(2).gather(2, index.flatten(2)).view(index.shape)

    # -- the network ----------------------------------------------------------------------------

    def run(self):
        cfg, P = self.cfg, self.P
        images = torch.cat([self.data["images"][k] for k in self.members])
        x = ((images - MEAN) / STD).permute(0, 3, 1, 2)
        x = nnf.conv2d(x, P["stem/conv/weight"], stride=2, padding=3)
        x = self.max_pool(self.relu(self.batch_norm(x, "stem/norm"), "stem/relu"))
        self.l_inv, self.l_spe, self.l_v, self.l_c = [], [], [], []
        for s in range(cfg.S):
            stage = f"stage{s + 1}"
            last = cfg.n_blocks[s] - 1
            for b in range(last):
                x = self.bottleneck(x, f"{stage}/b{b}", cfg.strides[s] if b == 0 else 1)
            x = self.encoders(x, s, stage, 1 if last else cfg.strides[s])
            self.debug[f"Fhat/{stage}"] = x
            if cfg.has_attr:
                x = self.attributes(x, stage)
        self.attended = x                       # the head and the attention map see the scaled Fhat_4
        self.head(x)
        return self

    def encoders(self, f, s, stage, stride):
        """Eqs. 1 and 3 to 9: F_s -> Fhat_s."""
        cfg, P = self.cfg, self.P
        f_inv = self.bottleneck(f, f"{stage}/global", stride)                              # (1)
        if not cfg.on:
            return f_inv

        def local(k, rows, site=None):
            return self.bottleneck(rows, f"{stage}/local{k}", stride, site)

        if self.evaluation == "global_only":
            f_sty = f_inv
        elif self.evaluation:                                       # list of the locals to average over
            f_sty = sum(local(k, f) for k in self.evaluation) / len(self.evaluation)
        else:
            if self.locals_mode == "own":
                parts = [local(k, f[self.rows(q)]) for q, k in enumerate(self.members)]    # (1)
            else:
                (t,) = self.members
                others = [k for k in range(cfg.K) if k != t]
                parts = [sum(local(k, f) for k in others) / len(others)]
            f_spe = torch.cat(parts)
            self.debug[f"F/{stage}"], self.debug[f"F_inv/{stage}"] = f, f_inv
            self.debug[f"F_spe/{stage}"] = f_spe
            self.domain_losses(f_inv, f_spe, stage)
            f_sty = self.restyle(f, f_inv, parts, s, stage) if cfg.styled else f_spe
            self.debug[f"F_sty/{stage}"] = f_sty
        y = nnf.conv2d(torch.cat([f_inv, f_sty], 1), P[f"{stage}/fuse/weight"], P[f"{stage}/fuse/bias"])
        if cfg.fusion_norm == "bn":
            y = self.batch_norm(y, f"{stage}/fuse/norm")
        return self.relu(y, f"{stage}/fuse/relu")                                          # (9)

    def domain_losses(self, f_inv, f_spe, stage):
        cfg, P = self.cfg, self.P
        domain = torch.tensor(self.members).repeat_interleave(cfg.B)

        def classify(x):
            return nnf.cross_entropy(nnf.linear(x.mean((2, 3)), P[f"{stage}/dom/weight"], P[f"{stage}/dom/bias"]), domain)

        if cfg.has_inv:
            x = Reversal.apply(f_inv, self.control) if self.control else f_inv
            self.l_inv.append(classify(x))                                                 # (3)
        if cfg.has_spe and self.locals_mode == "own":
            self.l_spe.append(classify(f_spe))                                             # (4)

    def restyle(self, f, f_inv, parts, s, stage):
        """Eqs. 6 to 8."""
        cfg, e = self.cfg, self.data[f"e/stage{s + 1}"]

        def moments(x):                                                                    # (6)
            mu = x.mean((0, 2, 3))
            d = x - mu.view(1, -1, 1, 1)
            return mu, torch.sqrt((d * d).mean((0, 2, 3)) + 1e-5)

        own = [moments(x) for x in parts]                           # F_spe's own: Eq. 8 divides by these
        source = {"spe": None, "in": f, "inv": f_inv}[cfg.stats_of]
        stats = own if source is None else [moments(source[self.rows(q)]) for q in range(len(parts))]
        self.stats[stage] = ([m for m, _ in stats], [d for _, d in stats])
        self.values[f"mu/{stage}"] = torch.stack([m for m, _ in stats])
        self.values[f"sigma/{stage}"] = torch.stack([d for _, d in stats])
        outside = self.outside[stage] if self.outside else ([], [])

        result, hats = [], []
        for q, k in enumerate(self.members):
            target = []
            for part in (0, 1):                                     # mu, then sigma
                rest = [x[part] for i, x in enumerate(stats) if i != q] + list(outside[part])
                if not rest:
                    break
                involved = torch.stack(rest + [stats[q][part]])
                noise = e[k, part] if cfg.style == "elastic" else torch.zeros_like(e[k, part])
                target.append(torch.stack(rest).mean(0) + noise * self.spread(involved))   # (7)
            if not target:                                          # no other domain to draw on
                result.append(parts[q])
                continue
            muhat, sighat = target
            site = f"{stage}/style{k}"
            low = self.keep(f"{site}/low", lambda: 1e-3 * stats[q][1])
            high = self.keep(f"{site}/high", lambda: 10 * stats[q][1])
            below = self.keep(f"{site}/below", lambda: sighat < low)
            above = self.keep(f"{site}/above", lambda: sighat > high)
            sighat = torch.where(below, low, torch.where(above, high, sighat))
            if not cfg.stats_gradient:                              # constants, in F and in J
                muhat = self.keep(f"{site}/muhat", lambda: muhat)
                sighat = self.keep(f"{site}/sighat", lambda: sighat)
            mu, sigma = own[q]
            c = (1, -1, 1, 1)
            result.append(sighat.view(c) * (parts[q] - mu.view(c)) / sigma.view(c) + muhat.view(c))   # (8)
            hats.append((muhat, sighat))
        if hats:
            self.values[f"muhat/{stage}"] = torch.stack([m for m, _ in hats])
            self.values[f"sighat/{stage}"] = torch.stack([d for _, d in hats])
        return torch.cat(result)

    def spread(self, x):
        """delta over the domains involved (rows of x), unbiased."""
        if self.cfg.delta in (0, "0"):
            return torch.zeros_like(x[0])
        d = x - x.mean(0)
        var = (d * d).sum(0) / (x.shape[0] - 1)
        return var if self.cfg.delta == "var" else torch.sqrt(var + 1e-6)

    def attributes(self, fhat, stage):
        """Attribute constraint: W_i, L_v, L_c (Eq. 10), and the scaling of the groups."""
        cfg, P, V = self.cfg, self.P, self.cfg.V
        n, c, h, w = fhat.shape
        z = fhat.mean((2, 3)).view(n, V, c // V)
        z = nnf.linear(z, P[f"{stage}/attr/fc1/weight"], P[f"{stage}/attr/fc1/bias"])
        slope = self.keep(f"{stage}/attr/slope", lambda: torch.where(z > 0, 1.0, 0.1))
        weights = torch.softmax(nnf.linear(z * slope, P[f"{stage}/attr/fc2/weight"]).squeeze(2), 1)
        self.debug[f"W/{stage}"] = weights
        if cfg.beta != 0 and not self.evaluation:
            d = weights[:, :, None] - weights[:, None, :]
            gap = d * self.keep(f"{stage}/attr/sign", lambda: torch.sign(d))              # |w_m - w_n|
            hinge = cfg.m1 - gap
            active = self.keep(f"{stage}/attr/hinge", lambda: relu_mask(hinge) * (1 - torch.eye(V)))
            self.l_v.append(((hinge * active) ** 2).sum((1, 2)).mean() / max(V * (V - 1), 1))
            r = ((weights[:, None] - weights[None]) ** 2).sum(2)
            far = self.keep(f"{stage}/attr/far", lambda: (r > max(cfg.m2**2, 1e-8)) & ~torch.eye(n, dtype=torch.bool))
            excess = torch.where(far, torch.sqrt(torch.where(far, r, 1.0)) - cfg.m2, 0.0)
            self.l_c.append((excess**2).sum() / max(n * (n - 1), 1))                       # (10)
        if not cfg.apply_attr:
            return fhat
        return (fhat.view(n, V, c // V, h, w) * (V * weights).view(n, V, 1, 1, 1)).view(n, c, h, w)

    def head(self, x):
        cfg, P = self.cfg, self.P
        if cfg.pool == "average":
            z = x.mean((2, 3))
        else:
            passes = self.keep("head/gem", lambda: x > cfg.gem_eps)
            z = (torch.where(passes, x, cfg.gem_eps) ** cfg.gem_p).mean((2, 3)) ** (1 / cfg.gem_p)
        self.debug["z"] = z
        self.y = self.batch_norm(z, "neck")
        self.ynorm = normalise(self.y)
        self.values["y"], self.values["ynorm"] = self.y, self.ynorm

    # -- the losses -----------------------------------------------------------------------------

    def losses(self):
        """Fills self.terms and returns (L, L_inv with its factor) of Eq. 12; L includes L_inv."""
        cfg, terms = self.cfg, self.terms
        labels = [self.data["labels"][k] for k in self.members]
        terms["ce"] = sum(self.identity_loss(k, q, labels[q]) for q, k in enumerate(self.members)) / len(self.members)
        terms["tri"] = self.triplet(labels)
        centres = torch.cat([self.P[f"centre{k}"].detach()[labels[q]] for q, k in enumerate(self.members)])
        terms["cent"] = ((self.y - centres) ** 2).sum(1).mean()
        total = terms["ce"] + terms["tri"] + cfg.w_cent * terms["cent"]
        if cfg.has_ws:
            terms["ws"] = self.similarity()
            total = total + cfg.alpha * cfg.w_ws * terms["ws"]
        if self.l_inv:
            terms["inv"] = sum(self.l_inv) / cfg.S
            total = total + cfg.alpha * cfg.w_inv * terms["inv"]
        if self.l_spe:
            terms["spe"] = sum(self.l_spe) / cfg.S
            total = total + cfg.alpha * cfg.w_spe * terms["spe"]                           # (5)
        if cfg.beta != 0:
            terms["v"], terms["c"] = sum(self.l_v) / cfg.S, sum(self.l_c) / cfg.S
            total = total + cfg.beta * (terms["v"] + terms["c"])                           # (11)
        terms["total"] = total                                                             # (12)
        return total

    def similarity(self):
        """Eq. 2, over all K locals whatever the pass."""
        cfg, P, total = self.cfg, self.P, 0.0
        for s in range(cfg.S):
            stage = f"stage{s + 1}"
            names = [n[len(f"{stage}/global/"):] for n in sorted(P) if n.startswith(f"{stage}/global/") and is_trainable(n)]
            if cfg.ws_params == "conv":
                names = [n for n in names if n in ("conv1/weight", "conv2/weight", "conv3/weight")]
            g = torch.cat([P[f"{stage}/global/{n}"].flatten() for n in names])
            for k in range(cfg.K):
                l = torch.cat([P[f"{stage}/local{k}/{n}"].flatten() for n in names])
                cos = (g * l).sum() / torch.sqrt((g * g).sum() * (l * l).sum())
                if cfg.ws_form == "abs":
                    cos = cos * self.keep(f"{stage}/ws{k}", lambda: torch.sign(cos))
                elif cfg.ws_form == "square":
                    cos = cos * cos
                total = total + cos
        return total / (cfg.K * cfg.S)                                                     # (2)

    def identity_loss(self, k, q, label):
        """Cross entropy against (1 - smoothing) one-hot + smoothing / N_k, mean within the domain."""
        cfg = self.cfg
        logp = torch.log_softmax(nnf.linear(self.y[self.rows(q)], self.P[f"cls{k}/weight"]), 1)
        target = torch.full_like(logp, cfg.smoothing / cfg.n_ids[k], requires_grad=False)
        target[torch.arange(cfg.B), label] += 1 - cfg.smoothing
        return -(target * logp).sum(1).mean()

    def triplet(self, labels):
        """Batch-hard on ynorm.  Mined on detached distances, the mined pair's distance computed anew."""
        cfg, y = self.cfg, self.ynorm
        domain = torch.tensor(self.members).repeat_interleave(cfg.B)
        label = torch.cat(labels)
        same_domain = domain[:, None] == domain[None]
        same = same_domain & (label[:, None] == label[None])
        positive = same & ~torch.eye(len(label), dtype=torch.bool)
        negative = ~same & same_domain if cfg.tri_negatives == "domain" else ~same

        def first(score, allowed):                                  # lowest index of the largest allowed score
            score = torch.where(allowed, score, -math.inf)
            return (score == score.max(1, keepdim=True).values).to(torch.int64).argmax(1)

        r = ((y[:, None] - y[None]) ** 2).sum(2).detach()
        p = self.keep("tri/positive", lambda: first(r, positive))
        n = self.keep("tri/negative", lambda: first(-r, negative))

        def distance(j, name):
            r = ((y - y[j]) ** 2).sum(1)
            far = self.keep(f"tri/{name}", lambda: r > 1e-6)
            return torch.where(far, torch.sqrt(torch.where(far, r, 1.0)), 0.0)

        hinge = cfg.margin + distance(p, "far_p") - distance(n, "far_n")
        counted = positive.any(1)
        active = self.keep("tri/hinge", lambda: relu_mask(hinge) * (counted & negative.any(1)))
        return (hinge * active).sum() / max(int(counted.sum()), 1)

    # -- what moves outside the gradient ----------------------------------------------------------

    def moved_centres(self):
        """SGD on the unweighted centre term: 2 / B_pass * sum (c - y), present identities only."""
        cfg, new = self.cfg, {}
        for q, k in enumerate(self.members):
            c = self.P[f"centre{k}"].detach().clone()
            grad = torch.zeros_like(c)
            label, y = self.data["labels"][k], self.y[self.rows(q)].detach()
            grad.index_add_(0, label, c[label] - y)
            new[f"centre{k}"] = c - cfg.lr_cent * 2 / self.y.shape[0] * grad
        return new


def normalise(y):
    return y / torch.sqrt((y * y).sum(1, keepdim=True) + 1e-12)


# ---------------------------------------------------------------------------------------------
# Fields and the training step (Algorithm 1)
# ---------------------------------------------------------------------------------------------

def gradient(value, leaves, seed=None, create_graph=False):
    """Gradients by name, zeros where `value` does not depend on a leaf.  `value` may be a list with seeds."""
    names = list(leaves)
    grads = torch.autograd.grad(value, [leaves[n] for n in names], seed, create_graph=create_graph,
                                retain_graph=True, allow_unused=True)
    return {n: torch.zeros_like(leaves[n]) if g is None else g for n, g in zip(names, grads)}


def leaves_of(params):
    return {n: x.detach().clone().requires_grad_() for n, x in params.items()}


def detach(field):
    return {n: x.detach() for n, x in field.items()}


def norm(field):
    return math.sqrt(sum(float((x * x).sum()) for x in field.values()))


def jacobian_transposed(field, theta, vector):
    """J^T vector for field(theta) built with create_graph."""
    names = [n for n in field if field[n].requires_grad]
    return detach(gradient([field[n] for n in names], theta, [vector[n] for n in names]))


class Step:
    """One training step from (params, state) with held-out domain t (None: meta=off)."""

    def __init__(self, cfg, state, buffers, data, t, frozen=None):
        self.cfg, self.data, self.t = cfg, data, t
        self.params = {n: x for n, x in state.items() if is_trainable(n)}
        self.state = {n: x for n, x in state.items() if not is_trainable(n)}
        self.buffers = buffers
        self.frozen = frozen or Frozen()
        self.control = GrlControl(cfg.reversal())
        self.train_members = [k for k in range(cfg.K) if k != t]
        self.fields, self.values, self.scalars, self.debug = {}, {}, {}, {}

    def train_pass(self, theta, j=0, control="grl"):
        control = self.control if control == "grl" else control
        p = Pass(self.cfg, {**self.state, **theta}, self.data, self.train_members, f"train{j}", self.frozen, control)
        p.run().losses()
        return p

    def test_pass(self, theta, outside, control="grl"):
        control = self.control if control == "grl" else control
        p = Pass(self.cfg, {**self.state, **theta}, self.data, [self.t], "test", self.frozen, control,
                 outside, self.cfg.metatest_local)
        p.run().losses()
        return p

    def statistics(self, p, as_leaves):
        """The meta-train domains' Eq. 6 statistics for the meta-test pass: detached, leaves if asked."""
        return {stage: tuple([x.detach().clone().requires_grad_(as_leaves) for x in part] for part in parts)
                for stage, parts in p.stats.items()}

    def run(self):
        cfg, a = self.cfg, self.cfg.inner_rate()
        meta = self.t is not None

        # 1, 2: the inner steps.  F_j = field of L_tr at theta_j; theta_{j+1} = theta_j - a F_j
        theta, passes, fields = [leaves_of(self.params)], [], []
        for j in range(cfg.inner_steps if meta else 1):
            p = self.train_pass(theta[j], j)
            field = gradient(p.terms["total"], theta[j], create_graph=meta and cfg.order == 2)
            passes.append(p)
            fields.append(field)
            if meta:
                theta.append(leaves_of({n: theta[j][n] - a * field[n] for n in field}))
        first = passes[0]
        F = detach(fields[0])
        self.fields["F"] = F
        self.record("train", first)
        self.new = {**self.state, **first.running, **first.moved_centres()}

        if not meta:
            G = F
        else:
            # 3: v = field of L_te at theta'
            self.fields["theta1"] = detach(theta[-1])
            outside = self.statistics(first, bool(cfg.stats_gradient)) if cfg.styled else None
            test = self.test_pass(theta[-1], outside)
            wrt = dict(theta[-1])
            if cfg.stats_gradient and outside:
                wrt.update({("stat", stage, part, i): x for stage, parts in outside.items()
                            for part in (0, 1) for i, x in enumerate(parts[part])})
            v = gradient(test.terms["total"], wrt)
            stat_cotangent = {n: v.pop(n) for n in list(v) if isinstance(n, tuple)}
            v = detach(v)
            self.fields["v"] = v
            self.record("test", test)
            self.new.update(test.moved_centres())

            # 4: p = (I - a J_0)^T ... (I - a J_{n-1})^T v
            p = v
            if cfg.order == 2:
                self.control.factor = 1.0 if cfg.grl_outer == "identity" else -self.control.lam
                for j in reversed(range(cfg.inner_steps)):
                    jtv = jacobian_transposed(fields[j], theta[j], p)
                    if cfg.inner_steps == 1:
                        self.fields["JTv"] = jtv
                    p = {n: p[n] - a * jtv[n] for n in p}
                self.control.factor = -self.control.lam
            self.fields["p"] = p
            G = {n: cfg.train_weight * F[n] + p[n] for n in p}

            # u = field of L_te with respect to theta through the meta-train statistics
            if stat_cotangent:
                outputs = [first.stats[stage][part][i] for _, stage, part, i in stat_cotangent]
                u = detach(gradient(outputs, theta[0], list(stat_cotangent.values())))
                self.fields["u"] = u
                G = {n: G[n] + u[n] for n in G}
        self.fields["G"] = G
        for name in ("F", "v", "JTv", "G"):
            if name in self.fields:
                self.scalars[f"|{name}|"] = norm(self.fields[name])

        # 5: clipping, decay, momentum
        scale = 1.0
        if cfg.clip_norm and self.scalars["|G|"] > cfg.clip_norm:
            scale = cfg.clip_norm / self.scalars["|G|"]
        self.new_buffers = {n: cfg.momentum * self.buffers[n] + scale * G[n] + cfg.decay * x for n, x in self.params.items()}
        self.new.update({n: x - cfg.lr * self.new_buffers[n] for n, x in self.params.items()})
        self.passes = {"train": first}
        if meta:
            self.passes["test"] = test
        self.theta, self.outside = theta, (outside if meta else None)
        return self

    def record(self, tag, p):
        self.scalars.update({f"{tag}/{n}": float(x.detach()) for n, x in p.terms.items()})
        self.values.update({f"{tag}/{n}": x.detach() for n, x in p.values.items()})
        self.debug.update({f"{tag}/{n}": x.detach() for n, x in p.debug.items()})


def evaluate(cfg, state, data):
    """Programs evaluate and extract: running statistics, no style replacement."""
    everyone = list(range(cfg.K))
    images = data["images"].flatten(0, 1)[None, :cfg.eval_batch]    # the first rows, domain by domain
    data, members = {"images": images}, [0]
    if cfg.test_style == "ensemble" and cfg.on:
        runs = [[k] for k in everyone]                              # pass k uses l^k at all stages
    else:
        runs = ["global_only" if cfg.test_style == "global_only" else everyone]
    passes = []
    with torch.no_grad():
        for i, how in enumerate(runs):
            p = Pass(cfg, state, data, members, f"eval{i}", Frozen(), None, evaluation=how)
            passes.append(p.run())
        y = sum(p.y for p in passes) / len(passes)
        values = {"y": y, "ynorm": normalise(y)}
        if len(passes) == 1:
            a = passes[0].attended.abs().sum(1)
            values["attention"] = a / torch.sqrt((a * a).sum((1, 2), keepdim=True) + 1e-12)
    return values


# ---------------------------------------------------------------------------------------------
# Cases
# ---------------------------------------------------------------------------------------------

def case_list():
    """name -> dict(parameters, programs, duplicates, keep).

    keep: 'fields' (scalars, y, other values, F, v, JTv, u, G), 'statistics' (and what running
    statistics and centres became), 'state' (and all other states), 'brief' (scalars, G).
    """
    cases = {}

    def add(name=None, programs=("step/c",), duplicates=False, keep="fields", **parameters):
        name = name or ",".join(f"{k}={v}" for k, v in parameters.items())
        assert name not in cases, name
        cases[name] = dict(parameters=parameters, programs=list(programs), duplicates=duplicates, keep=keep)

    add("default", keep="state")
    add("default/a", programs=["step/a"], keep="statistics")
    # every other value, one parameter at a time
    add(encoders="off", keep="statistics")
    add(ws_params="all")
    add(ws_form="abs")
    add(ws_form="square")
    add(stats_of="in")
    add(stats_of="inv")
    add(delta="var")
    add(delta="0")
    add(stats_gradient=1, keep="statistics")
    add(style="off")
    add(style="determined")
    add(fusion_norm="bn", keep="statistics")
    add(attr_apply="off")
    add(pool="average")
    add(gem_eps=0.1)
    add(gem_p=2.0)
    add(order=1)
    add(grl_outer="reverse")
    add(grl_lambda=0.5)
    add(grl_ramp=1)
    add(metatest_local="others", keep="statistics")
    add(tri_negatives="domain")
    add(inner_steps=2, keep="statistics")
    add(inner_steps=3, keep="brief")
    add(inner_lr=0.003)
    add(inner_ratio=0.5)
    add(train_weight=0)
    for name in ("alpha", "beta"):
        add(**{name: 0.25})
        add(**{name: 0})
    for name in ("w_ws", "w_inv", "w_spe"):
        add(**{name: 0.5})
        add(**{name: 0})
    add(V=2)
    add(V=1)
    add(m1=0.2)
    add(m2=0.02)
    add(margin=0.05)
    add(smoothing=0.2)
    add(clip_norm=1.0, keep="state")
    add(programs=["step"], meta="off", keep="statistics")
    add(programs=["step/c", "step/a"], momentum=0.5, keep="state")
    add(decay=1e-3, keep="state")
    add(lr_cent=0.25, keep="statistics")
    add(w_cent=5e-3)
    add(lr=0.02, keep="state")
    add(ids="8 6 7")
    # sizes
    add(domains="x y z", programs=["step/z"])
    add(width=12)
    add(blocks="1 2 3 1")
    add(height=40)
    add(image_width=24)
    add(batch_ids=3)
    add(batch_ids=1)                                                # no negative within a domain
    add(batch_images=3)
    add(batch_ids=4, batch_images=1)                                          # no positive at all
    # combinations
    add(keep="brief", encoders="off", beta=0)
    add(keep="brief", programs=["step"], encoders="off", meta="off")
    add(keep="brief", programs=["step"], encoders="off", beta=0, meta="off")
    add(keep="brief", alpha=0, beta=0, style="off")
    add(keep="brief", alpha=0, beta=0)
    add(keep="brief", beta=0, style="off")
    add(keep="brief", beta=0, style="determined")
    add(keep="brief", beta=0, attr_apply="on")
    add(keep="brief", stats_gradient=1, delta="var")
    add(keep="brief", stats_gradient=1, stats_of="inv")
    add(keep="brief", stats_gradient=1, metatest_local="others")
    add(keep="brief", inner_steps=2, stats_gradient=1)
    add(keep="brief", inner_steps=2, grl_outer="reverse")
    add(keep="brief", grl_outer="reverse", grl_lambda=0.5)
    add(keep="brief", metatest_local="others", stats_of="in")
    add("two_steps", programs=["step/c", "step/a"], keep="state")
    add("K=1", programs=["step"], domains="a", ids="8", meta="off", keep="brief")
    add("K=2", programs=["step/b"], domains="a b", ids="8 8", keep="statistics")
    add("K=4", programs=["step/d"], domains="a b c d", ids="8 8 8 8", keep="statistics")
    add("duplicates", duplicates=True, keep="brief")
    # the evaluation program
    for style in ("mean", "ensemble", "global_only"):
        add(f"evaluate,test_style={style}", programs=["evaluate"], test_style=style)
    add("evaluate,encoders=off", programs=["evaluate"], encoders="off")
    add("evaluate,fusion_norm=bn", programs=["evaluate"], fusion_norm="bn")
    add("evaluate,beta=0", programs=["evaluate"], beta=0)
    add("evaluate,pool=average", programs=["evaluate"], pool="average")
    add("evaluate,eval_batch=6", programs=["evaluate"], eval_batch=6)
    return cases


BASE = ("width", "blocks", "height", "image_width", "batch_ids", "batch_images", "domains", "ids", "eval_batch")


def defines_of(parameters):
    """NAME=VALUE lines that make models/cdvm_small.xml the case's model."""
    chosen = {**{n: DEFAULTS[n] for n in BASE}, **parameters}
    return [f"{n}={v}" for n, v in chosen.items()]


def schedule_cases():
    """The schedule: total and warm-up steps, and the inputs lr, inner_lr, lambda at some steps."""
    rows = []
    for parameters in (dict(), dict(lr=0.02), dict(lr_end=1e-3), dict(epochs=50), dict(warmup_epochs=3), dict(steps=400),
                       dict(warmup_steps=7), dict(steps=400, warmup_steps=0), dict(inner_lr=0.003), dict(inner_ratio=0.5),
                       dict(grl_lambda=0.5), dict(grl_ramp=1), dict(grl_ramp=1, grl_lambda=0.5)):
        cfg, per_epoch = Config(parameters), 9                      # 113 images of all domains // (B K)
        total = cfg.steps or cfg.epochs * per_epoch
        warm = cfg.warmup_epochs * per_epoch
        if cfg.steps:
            warm = total * cfg.warmup_epochs // cfg.epochs
        if cfg.warmup_steps >= 0:
            warm = cfg.warmup_steps
        steps, values = sorted({0, 1, max(warm - 1, 0), warm, (warm + total) // 2, total - 1}), []
        for t in steps:
            if t < warm:
                lr = cfg.lr * (0.01 + 0.99 * t / warm)
            else:
                turn = math.pi * (t - warm) / max(1, total - 1 - warm)
                lr = cfg.lr_end + (cfg.lr - cfg.lr_end) * (1 + math.cos(turn)) / 2
            lam = cfg.grl_lambda * (ramp(t / total) if cfg.grl_ramp else 1)
            values.append([lr, cfg.inner_lr or lr * cfg.inner_ratio, lam])
        rows.append(dict(defines=defines_of(parameters), images=113, total=total, warmup=warm, steps=steps, values=values))
    return rows


def run_case(case):
    """Runs a case's programs in turn; returns the last one's Step (or evaluate's values), cfg, data, first state."""
    cfg = Config(case["parameters"])
    data, state = inputs_of(cfg, case["duplicates"]), initial_state(cfg)
    start = state
    if case["programs"] == ["evaluate"]:
        return cfg, data, start, evaluate(cfg, state, data)
    buffers = {n: torch.zeros_like(x) for n, x in state.items() if is_trainable(n)}
    for program in case["programs"]:
        t = cfg.names.index(program.split("/")[1]) if "/" in program else None
        step = Step(cfg, state, buffers, data, t).run()
        state, buffers = step.new, step.new_buffers
    return cfg, data, start, step


# ---------------------------------------------------------------------------------------------
# Output
# ---------------------------------------------------------------------------------------------

WIDTH = {"F": 5, "v": 5, "values": 5, "statistics": 5}   # bytes of a projection; the others' 4


def packed(x, width):
    """Fixed point of |x| < 8 in `width` bytes, little-endian: a sign, 3 bits, the rest behind the point."""
    assert np.abs(x).max() < 8
    whole = np.rint(x * 2.0**(8 * width - 4)).astype("<i8")
    return whole.view(np.uint8).reshape(*x.shape, 8)[..., :width].copy()


def summarise(field, width):
    """All names (bytewise order), the indices of those that are 0; of the others norms and projections / norm."""
    names = sorted(field, key=lambda n: n.encode())
    zero, norms, rows = [], [], []
    for i, name in enumerate(names):
        x = field[name].detach().double().reshape(-1).numpy()
        if not x.any():
            zero.append(i)
            continue
        norms.append(math.sqrt(float((x * x).sum())))
        rows.append(signs(name, x.size) @ x / norms[-1])
    return names, zero, np.array(norms), packed(np.array(rows), width)


class Writer:
    def __init__(self):
        self.tensors, self.alias, self.seen, self.lists, self.cases = {}, {}, {}, [], {}

    def put(self, name, array):
        array = np.ascontiguousarray(array)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key in self.seen:
            self.alias[name] = self.seen[key]
        else:
            self.seen[key] = name
            self.tensors[name] = array

    def list_id(self, names):
        if names not in self.lists:
            self.lists.append(names)
        return self.lists.index(names)

    def field(self, case, name, field, projected=True):
        names, zero, norms, rows = summarise(field, WIDTH.get(name, 4))
        self.put(f"{case}:{name}:norm", norms)
        if projected:
            self.put(f"{case}:{name}:proj", rows)
        entry = self.cases[case].setdefault("fields", {})[name] = {"list": self.list_id(names)}
        if zero:
            entry["zero"] = self.list_id(zero)

    def add(self, name, case):
        cfg, data, start, result = run_case(case)
        entry = self.cases[name] = {"defines": defines_of(case["parameters"]), "programs": case["programs"]}
        if case["duplicates"]:
            entry["duplicates"] = 1
        if case["programs"] == ["evaluate"]:
            self.put(f"{name}:y", result.pop("y").numpy())
            self.field(name, "values", result)
            return
        step, brief = result, case["keep"] == "brief"
        entry["inputs"] = {"lr": cfg.lr, "inner_lr": cfg.inner_rate(), "lambda": cfg.reversal()}
        entry["train_weight"] = cfg.train_weight
        scalars = sorted(step.scalars)
        entry["scalars"] = self.list_id(scalars)
        self.put(f"{name}:scalars", np.array([step.scalars[n] for n in scalars]))
        kept = ("G",) if brief else ("F", "v", "JTv", "p", "u", "G")
        # G = w F + v - a JTv + u, and projections are linear: G's are stored only where these are not
        derived = not brief and step.t is not None and cfg.inner_steps == 1
        for key in kept:
            if key in step.fields and not (key == "p" and cfg.inner_steps == 1):
                self.field(name, key, step.fields[key], not (key == "G" and derived))
        if not brief:
            for key in ("train/y", "test/y"):
                if key in step.values:
                    self.put(f"{name}:{key}", packed(step.values.pop(key).numpy(), 5))
            self.field(name, "values", step.values)
        if case["keep"] in ("statistics", "state"):
            self.field(name, "statistics", {n: x for n, x in step.new.items() if not is_trainable(n)})
        if case["keep"] == "state":
            self.field(name, "state", {n: x for n, x in step.new.items() if is_trainable(n)})
            self.field(name, "momentum", step.new_buffers)

    def write(self, path):
        from safetensors.numpy import save_file
        meta = {"lists": self.lists, "alias": self.alias, "cases": self.cases, "schedules": schedule_cases()}
        text = {k: json.dumps(v, separators=(",", ":")) for k, v in meta.items()}
        save_file(self.tensors, path, {"format": "cdvm-oracle-1", **text})


def dump(path, case):
    from safetensors.numpy import save_file
    cfg, data, start, result = run_case(case)
    out = {**start, **data}
    if isinstance(result, dict):
        out.update({f"out:{n}": x for n, x in result.items()})
    else:
        out.update(result.values)
        out.update({f"debug:{n}": x for n, x in result.debug.items()})
        for field, values in result.fields.items():
            out.update({f"{field}:{n}": x for n, x in values.items()})
        out.update({f"new:{n}": x for n, x in result.new.items()})
        out.update({f"buf:{n}": x for n, x in result.new_buffers.items()})
        out.update({f"sel:{n}": x for n, x in result.frozen.values.items()})
        out.update({n: torch.tensor(x) for n, x in result.scalars.items()})
    arrays = {n: np.ascontiguousarray(x.detach().numpy()) for n, x in out.items()}
    save_file({n: x.astype(np.uint8) if x.dtype == bool else x for n, x in arrays.items()}, path)


# ---------------------------------------------------------------------------------------------
# Self-checks: the derivatives that PyTorch took, against differences
# ---------------------------------------------------------------------------------------------

STEP = 1e-5         # the largest; neck and GeM bend sharply over four images


def directions(field, count=2):
    """`count` closed-form directions over all parameters, each tensor scaled to its share of the field."""
    for k in range(count):
        yield {n: symmetric(f"direction{k}/{n}", x.shape) for n, x in field.items()}


def moved(theta, u, h):
    return {n: theta[n].detach() + h * u[n] for n in theta}


def inner(a, b):
    return sum(float((a[n] * b[n]).sum()) for n in a)


def differential(f, scale):
    """d f(h) / d h at 0: six-point central differences at several steps, the pair of steps that agree best."""
    def stencil(h):
        return (45 * (f(h) - f(-h)) - 9 * (f(2 * h) - f(-2 * h)) + f(3 * h) - f(-3 * h)) / (60 * h)

    values, gap, best = [], math.inf, math.nan
    for k in range(20):
        values.append(stencil(scale * 2.0**-k))
        if k and not math.isnan(values[-2]):
            if abs(values[-1] - values[-2]) < gap:
                gap, best = abs(values[-1] - values[-2]), values[-1]
            elif abs(values[-1] - values[-2]) > 30 * gap:           # rounding has taken over
                break
    return best


class Replay:
    """The functions of theta whose derivatives a step takes, with everything frozen at the step's own point."""

    def __init__(self, name):
        cfg, self.data, _, self.step = run_case(case_list()[name])
        self.cfg, self.a = cfg, cfg.inner_rate()
        self.c = cfg.alpha * cfg.w_inv if cfg.has_inv else 0.0

    def again(self):
        """A step object at the same point that replays every selection and stop-gradient value."""
        step = self.step
        state = {**step.state, **step.params}
        return Step(self.cfg, state, step.buffers, self.data, step.t, Frozen(step.frozen.values))

    def loss(self, theta, which):
        step = self.again()
        with torch.no_grad():
            p = step.train_pass(theta) if which == "train" else step.test_pass(theta, self.step.outside)
        return float(p.terms["total"]), float(p.terms.get("inv", 0.0))

    def along(self, theta, which, u):
        """<field, u> by the equivalent field without reversals, from differences of L without L_inv and of L_inv."""
        lam = self.cfg.reversal()
        mixed = {n: x if "/dom/" in n else -lam * x for n, x in u.items()}

        def rest(h):
            total, inv = self.loss(moved(theta, u, h), which)
            return total - self.c * inv

        return differential(rest, STEP) + self.c * differential(lambda h: self.loss(moved(theta, mixed, h), which)[1], STEP)

    def fast(self, theta):
        """theta after the inner steps, as a function of theta."""
        step = self.again()
        for j in range(self.cfg.inner_steps):
            leaves = leaves_of(theta)
            field = gradient(step.train_pass(leaves, j).terms["total"], leaves)
            theta = {n: theta[n] - self.a * field[n] for n in theta}
        return theta

    def through_statistics(self, theta):
        """L_te at the step's theta' with the meta-train statistics taken at `theta`; L_inv counts -lambda."""
        step = self.again()
        with torch.no_grad():
            outside = step.statistics(step.train_pass(theta), False)
            terms = step.test_pass(self.step.theta[-1], outside).terms
        return float(terms["total"]) - (1 + self.cfg.reversal()) * self.c * float(terms["inv"])


CHECKED = ("default", "grl_lambda=0.5", "encoders=off", "meta=off", "K=2", "pool=average", "fusion_norm=bn",
           "stats_of=inv", "stats_gradient=1", "metatest_local=others", "ws_params=all", "inner_steps=2")


def self_check(names, limit=1e-7):
    """Every derivative of a step against differences; prints the worst relative error of each kind."""
    ok = True

    def report(name, what, pairs):
        nonlocal ok
        scale = max(abs(b) for _, b in pairs)
        worst = max(abs(a - b) for a, b in pairs) / scale
        ok &= worst <= limit
        print(f"{worst:9.2e} {'' if worst <= limit else 'TOO LARGE '} {name}: {what}", flush=True)

    for name in names:
        r = Replay(name)
        step = r.step
        theta = {n: x.detach() for n, x in step.theta[0].items()}
        report(name, "F", [(r.along(theta, "train", u), inner(step.fields["F"], u)) for u in directions(theta)])
        if step.t is None:
            continue
        fast = {n: x.detach() for n, x in step.theta[-1].items()}
        report(name, "v", [(r.along(fast, "test", u), inner(step.fields["v"], u)) for u in directions(theta)])
        v = step.fields["v"]
        report(name, "p", [(differential(lambda h: inner(r.fast(moved(theta, u, h)), v), STEP), inner(step.fields["p"], u))
                           for u in directions(theta)])
        if "u" in step.fields:
            report(name, "u", [(differential(lambda h: r.through_statistics(moved(theta, u, h)), STEP),
                                inner(step.fields["u"], u)) for u in directions(theta)])
    return ok


def activity(case):
    """Share of every selection that is active: what the closed formula's point exercises."""
    step = run_case(case)[3]
    for name, value in step.frozen.values.items():
        if value.dtype == torch.bool or set(value.flatten()[:64].tolist()) <= {0.0, 1.0, 0.1, -1.0}:
            print(f"{float((value == 1).to(torch.float64).mean()):6.3f} {name}")


# ---------------------------------------------------------------------------------------------
# Time and memory, for tools/gpu-check.  The step is written to be read, not to be fast.
# ---------------------------------------------------------------------------------------------

def measure(parameters, device, steps):
    """Median seconds of `steps` steps in float32 (no TF32) after two more, and the peak of allocated memory."""
    global MEAN, STD
    cfg = Config(parameters)

    def moved_to(field):
        return {n: x.to(device, torch.float32 if x.is_floating_point() else x.dtype) for n, x in field.items()}

    data, state = moved_to(inputs_of(cfg)), moved_to(initial_state(cfg))
    MEAN, STD = moved_to({"mean": MEAN, "std": STD}).values()
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(device)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    buffers = {n: torch.zeros_like(x) for n, x in state.items() if is_trainable(n)}
    on_gpu, seconds = torch.device(device).type == "cuda", []
    for _ in range(steps + 2):
        begin = time.perf_counter()
        step = Step(cfg, state, buffers, data, cfg.K - 1 if cfg.meta == "on" else None).run()
        state, buffers = detach(step.new), detach(step.new_buffers)
        del step
        if on_gpu:
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - begin)
    peak = f", peak {torch.cuda.max_memory_allocated() / 1e6:.1f}MB" if on_gpu else ""
    print(f"= {sorted(seconds[2:])[steps // 2]:.4f} s a step{peak}, PyTorch {torch.__version__} on {device}")


def setting(text):
    """NAME=VALUE, the value of the default's type."""
    name, _, value = text.partition("=")
    if name not in DEFAULTS or not value:
        raise argparse.ArgumentTypeError(f"{text!r} sets no parameter")
    kind = type(DEFAULTS[name])
    return name, kind(value)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out")
    parser.add_argument("--case")
    parser.add_argument("--print", action="store_true")
    parser.add_argument("--dump")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--self-check", action="store_true")
    parser.add_argument("--activity", action="store_true", help="how many selections of each kind are active")
    parser.add_argument("--time", type=int, metavar="STEPS", help="seconds and memory of a step in float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--set", type=setting, action="append", default=[], metavar="NAME=VALUE", help="of --time")
    args = parser.parse_args()
    if args.time:
        try:
            measure(dict(args.set), args.device, args.time)
        except torch.OutOfMemoryError:
            print("= PyTorch runs out of memory")
            sys.exit(77)
    cases = case_list()
    if args.list:
        for name, case in cases.items():
            print(name, case["programs"], case["parameters"])
    if args.case and args.case not in cases:
        sys.exit(f"no case {args.case!r}; --list names them")
    if args.print:
        result = run_case(cases[args.case])[3]
        if isinstance(result, dict):
            for name, value in result.items():
                print(name, value.flatten()[:4].tolist())
        else:
            for name, value in sorted(result.scalars.items()):
                print(f"{name:12s} {value:.17g}")
    if args.dump:
        dump(args.dump, cases[args.case])
    if args.activity:
        activity(cases[args.case or "default"])
    if args.self_check:
        sys.exit(0 if self_check([args.case] if args.case else CHECKED) else 1)
    if args.out:
        writer, begin = Writer(), time.time()
        for name, case in cases.items():
            writer.add(name, case)
            print(f"{time.time() - begin:7.1f} s  {name}", flush=True)
        writer.write(args.out)


if __name__ == "__main__":
    main()
