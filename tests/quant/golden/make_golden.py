"""Writes quantizers.txt: weight and activation quantizers forward and backward, computed in PyTorch.

Run: python3 tests/quant/golden/make_golden.py (Debian's python3-torch, 1.13; the file names the version).
Every map is written down here from the papers' formulas with autograd functions of its own, in float64, so
that only lowbit's single precision separates the two. Activations are kept away from rounding boundaries by
MARGIN, where single and double precision could choose different codes; of the few weights none lies that near
to one (1e-6 of the range) with this seed.
"""
import os
import sys

import torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "support"))
from golden import Golden  # noqa: E402

MARGIN = 1e-4
FILTERS, CHANNELS, TAPS = 3, 4, 5
WIDTHS = (1, 2, 3, 4, 8)
torch.manual_seed(20211)


class Round(torch.autograd.Function):
    """round to even; straight-through."""

    @staticmethod
    def forward(ctx, x):
        return torch.round(x)

    @staticmethod
    def backward(ctx, g):
        return g


class Sign(torch.autograd.Function):
    """+1 where x >= 0, else -1; straight-through, in |x| <= 1 where `window`."""

    @staticmethod
    def forward(ctx, x, window):
        ctx.save_for_backward(x)
        ctx.window = window
        return torch.where(x >= 0, torch.ones_like(x), -torch.ones_like(x))

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return (g * (x.abs() <= 1) if ctx.window else g), None


class Passed(torch.autograd.Function):
    """The value of `q` forward, the gradient to `x` backward."""

    @staticmethod
    def forward(ctx, x, q):
        return q

    @staticmethod
    def backward(ctx, g):
        return g, None


def mean_abs(w, per_filter):
    return w.abs().mean(dim=(1, 2), keepdim=True) if per_filter else w.abs().mean()


def dorefa(w, bits, per_filter):
    if bits == 1:
        return Passed.apply(w, (mean_abs(w, per_filter) * Sign.apply(w, False)).detach())
    t = torch.tanh(w)
    largest = t.abs().amax(dim=(1, 2), keepdim=True) if per_filter else t.abs().max()
    steps = 2 ** bits - 1
    x = t / (2 * largest.detach()) + 0.5
    return 2 * Round.apply(steps * x) / steps - 1


def qnn(w, bits, per_filter, fixed):
    if bits == 1:
        return Sign.apply(w, fixed)
    largest = w.abs().amax(dim=(1, 2), keepdim=True) if per_filter else w.abs().max()
    m = torch.ones(()) if fixed else largest.detach()
    half = 2 ** (bits - 1)
    q = m * torch.clamp(torch.round(w / m * half) / half, -1, 1 - 1 / half)
    return Passed.apply(w if not fixed else w * (w.abs() <= 1), q.detach())


def centred(w):
    return torch.clamp(w - w.mean(dim=1, keepdim=True), -1, 1)


def xnor(w, per_filter):
    return mean_abs(w, per_filter) * Sign.apply(w, True)


def twn(w, per_filter):
    d = 0.7 * mean_abs(w, per_filter)
    above = (w.abs() > d).double()
    dims = (1, 2) if per_filter else (0, 1, 2)
    alpha = (w.abs() * above).sum(dim=dims, keepdim=True) / above.sum(dim=dims, keepdim=True)
    return Passed.apply(w, (alpha * torch.sign(w) * above).detach())


class Ttq(torch.autograd.Function):
    @staticmethod
    def forward(ctx, w, wp, wn):
        d = 0.05 * w.abs().max()
        positive, negative = (w > d).double(), (w < -d).double()
        ctx.save_for_backward(positive, negative, wp, wn)
        return wp * positive - wn * negative

    @staticmethod
    def backward(ctx, g):
        positive, negative, wp, wn = ctx.saved_tensors
        zero = 1 - positive - negative
        return g * (wp * positive + zero + wn * negative), (g * positive).sum(), -(g * negative).sum()


def clear_of(x, boundaries):
    """Move values that lie within MARGIN of a boundary away from it."""
    for boundary in boundaries:
        near = (x - boundary).abs() < MARGIN
        x = torch.where(near, torch.full_like(x, boundary + 2 * MARGIN), x)
    return x


def weights(scale):
    w = torch.randn(FILTERS, CHANNELS, TAPS, dtype=torch.float64) * scale
    return w.float().double()


def add_weights(golden, name, w, quantize, learned=()):
    leaf = w.clone().requires_grad_()
    q = quantize(leaf, *learned)
    g = torch.randn_like(q).float().double()
    q.backward(g)
    golden.add(name + ".w", w)
    golden.add(name + ".g", g)
    golden.add(name + ".q", q)
    golden.add(name + ".dw", leaf.grad)
    if learned:
        golden.add(name + ".learned", torch.stack([x.detach() for x in learned]))
        golden.add(name + ".dlearned", torch.stack([x.grad for x in learned]))


def add_acts(golden, name, x, quantize):
    leaf = x.clone().requires_grad_()
    y = quantize(leaf)
    g = torch.randn_like(y).float().double()
    y.backward(g)
    for suffix, value in (("x", x), ("g", g), ("y", y), ("dx", leaf.grad)):
        golden.add(f"{name}.{suffix}", value)


def main():
    golden = Golden("tests/quant/golden/make_golden.py", torch)
    golden.remark(f"weights: {FILTERS} filters, {CHANNELS} channels, {TAPS} taps; float64 throughout")
    for per_filter in (False, True):
        where = "filter" if per_filter else "layer"
        for bits in WIDTHS:
            add_weights(golden, f"dorefa.{bits}.{where}", weights(0.6), lambda w: dorefa(w, bits, per_filter))
            add_weights(golden, f"qnn.{bits}.{where}", weights(0.6), lambda w: qnn(w, bits, per_filter, False))
        add_weights(golden, f"qnn_fixed.3.{where}", weights(0.6), lambda w: qnn(w, 3, per_filter, True))
        add_weights(golden, f"twn.2.{where}", weights(0.6), lambda w: twn(w, per_filter))
        raw = weights(0.6)
        golden.add(f"xnor.1.{where}.raw", raw)
        add_weights(golden, f"xnor.1.{where}", centred(raw), lambda w: xnor(w, per_filter))
    scales = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (0.75, 1.25)]
    add_weights(golden, "ttq.2.layer", weights(0.6), Ttq.apply, scales)

    x = (torch.rand(60, dtype=torch.float64) * 3 - 1.25).float().double()
    for bits in WIDTHS:
        steps, half = 2 ** bits - 1, 2 ** (bits - 1)
        near = [(i + 0.5) / steps for i in range(steps)] + [0, 1]
        add_acts(golden, f"act_dorefa.{bits}", clear_of(x, near).float().double(),
                 lambda x: Round.apply(torch.clamp(x, 0, 1) * steps) / steps)
        near = [(i + 0.5) / half for i in range(-half, half)] + [-1, 0, 1]
        if bits == 1:
            add_acts(golden, "act_sign.1", clear_of(x, near).float().double(), lambda x: Sign.apply(x, True))
        else:
            add_acts(golden, f"act_qnn.{bits}", clear_of(x, near).float().double(),
                     lambda x: Passed.apply(torch.clamp(x, -1, 1),
                                            torch.clamp(torch.round(x * half) / half, -1, 1 - 1 / half).detach()))
    golden.write(os.path.join(HERE, "quantizers.txt"))


if __name__ == "__main__":
    main()
