"""Train the embedded network: ``python training/train.py plain --data DIR --out RUN`` then ``robust --start``.

Both trainings share the architecture and the data; they differ in the recipe alone. A checkpoint and a log line are
written after every epoch; the same command continues an interrupted run.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from data import augment, cutmix, load_split
from phosphene.models.miniception.architecture import Miniception

CLASSES = 100
MEAN, STD = (0.48, 0.45, 0.40), (0.28, 0.27, 0.28)


@dataclass(frozen=True)
class Recipe:
    """``stages``: (epochs, picture size). ``eps``: L2 radius at 64 px in [0, 1], 0 = ordinary."""

    stages: tuple[tuple[int, int], ...]
    peak: float
    shift: int = 6  # pixels
    eps: float = 0.0
    warmup: float = 0.15
    batch: int = 128
    momentum: float = 0.9
    decay: float = 5e-4
    smoothing: float = 0.1
    seed: int = 0
    mix: float = 0.0  # share of batches with CutMix
    unmixed: int = 0  # last epochs without it
    average: float = 0.0  # decay of the exponential moving average of the weights; 0 = none

    @property
    def epochs(self) -> int:
        return sum(stage[0] for stage in self.stages)

    def size(self, epoch: int) -> int:
        for epochs, size in self.stages:
            if epoch < epochs:
                return size
            epoch -= epochs
        raise ValueError("epoch is past the end of the recipe")


RECIPES = {
    "plain": Recipe(stages=((6, 48), (19, 64)), peak=0.2, average=0.998),
    "robust": Recipe(stages=((3, 48), (7, 64)), peak=0.08, eps=0.75, average=0.998),
    "robust-more": Recipe(stages=((9, 64),), peak=0.08, eps=0.75, average=0.999, seed=1),
    "plain-mix": Recipe(stages=((24, 64),), peak=0.1, mix=0.5, unmixed=3, average=0.999, seed=2),
    "plain-more": Recipe(stages=((8, 64),), peak=0.06, mix=0.5, unmixed=2, average=0.999, seed=5),
    "plain-again": Recipe(stages=((6, 64),), peak=0.06, mix=0.5, unmixed=2, average=0.999, seed=6),
    "robust-tilt": Recipe(stages=((2, 64),), peak=0.015, eps=0.45, average=0.99, seed=4),
    "robust-mix": Recipe(stages=((12, 64),), peak=0.08, eps=0.7, mix=0.5, unmixed=2, average=0.999, seed=3),
}


class Normalised(nn.Module):
    """Pictures in [0, 1] -> logits."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.model((x - self.mean) / self.std)


def ball(x: Tensor, eps: float) -> Tensor:
    """Project each row onto the L2 ball of radius eps."""
    norm = x.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    return x * (eps / norm.clamp(min=1e-12)).clamp(max=1)


def inside(shape: torch.Size, eps: float, generator: torch.Generator) -> Tensor:
    """A start drawn inside the ball: uniform direction, uniform radius."""
    noise = torch.randn(shape, generator=generator)
    radius = torch.rand(shape[0], 1, 1, 1, generator=generator) * eps
    return noise / noise.flatten(1).norm(dim=1).view(-1, 1, 1, 1) * radius


def attack(net: nn.Module, x: Tensor, y: Tensor, eps: float, steps: int, generator: torch.Generator) -> Tensor:
    """L2 attack: steps of 1.25 eps / steps along the normalised gradient, from a random start, clipped to [0, 1]."""
    delta = inside(x.shape, eps, generator)
    for _ in range(steps):
        probe = (x + delta).clamp(0, 1).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            loss = F.cross_entropy(net(probe), y, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, probe)
        gradient = gradient / gradient.flatten(1).norm(dim=1).view(-1, 1, 1, 1).clamp(min=1e-12)
        delta = ball(delta + 1.25 * eps / steps * gradient, eps)
    return (x + delta).clamp(0, 1).contiguous(memory_format=torch.channels_last)


def accuracy(net: nn.Module, pictures: Tensor, labels: Tensor, eps: float = 0.0, steps: int = 4) -> float:
    """Top-1 at 64 px, clean or (eps > 0) under the attack."""
    net.eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    right = 0
    for x, y in zip(pictures.split(250), labels.split(250), strict=True):
        x = x.float().div(255).contiguous(memory_format=torch.channels_last)
        if eps:
            x = attack(net, x, y, eps, steps, generator)
        with torch.no_grad():
            right += int((net(x).argmax(1) == y).sum())
    net.requires_grad_(True)
    return right / len(labels)


