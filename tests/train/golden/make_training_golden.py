"""Golden values of optimizers and learning rate schedules, computed by PyTorch.

Run from the source root with Debian's python3-torch:
    /usr/bin/python3 tests/train/golden/make_training_golden.py
It writes tests/train/golden/optimizers.txt and schedules.txt.
"""
import os
import sys

import torch

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "support"))
from golden import Golden  # noqa: E402

STEPS, COUNT = 12, 64


def optimizers():
    golden = Golden("tests/train/golden/make_training_golden.py", torch)
    golden.remark(f"{STEPS} steps on {COUNT} weights; the gradient of step t is g[t]; lr falls: 0.01 / (1 + t)")
    torch.manual_seed(7)
    start = torch.randn(COUNT) * 0.5
    gradients = torch.randn(STEPS, COUNT) * torch.logspace(-4, 1, COUNT)
    gradients[3] = 0.0
    golden.add("start", start)
    golden.add("g", gradients)
    cases = {
        "sgd": lambda p: torch.optim.SGD(p, lr=1.0),
        "sgd-decay": lambda p: torch.optim.SGD(p, lr=1.0, weight_decay=0.05),
        "sgd-momentum": lambda p: torch.optim.SGD(p, lr=1.0, momentum=0.9, weight_decay=0.05),
        "sgd-nesterov": lambda p: torch.optim.SGD(p, lr=1.0, momentum=0.9, weight_decay=0.05, nesterov=True),
        "adam": lambda p: torch.optim.Adam(p, lr=1.0),
        "adam-decay": lambda p: torch.optim.Adam(p, lr=1.0, weight_decay=0.05),
    }
    for name, make in cases.items():
        # double precision: the truth, from which float32 differs by rounding alone
        w = start.double().clone().requires_grad_()
        optimizer = make([w])
        history = []
        for t in range(STEPS):
            optimizer.param_groups[0]["lr"] = 0.01 / (1 + t)
            w.grad = gradients[t].double()
            optimizer.step()
            history.append(w.detach().clone())
        golden.add(name, torch.stack(history))
    golden.write(os.path.join(HERE, "optimizers.txt"))


def schedule(make, steps, lr=0.1):
    """Learning rate before each step of a scheduler stepped once a step."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    scheduler = make(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def schedules():
    golden = Golden("tests/train/golden/make_training_golden.py", torch)
    golden.remark("lr 0.1; 10 epochs of 7 steps; constant, cosine, one-cycle and warm-up: a value a step, else an epoch")
    lr_scheduler = torch.optim.lr_scheduler
    epochs, batches = 10, 7
    steps = epochs * batches
    golden.add("constant", schedule(lambda o: lr_scheduler.ConstantLR(o, factor=1.0), steps))
    golden.add("cosine", schedule(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=steps, eta_min=0.001), steps))
    golden.add("one-cycle", schedule(lambda o: lr_scheduler.OneCycleLR(o, max_lr=0.1, total_steps=steps), steps - 1))
    golden.add("step", schedule(lambda o: lr_scheduler.MultiStepLR(o, milestones=[3, 6, 9], gamma=0.2), epochs))
    gamma = (0.01 / 0.1) ** (1 / (epochs - 1))
    golden.add("exponential", schedule(lambda o: lr_scheduler.ExponentialLR(o, gamma=gamma), epochs))
    warm = 2 * batches
    golden.add("warm-up", schedule(lambda o: lr_scheduler.SequentialLR(o, schedulers=[
        lr_scheduler.LinearLR(o, start_factor=1 / warm, total_iters=warm - 1),
        lr_scheduler.CosineAnnealingLR(o, T_max=steps - warm)], milestones=[warm]), steps))
    golden.write(os.path.join(HERE, "schedules.txt"))


if __name__ == "__main__":
    optimizers()
    schedules()
