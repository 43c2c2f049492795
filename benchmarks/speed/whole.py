"""Whole processes: the first picture, the memory of a batch, a layer from end to end, a thousand renders, growing work.

    python -m benchmarks.speed.whole --out build/bench --threads 1 [first memory sweep renders linear batches window]

Each part runs in processes of its own where memory or imports count; every number goes to ``whole-THREADS.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Found = dict[str, Any]
LAYER, SIZE = "inception4a", 128


def mib() -> float:
    """The most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def now() -> float:
    """Memory that this process holds now, in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def aside(code: str, threads: int) -> dict[str, float]:
    """Run a program in a process of its own; its last line is JSON. ``seconds``: the whole process."""
    begun = time.perf_counter()
    env = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    lines = done.stdout.strip().splitlines()
    last = lines[-1] if lines else ""
    return {**(json.loads(last) if last.startswith("{") else {}), "seconds": time.perf_counter() - begun}


LOAD = "import torch\nmodel = torch.load('{path}', weights_only=False)\n"  # made beforehand, the same for both
FIRST = {
    "phosphene": "import phosphene as ph\n"
    "net = ph.load(model, input_size=(3, 224, 224), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))\n"
    f"ph.render(net, '{LAYER}:0', preset='draft').save('{{out}}/first.png')",
    "lucent": "from lucent.optvis import render\n"
    f"render.render_vis(model, '{LAYER}:0', thresholds=(64,), progress=False, show_image=False,"
    " save_image=True, image_name='{out}/first_lucent.png')",
}


def first(threads: int) -> Found:
    """Seconds of a process that imports, loads the network, ascends 64 steps and saves the picture, in turn."""
    import torch

    from .nets import network

    times: dict[str, list[float]] = {name: [] for name in FIRST}
    with tempfile.TemporaryDirectory() as out:
        torch.save(network("googlenet"), f"{out}/googlenet.pt")
        for turn in range(4):
            for name, code in FIRST.items():
                program = LOAD.format(path=f"{out}/googlenet.pt") + code.format(out=out)
                seconds = aside(program, threads)["seconds"]
                if turn:  # the first reads from the disk
                    times[name].append(seconds)
    return times


MEMORY = {
    "phosphene": "from benchmarks.speed.contenders import Ours\n"
    "run = lambda b: Ours(model, '{layer}', {size}, b).steps(2)",
    "phosphene --exact": "from benchmarks.speed.contenders import Ours\n"
    "run = lambda b: Ours(model, '{layer}', {size}, b, 'exact').steps(2)",
    "full autograd": "seen = []\n"
    "model.get_submodule('{layer}').register_forward_hook(lambda m, i, o: seen.append(o))\n"
    "def run(b):\n"
    "    for _ in range(3):\n"
    "        x = torch.rand(b, 3, {size}, {size}, requires_grad=True)\n"
    "        seen.clear(); model(x); seen[0][:, 0].mean().backward()\n",
}


def memory(threads: int) -> Found:
    """MiB per picture: the peak of a process with a batch of 33 less that with a batch of 1, over 32."""
    found = {}
    for name, code in MEMORY.items():
        peaks = []
        for batch in (1, 33):
            head = f"import torch, warnings; warnings.simplefilter('ignore'); torch.set_num_threads({threads})\n"
            head += "from benchmarks.speed.nets import network\nmodel = network('googlenet')\n"
            tail = f"\nrun({batch})\nfrom benchmarks.speed.whole import mib\nprint('{{\"peak\": %f}}' % mib())"
            peaks.append(aside(head + code.format(layer=LAYER, size=SIZE) + tail, threads)["peak"])
        found[name] = {"peaks": peaks, "per picture": (peaks[1] - peaks[0]) / 32}
    return found


def sweep(threads: int) -> Found:
    """All 512 channels of googlenet's inception4a at 128 px, ``standard``: 256 steps, evidence and all."""
    import phosphene as ph

    from .nets import loaded, network

    net = loaded(network("googlenet"))
    begun = time.perf_counter()
    results = ph.render_batch(net, f"{LAYER}:0..511")
    seconds = time.perf_counter() - begun
    return {"channels": len(results), "steps": results[0].steps, "minutes": seconds / 60, "ran": results[0].arithmetic}