def optimiser(
    net: nn.Module, recipe: Recipe, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    decayed = [p for p in net.parameters() if p.ndim > 1]
    free = [p for p in net.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": recipe.decay}, {"params": free, "weight_decay": 0.0}]
    sgd = torch.optim.SGD(groups, lr=recipe.peak, momentum=recipe.momentum, nesterov=True)
    return sgd, torch.optim.lr_scheduler.OneCycleLR(
        sgd, recipe.peak, total_steps=steps, pct_start=recipe.warmup, anneal_strategy="linear", cycle_momentum=False
    )


def load(net: Normalised, start: Path) -> None:
    """Begin from another run's checkpoint, or from exported weights."""
    if start.suffix == ".safetensors":
        net.model.load_state_dict({key: value.float() for key, value in load_file(start).items()}, strict=False)
    else:
        net.load_state_dict(torch.load(start, weights_only=True)["net"])


def train(recipe: Recipe, name: str, data: Path, out: Path, start: Path | None) -> None:
    out.mkdir(parents=True, exist_ok=True)
    pictures, labels = load_split(data / "train.parquet")
    val = load_split(data / "val.parquet")
    torch.manual_seed(recipe.seed)
    net = Normalised(Miniception()).to(memory_format=torch.channels_last)
    if start is not None:
        load(net, start)
    averaged = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(recipe.average), use_buffers=True
    )
    per_epoch = len(labels) // recipe.batch
    sgd, schedule = optimiser(net, recipe, recipe.epochs * per_epoch)
    first = 0
    checkpoint = out / "last.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        net.load_state_dict(state["raw"])
        averaged.load_state_dict(state["averaged"])
        sgd.load_state_dict(state["sgd"])
        schedule.load_state_dict(state["schedule"])
        first = state["epoch"] + 1
    log = (out / "log.jsonl").open("a")
    if first == 0:
        print(json.dumps({"name": name, **asdict(recipe), "torch": torch.__version__}), file=log, flush=True)
    for epoch in range(first, recipe.epochs):
        begun = time.monotonic()
        generator = torch.Generator().manual_seed(recipe.seed * 1000 + epoch)
        size = recipe.size(epoch)
        eps = recipe.eps * size / 64
        order = torch.randperm(len(labels), generator=generator)
        losses = []
        for rows in order[: per_epoch * recipe.batch].view(per_epoch, recipe.batch):
            x, y = augment(pictures[rows], size, recipe.shift, generator), labels[rows]
            if epoch < recipe.epochs - recipe.unmixed and torch.rand((), generator=generator) < recipe.mix:
                x, y = cutmix(x, y, CLASSES, generator)
            if eps:
                net.eval().requires_grad_(False)  # the attack sees the network as it will be used
                x = attack(net, x, y, eps, 1, generator)
                net.requires_grad_(True)
            net.train()
            with torch.autocast("cpu", torch.bfloat16):
                loss = F.cross_entropy(net(x), y, label_smoothing=recipe.smoothing)
            sgd.zero_grad(set_to_none=True)
            loss.backward()
            sgd.step()
            schedule.step()
            if recipe.average:
                averaged.update_parameters(net)
            losses.append(loss.item())
        final = averaged.module if recipe.average else net
        line = {
            "epoch": epoch,
            "size": size,
            "loss": round(sum(losses) / len(losses), 4),
            "clean": accuracy(final, *val),
            "seconds": round(time.monotonic() - begun),
        }
        if recipe.eps:
            line["robust_first_1000"] = accuracy(final, val[0][:1000], val[1][:1000], recipe.eps)
        state = {
            "net": final.state_dict(),
            "raw": net.state_dict(),
            "averaged": averaged.state_dict(),
            "sgd": sgd.state_dict(),
            "schedule": schedule.state_dict(),
            "epoch": epoch,
        }
        torch.save(state, checkpoint.with_suffix(".tmp"))
        checkpoint.with_suffix(".tmp").replace(checkpoint)
        print(json.dumps(line), file=log, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", choices=sorted(RECIPES))
    parser.add_argument("--data", type=Path, required=True, help="folder with train.parquet and val.parquet")
    parser.add_argument("--out", type=Path, required=True, help="run folder: log.jsonl, last.pt")
    parser.add_argument("--start", type=Path, help="last.pt of another run, or exported weights (.safetensors)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    train(RECIPES[args.recipe], args.recipe, args.data, args.out, args.start)


if __name__ == "__main__":
    main()
