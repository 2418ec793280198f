"""PyTorch CPU training speed: the peer of the C trainer.

Times whole training steps (forward, cross-entropy, backward, Adam) on random
data held in memory and prints one JSON line.  See README.md for the
environment settings that were fastest.
"""
import argparse
import contextlib
import json
import platform
import resource
import statistics
import time

import torch
import torch.nn.functional as F

from networks import SHAPES, build


def peak_mb():
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--net", choices=SHAPES, required=True)
    p.add_argument("--method", choices=("float", "dorefa"), default="float")
    p.add_argument("--pool", choices=("max", "avg"), help="LeNet-5 only; default max for float, avg for dorefa")
    p.add_argument("--layout", choices=("nchw", "nhwc"), default="nchw")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--batch", type=int, default=128)
    p.add_argument("--compile", action="store_true", help="torch.compile the network")
    p.add_argument("--bf16", action="store_true", help="bfloat16 autocast: another peer, not float32")
    p.add_argument("--adam", choices=("fused", "foreach", "loop"), default="fused")
    p.add_argument("--flush-denormal", action="store_true")
    p.add_argument("--steps", type=int, default=20, help="steps a repeat")
    p.add_argument("--warmup", type=int, default=5, help="steps before timing")
    p.add_argument("--repeats", type=int, default=5)
    a = p.parse_args()

    import_mb = peak_mb()
    torch.manual_seed(1)
    torch.set_num_threads(a.threads)
    torch.set_flush_denormal(a.flush_denormal)
    layout = torch.channels_last if a.layout == "nhwc" else torch.contiguous_format
    net = build(a.net, a.method, a.pool).to(memory_format=layout).train()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=a.adam == "fused",
                                 foreach=a.adam == "foreach")
    data = [(torch.randn(a.batch, *SHAPES[a.net]).contiguous(memory_format=layout),
             torch.randint(10, (a.batch,))) for _ in range(8)]
    forward = torch.compile(net) if a.compile else net
    count = 0

    def run(steps):
        nonlocal count
        for _ in range(steps):
            x, y = data[count % len(data)]
            count += 1
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16) if a.bf16 else contextlib.nullcontext():
                loss = F.cross_entropy(forward(x), y)
            loss.backward()
            optimizer.step()
        return loss.item()

    start = time.perf_counter()
    run(a.warmup)
    warmup_s = time.perf_counter() - start
    speeds = []
    for _ in range(a.repeats):
        start = time.perf_counter()
        loss = run(a.steps)
        speeds.append(a.steps * a.batch / (time.perf_counter() - start))
    print(json.dumps({
        "net": a.net, "method": a.method, "pool": a.pool, "layout": a.layout,
        "threads": a.threads, "batch": a.batch, "compile": a.compile, "bf16": a.bf16,
        "adam": a.adam, "flush_denormal": a.flush_denormal, "torch": torch.__version__,
        "python": platform.python_version(),
        "images_per_second": round(statistics.median(speeds), 1),
        "min": round(min(speeds), 1), "max": round(max(speeds), 1),
        "steps": a.steps, "repeats": a.repeats, "warmup_s": round(warmup_s, 2),
        "peak_rss_mb": peak_mb(), "import_rss_mb": import_mb, "final_loss": round(loss, 4)}))


if __name__ == "__main__":
    main()
