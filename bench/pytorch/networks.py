"""Networks and quantizers shared by the PyTorch training and inference peers.

Weights: E * sign(W), E = mean |W| of the layer, straight-through gradient.
Activations: round(3 * clip(x, 0, 1)) / 3, gradient where 0 <= x <= 1.
The first convolution and the last fully connected layer stay float, weights
and inputs.  Order: conv - batch-norm - clip - pool - round - conv.  Two
rewrites save the peer work and leave the values as they are: max-pooling comes
before ReLU or clip (both are monotonic), and a clip directly followed by the
quantizer is left to the quantizer.  A clip that stands alone is nn.Hardtanh,
whose gradient is 0 at exactly 0 and 1.
"""
import torch
import torch.nn.functional as F
from torch import nn

SHAPES = {"lenet5": (1, 28, 28), "resnet20": (3, 32, 32), "vgg7": (3, 32, 32)}
# hardtanh_backward is one fused pass and excludes its limits; these are just
# outside [0, 1], so the gradient passes at 0 and 1 too.
LOW, HIGH = -1.2e-38, 1.0000001


class BinaryWeight(torch.autograd.Function):
    @staticmethod
    def forward(ctx, w):
        return torch.copysign(w.abs().mean(), w)

    @staticmethod
    def backward(ctx, g):
        return g


class ClipRound(torch.autograd.Function):
    """Two-bit activation of any input."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(0, 1).mul_(3).round_().mul_(1 / 3)

    @staticmethod
    def backward(ctx, g):
        return torch.ops.aten.hardtanh_backward(g, ctx.saved_tensors[0], LOW, HIGH)


class Round(torch.autograd.Function):
    """Two-bit activation of an input that is within [0, 1] already."""

    @staticmethod
    def forward(ctx, x):
        return x.mul(3).round_().mul_(1 / 3)

    @staticmethod
    def backward(ctx, g):
        return g


class BinaryConv2d(nn.Conv2d):
    def forward(self, x):
        return self._conv_forward(x, BinaryWeight.apply(self.weight), self.bias)


class BinaryLinear(nn.Linear):
    def forward(self, x):
        return F.linear(x, BinaryWeight.apply(self.weight), self.bias)


class Apply(nn.Module):
    """An autograd function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function.apply(x)


def parts(method):
    """Hidden conv, hidden FC, activation, quantizer, quantizer after a clip."""
    if method == "float":
        return (nn.Conv2d, nn.Linear, lambda: nn.ReLU(inplace=True),
                lambda: nn.ReLU(inplace=True), nn.Identity)
    return (BinaryConv2d, BinaryLinear, lambda: nn.Hardtanh(0, 1, inplace=True),
            lambda: Apply(ClipRound), lambda: Apply(Round))


def lenet5(method, pool):
    conv, linear, act, quant, quant01 = parts(method)
    if pool == "max":
        half = lambda: [nn.MaxPool2d(2), quant()]
    else:
        half = lambda: [act(), nn.AvgPool2d(2), quant01()]
    eps = 1e-4
    return nn.Sequential(
        nn.Conv2d(1, 20, 5, bias=False), nn.BatchNorm2d(20, eps, affine=False), *half(),
        conv(20, 50, 5, bias=False), nn.BatchNorm2d(50, eps), *half(), nn.Flatten(),
        linear(800, 500, bias=False), nn.BatchNorm1d(500, eps), quant(),
        linear(500, 250, bias=False), nn.BatchNorm1d(250, eps), act(),
        nn.Linear(250, 10, bias=False))


def vgg7(method):
    conv, linear, act, quant, _ = parts(method)
    layers, inputs = [], 3
    for outputs in (128, 256, 512):
        layers += [(conv if layers else nn.Conv2d)(inputs, outputs, 3, padding=1, bias=False),
                   nn.BatchNorm2d(outputs), quant(),
                   conv(outputs, outputs, 3, padding=1, bias=False),
                   nn.BatchNorm2d(outputs), nn.MaxPool2d(2), quant()]
        inputs = outputs
    return nn.Sequential(*layers, nn.Flatten(), linear(8192, 1024, bias=False),
                         nn.BatchNorm1d(1024), act(), nn.Linear(1024, 10))


class Shortcut(nn.Module):
    """Option A: every second pixel, zero channels appended."""

    def __init__(self, channels):
        super().__init__()
        self.channels = channels

    def forward(self, x):
        # Pooling rather than a slice or a global mean, here and at the end of
        # resnet20: their gradients would leave the channels_last layout.
        return F.pad(F.avg_pool2d(x, 1, 2), (0, 0, 0, 0, 0, self.channels))


class Block(nn.Module):
    def __init__(self, inputs, outputs, method):
        super().__init__()
        conv, _, act, quant, quant01 = parts(method)
        same = inputs == outputs
        self.branch = nn.Sequential(
            quant01(), conv(inputs, outputs, 3, 1 if same else 2, 1, bias=False),
            nn.BatchNorm2d(outputs), quant(),
            conv(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs))
        self.shortcut = nn.Identity() if same else Shortcut(outputs - inputs)
        self.act = act()

    def forward(self, x):
        return self.act(self.branch(x) + self.shortcut(x))


def resnet20(method):
    layers = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), parts(method)[2]()]
    inputs = 16
    for outputs in (16, 32, 64):
        for _ in range(3):
            layers.append(Block(inputs, outputs, method))
            inputs = outputs
    return nn.Sequential(*layers, nn.AvgPool2d(8), nn.Flatten(), nn.Linear(64, 10))


def build(net, method, pool=None):
    if net == "lenet5":
        return lenet5(method, pool or ("max" if method == "float" else "avg"))
    return {"resnet20": resnet20, "vgg7": vgg7}[net](method)