def renders(threads: int) -> Found:
    """A thousand renders in one process: seconds of each, and memory after every hundred."""
    import phosphene as ph

    net = ph.load("miniception")
    times, held = [], []
    for index in range(1000):
        begun = time.perf_counter()
        ph.render(net, f"mixed3a:{index % 64}", steps=4, robust=1)
        times.append(time.perf_counter() - begun)
        if index % 100 == 99:
            held.append(now())
    hundreds = [statistics.median(times[i : i + 100]) for i in range(0, 1000, 100)]
    return {"seconds, medians of hundreds": hundreds, "MiB after each hundred": held}


def linear(threads: int) -> Found:
    """Seconds against the number of channels and of steps."""
    import phosphene as ph

    net = ph.load("miniception")

    def took(units: int, steps: int) -> float:
        begun = time.perf_counter()
        ph.render_batch(net, f"mixed4b:0..{units - 1}", steps=steps)
        return time.perf_counter() - begun

    took(8, 8)
    return {
        "units": {units: took(units, 64) for units in (8, 16, 32, 64, 128)},
        "steps": {steps: took(16, steps) for steps in (32, 64, 128, 256, 512)},
    }


def batches(threads: int) -> Found:
    """Milliseconds per picture and step against the batch."""
    from .contenders import Ours
    from .nets import network

    found: dict[str, dict[int, float]] = {}
    for name, layer in (("googlenet", LAYER), ("resnet50", "layer2")):
        model = network(name)
        found[name] = {}
        for batch in (1, 2, 4, 8, 16, 32, 64):
            ours = Ours(model, layer, SIZE, batch)
            ours.steps(1)
            found[name][batch] = 1e3 * statistics.median(ours.steps(6))
            ours.close()
    return found


NEURONS = (("vgg16", "features.5"), ("vgg16", "features.10"), ("vgg16", "features.14"), ("vgg16", "features.21"),
           ("googlenet", "inception3a"), ("resnet50", "layer1"))  # fmt: skip


def window(threads: int) -> Found:
    """Neurons: seconds of 8 channels with the window and with the whole picture, in turn: a render of 64 steps with its
    evidence, and 64 steps alone (128 less 64)."""
    import phosphene as ph
    from phosphene.window import Windows

    from .nets import loaded, network

    found: Found = {}
    of = Windows.of
    nets = {name: loaded(network(name)) for name in dict.fromkeys(name for name, _ in NEURONS)}
    for name, layer in NEURONS:
        targets = [f"{layer}:{channel}@centre" for channel in range(8)]
        renders: dict[bool, list[float]] = {True: [], False: []}
        steps: dict[bool, list[float]] = {True: [], False: []}
        for turn in range(4):
            for windowed in (True, False):
                Windows.of = of if windowed else (lambda self, objective: None)  # type: ignore[method-assign]
                took = []
                for count in (64, 128):
                    begun = time.perf_counter()
                    results = ph.render_batch(nets[name], targets, steps=count, robust=1)
                    took.append(time.perf_counter() - begun)
                if turn:
                    renders[windowed].append(took[0])
                    steps[windowed].append(took[1] - took[0])
                if windowed:
                    ran = results[0].arithmetic
        Windows.of = of  # type: ignore[method-assign]
        times, whole = (statistics.median(one[False]) / statistics.median(one[True]) for one in (steps, renders))
        found[f"{name} {layer}"] = {
            "steps": {"window": steps[True], "whole": steps[False]},
            "renders": {"window": renders[True], "whole": renders[False]},
            "times": times, "times with evidence": whole, "ran": ran,
        }  # fmt: skip
        print(name, layer, ran, f"{times:.1f}, with evidence {whole:.1f}", flush=True)
    return found


PARTS: dict[str, Callable[[int], Found]] = {
    part.__name__: part for part in (first, memory, sweep, renders, linear, batches, window)
}


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=list(PARTS))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / f"whole-{args.threads}.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    for part in args.parts:
        found[part] = PARTS[part](args.threads)
        path.write_text(json.dumps(found, indent=1))
        print(part, json.dumps(found[part], indent=1), flush=True)


if __name__ == "__main__":
    main()
