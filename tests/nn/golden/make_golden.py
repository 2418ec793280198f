#!/usr/bin/env python3
"""Golden values of layers and losses from PyTorch in double precision: writes layers.txt.

Run with Debian's python3-torch: /usr/bin/python3 tests/nn/golden/make_golden.py
Each case is a whole net from images to a loss, with the node names of tests/nn/test_golden.c.
Of a case C:
  C.images, C.labels, C.param.P        what goes in (exact in float32)
  C.loss, C.value.N, C.dvalue.N        loss, map of node N and the loss's gradient by it
  C.dvalue.input                       gradient by the images
  C.grad.P, C.after.P                  gradient of parameter P; running statistics after the step
  C.logits                             evaluation with the running statistics after the step
"""
import os
import sys

import numpy
import torch
import torch.nn.functional as F

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "support"))
from golden import Golden  # noqa: E402

SEED = 20240
EPS = float(numpy.float32(1e-5))
MOMENTUM = float(numpy.float32(0.1))


def draw(*shape, scale=1.0):
    """Normal values that are exact in float32, as float64."""
    return (torch.randn(*shape, dtype=torch.float64) * scale).float().double()


class Case:
    """A net, run once for training and once for evaluation with the same parameters."""

    def __init__(self, golden, name, shape, build, batch=2, classes=3, loss=None):
        self.golden, self.name, self.params, self.running = golden, name, {}, {}
        self.images = draw(batch, *shape).requires_grad_()
        self.labels = torch.randint(0, classes, (batch,))
        self.classes = classes
        self.run(build, loss or F.cross_entropy)

    def run(self, build, loss_of):
        self.training, self.values = True, {}
        logits = build(self, self.images)
        loss = loss_of(logits.flatten(1), self.labels)
        for value in self.values.values():
            value.retain_grad()
        loss.backward()
        values, self.values, self.training = self.values, {}, False
        evaluated = build(self, self.images).flatten(1)
        self.store(loss, values, evaluated)

    def store(self, loss, values, evaluated):
        add = lambda what, array: self.golden.add(self.name + "." + what, array)
        add("images", self.images)
        add("labels", self.labels.double())
        add("loss", loss)
        add("dvalue.input", self.images.grad)
        for name, param in self.params.items():
            add("param." + name, param)
            add("grad." + name, param.grad)
        for name, statistics in self.running.items():
            add("after." + name, statistics)
        for name, value in values.items():
            add("value." + name, value)
            add("dvalue." + name, value.grad)
        add("logits", evaluated)

    def param(self, name, *shape, scale=1.0):
        if name not in self.params:
            self.params[name] = draw(*shape, scale=scale).requires_grad_()
        return self.params[name]

    def keep(self, name, value):
        self.values[name] = value
        return value

    def conv(self, name, x, out, k, stride=1, pad=(0, 0, 0, 0), groups=1, bias=True):
        """pad: top, left, bottom, right"""
        channels = x.shape[1] // groups
        w = self.param(name + ".weight", out, channels, *k, scale=(channels * k[0] * k[1]) ** -0.5)
        b = self.param(name + ".bias", out, scale=0.5) if bias else None
        top, left, bottom, right = pad
        x = F.pad(x, (left, right, top, bottom))
        return self.keep(name, F.conv2d(x, w, b, stride=stride, groups=groups))

    def linear(self, name, x, out, bias=True):
        inputs = x.flatten(1).shape[1]
        w = self.param(name + ".weight", out, inputs, scale=inputs ** -0.5)
        b = self.param(name + ".bias", out, scale=0.5) if bias else None
        return self.keep(name, F.linear(x.flatten(1), w, b)[:, :, None, None])

    def batch_norm(self, name, x, affine=True):
        c = x.shape[1]
        gamma = self.param(name + ".gamma", c) if affine else None
        beta = self.param(name + ".beta", c) if affine else None
        mean = self.running.setdefault(name + ".mean", torch.zeros(c, dtype=torch.float64))
        variance = self.running.setdefault(name + ".variance", torch.ones(c, dtype=torch.float64))
        y = F.batch_norm(x, mean, variance, gamma, beta, self.training, MOMENTUM, EPS)
        return self.keep(name, y)

    def simple(self, name, value):
        return self.keep(name, value)


