"""PyTorch CPU inference latency: the peer of the C inference.

Float kinds: frozen TorchScript (float-frozen), then optimize_for_inference
(float-ofi) or the oneDNN graph fuser (float-graph), and torch.compile
(float-compile).  Int8 is static post-training quantization (FX graph mode, x86
or onednn engine), calibrated on random data.  One JSON line for each setting.
"""
import argparse
import copy
import itertools
import json
import statistics
import time
import warnings

import torch

from networks import SHAPES, build

warnings.filterwarnings("ignore")
KINDS = ("float-frozen", "float-ofi", "float-graph", "float-compile", "int8-x86", "int8-onednn")


def quantized(net, x, engine):
    from torch.ao.quantization import get_default_qconfig_mapping
    from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx
    torch.backends.quantized.engine = engine
    net = prepare_fx(copy.deepcopy(net), get_default_qconfig_mapping(engine), (x,))
    for _ in range(4):
        net(torch.randn_like(x))
    return convert_fx(net)


def prepared(kind, net, x):
    if kind == "float-compile":
        torch._dynamo.reset()
        torch._inductor.config.freezing = True
        return torch.compile(net)
    if kind.startswith("int8"):
        net = quantized(net, x, kind[5:])
    torch.jit.enable_onednn_fusion(kind == "float-graph")
    net = torch.jit.freeze(torch.jit.trace(net, x))
    return net if kind in ("float-frozen", "float-graph") else torch.jit.optimize_for_inference(net)


def latencies_ms(net, x, seconds):
    stop = time.perf_counter() + seconds / 4
    runs = 0
    while runs < 5 or time.perf_counter() < stop:
        net(x)
        runs += 1
    times, stop = [], time.perf_counter() + seconds
    while len(times) < 9 or time.perf_counter() < stop:
        start = time.perf_counter()
        net(x)
        times.append(1e3 * (time.perf_counter() - start))
    return times


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--net", choices=SHAPES, required=True)
    p.add_argument("--kind", choices=KINDS, nargs="+", default=KINDS)
    p.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    p.add_argument("--batch", type=int, nargs="+", default=[1, 100])
    p.add_argument("--layout", nargs="+", choices=("nchw", "nhwc"), default=["nchw", "nhwc"])
    p.add_argument("--seconds", type=float, default=2, help="timing of each setting")
    a = p.parse_args()

    torch.manual_seed(1)
    base = build(a.net, "float")
    with torch.no_grad():
        for _ in range(2):  # running statistics
            base(torch.randn(16, *SHAPES[a.net]))
        base.eval()
        for kind, threads, batch, layout in itertools.product(a.kind, a.threads, a.batch, a.layout):
            torch.set_num_threads(threads)
            fmt = torch.channels_last if layout == "nhwc" else torch.contiguous_format
            x = torch.randn(batch, *SHAPES[a.net]).contiguous(memory_format=fmt)
            net = prepared(kind, copy.deepcopy(base).to(memory_format=fmt), x)
            times = latencies_ms(net, x, a.seconds)
            want = base(x)
            error = ((net(x) - want).abs().max() / want.abs().max()).item()
            print(json.dumps({
                "net": a.net, "kind": kind, "threads": threads, "batch": batch,
                "layout": layout, "torch": torch.__version__,
                "median_ms": round(statistics.median(times), 4),
                "min_ms": round(min(times), 4), "max_ms": round(max(times), 4),
                "runs": len(times), "relative_difference": float(f"{error:.2g}")}), flush=True)


if __name__ == "__main__":
    main()