def squared_hinge(logits, labels):
    t = 2.0 * F.one_hot(labels, logits.shape[1]) - 1.0
    return (1.0 - t * logits).clamp(min=0.0).square().sum(1).mean()


def small_net(n, x):
    x = n.batch_norm("stem.norm", n.conv("stem", x, 4, (3, 3), pad=(1, 1, 1, 1), bias=False))
    shortcut = n.simple("stem.relu", 0.5 * F.relu(x))
    x = n.conv("conv1", shortcut, 4, (3, 3), stride=2, pad=(1, 1, 1, 1), groups=2, bias=False)
    x = n.simple("conv1.clip", n.batch_norm("conv1.norm", x).clamp(-1.0, 1.0))
    half = n.simple("shortcut", F.pad(shortcut[:, :, ::2, ::2], (0, 0, 0, 0, 0, 0)))
    x = n.simple("add", x + half)
    pooled = n.simple("pool", F.max_pool2d(x, 3, 2, ceil_mode=True))
    mean = n.simple("mean", F.avg_pool2d(x, 3, 1))
    wide = n.simple("wide", torch.cat([F.pad(pooled, (0, 0, 0, 0, 0, 2))], 1))
    both = n.simple("concat", torch.cat([wide, mean], 1))
    return n.linear("fc", n.simple("global", both.mean((2, 3), keepdim=True)), 3)


def main():
    golden = Golden("tests/nn/golden/make_golden.py", torch)
    golden.remark(f"seed {SEED}, computed in float64")
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    case = lambda *args, **kwargs: Case(golden, *args, **kwargs)
    case("conv_plain", (3, 4, 5), lambda n, x: n.linear("fc", n.conv("conv", x, 2, (3, 2)), 3))
    case("conv_stride", (2, 6, 5), lambda n, x: n.linear(
        "fc", n.conv("conv", x, 3, (3, 3), stride=2, pad=(1, 2, 0, 1), bias=False), 3))
    case("conv_groups", (4, 4, 4), lambda n, x: n.linear(
        "fc", n.conv("conv", x, 6, (3, 3), pad=(1, 1, 1, 1), groups=2), 3))
    case("conv_depthwise", (3, 5, 5), lambda n, x: n.linear(
        "fc", n.conv("conv", x, 3, (3, 3), stride=2, pad=(1, 1, 1, 1), groups=3), 3))
    case("linear", (2, 3, 2), lambda n, x: n.linear(
        "fc", n.linear("hidden", x, 5), 3, bias=False), batch=4)
    case("batch_norm", (3, 3, 2), lambda n, x: n.linear("fc", n.batch_norm("norm", x), 3), batch=4)
    case("batch_norm_plain", (2, 1, 1), lambda n, x: n.linear(
        "fc", n.batch_norm("norm", x, False), 3), batch=6)
    case("max_pool", (2, 5, 6), lambda n, x: n.linear(
        "fc", n.simple("pool", F.max_pool2d(x, 3, 2, 1)), 3))
    case("max_pool_ceil", (2, 6, 6), lambda n, x: n.linear(
        "fc", n.simple("pool", F.max_pool2d(x, 3, 2, ceil_mode=True)), 3))
    case("average_pool", (2, 5, 6), lambda n, x: n.linear(
        "fc", n.simple("pool", F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)), 3))
    case("average_pool_ceil", (2, 6, 6), lambda n, x: n.linear(
        "fc", n.simple("pool", F.avg_pool2d(x, 3, 2, ceil_mode=True)), 3))
    case("activations", (3, 3, 3), lambda n, x: n.linear(
        "fc", n.simple("clip", n.simple("relu", 0.125 * F.relu(x)).clamp(0.0, 0.125)), 3))
    case("squared_hinge", (3, 2, 2), lambda n, x: n.linear("fc", x, 4), batch=5, classes=4,
         loss=squared_hinge)
    case("small_net", (2, 8, 8), small_net, batch=3)
    golden.write(os.path.join(HERE, "layers.txt"))


main()
