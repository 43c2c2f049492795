"""Train the embedded decoder: ``python training/prior.py --data DIR --out RUN``.

Pictures -> codes of the frozen ``miniception`` -> decoder -> pictures, under three terms (Dosovitskiy & Brox 2016,
"Generating images with perceptual similarity metrics based on deep networks"): distance of the network's own features,
distance of pixels, and a discriminator that sees a picture beside its code. A checkpoint and a log line are written
every ``EVERY`` steps, a sheet of photographs (above) and what came back (below) with them; the same command continues.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from data import augment, load_split
from phosphene import load
from phosphene.models.miniception.decoder import CODE, LAYER, Decoder, code_of

EVERY = 200
COMPARED = ("conv2", "mixed3b", "mixed4b", "mixed5b")  # layers whose features are compared


@dataclass(frozen=True)
class Recipe:
    """``alone``: steps before the discriminator takes part. Weights of the terms: ``pixel``, ``feature``, ``fool``."""

    steps: int = 7000
    batch: int = 64
    alone: int = 1500
    rate: float = 4e-4
    rate_critic: float = 4e-4
    pixel: float = 2.0
    feature: float = 1.0
    fool: float = 0.03
    average: float = 0.998
    shift: int = 4
    seed: int = 0


class Critic(nn.Module):
    """Is a picture a photograph with this code? Logits ``(b, 4, 4)``, one for each part of the picture."""

    def __init__(self) -> None:
        super().__init__()
        norm, widths, layers = nn.utils.parametrizations.spectral_norm, (3, 48, 96, 160, 256), []
        for before, after in itertools.pairwise(widths):
            layers += [norm(nn.Conv2d(before, after, 4, 2, 1)), nn.LeakyReLU(0.2)]
        self.body = nn.Sequential(*layers)
        self.code = norm(nn.Conv2d(CODE[0], 256, 1))
        self.head = norm(nn.Conv2d(256, 1, 1))

    def forward(self, picture: Tensor, code: Tensor) -> Tensor:
        seen = self.body(picture * 2 - 1)
        told = F.interpolate(self.code(code), seen.shape[2:])
        found: Tensor = self.head(seen).squeeze(1) + (seen * told).mean(1)
        return found


class Features(nn.Module):
    """The frozen network's maps at the compared layers, each divided by its own spread over photographs."""

    def __init__(self, pictures: Tensor) -> None:
        super().__init__()
        self.net = load("miniception").module.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self.register_buffer("mean", torch.tensor((0.48, 0.45, 0.40)).view(3, 1, 1))
        self.register_buffer("std", torch.tensor((0.28, 0.27, 0.28)).view(3, 1, 1))
        with torch.no_grad():
            self.spread = [float(maps.std()) for maps in self.maps(pictures)]

    def maps(self, x: Tensor) -> list[Tensor]:
        found, x = [], (x - self.mean) / self.std
        for name, layer in self.net.named_children():
            x = layer(x)
            if name in COMPARED:
                found.append(x)
            if name == LAYER:
                return found
        raise AssertionError(f"{LAYER} is not there")

    def forward(self, x: Tensor) -> list[Tensor]:
        return [maps / spread for maps, spread in zip(self.maps(x), self.spread, strict=True)]


@dataclass
class State:
    """Everything that a step changes."""

    decoder: Decoder
    critic: Critic
    averaged: torch.optim.swa_utils.AveragedModel
    adam: torch.optim.Optimizer
    adam_critic: torch.optim.Optimizer
    step: int = 0

    def saved(self) -> dict:
        parts = {
            name: getattr(self, name).state_dict() for name in ("decoder", "critic", "averaged", "adam", "adam_critic")
        }
        return {**parts, "step": self.step}

    def restore(self, data: dict) -> None:
        for name in ("decoder", "critic", "averaged", "adam", "adam_critic"):
            getattr(self, name).load_state_dict(data[name])
        self.step = data["step"]


def begin(recipe: Recipe) -> State:
    torch.manual_seed(recipe.seed)
    decoder, critic = Decoder().to(memory_format=torch.channels_last), Critic().to(memory_format=torch.channels_last)
    averaged = torch.optim.swa_utils.AveragedModel(
        decoder, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(recipe.average), use_buffers=True
    )
    return State(
        decoder,
        critic,
        averaged,
        torch.optim.Adam(decoder.parameters(), recipe.rate, betas=(0.5, 0.99)),
        torch.optim.Adam(critic.parameters(), recipe.rate_critic, betas=(0.5, 0.99)),
    )


def step(state: State, features: Features, photos: Tensor, recipe: Recipe) -> dict[str, float]:
    """One step of the decoder and, after the first ones, of its critic."""
    falling = max(0.02, 1 - state.step / recipe.steps)
    for group in state.adam.param_groups:
        group["lr"] = recipe.rate * falling
    with torch.autocast("cpu", torch.bfloat16):
        with torch.no_grad():
            wanted = features(photos)
            code = code_of(wanted[-1] * features.spread[-1])
        made = state.decoder(code)
        pixel = (made.float() - photos).abs().mean()
        feature = sum((a.float() - b.float()).square().mean() for a, b in zip(features(made), wanted, strict=True))
        loss = recipe.pixel * pixel + recipe.feature * feature / len(COMPARED)
        terms = {"pixel": pixel.item(), "feature": feature.item() / len(COMPARED)}
        if state.step >= recipe.alone:
            state.critic.requires_grad_(False)
            loss = loss - recipe.fool * state.critic(made, code).float().mean()
            state.critic.requires_grad_(True)
    state.adam.zero_grad(set_to_none=True)
    loss.backward()
    state.adam.step()
    state.averaged.update_parameters(state.decoder)
    if state.step >= recipe.alone - 200:  # the critic learns a little before it is listened to
        with torch.autocast("cpu", torch.bfloat16):
            real = state.critic(photos, code).float()
            fake = state.critic(made.detach().float(), code).float()
            hinge = F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        state.adam_critic.zero_grad(set_to_none=True)
        hinge.backward()
        state.adam_critic.step()
        terms["critic"] = hinge.item()
    state.step += 1
    return terms


@torch.no_grad()
def look(state: State, features: Features, photos: Tensor, path: Path) -> dict[str, float]:
    """Photographs never trained on and what came back, as a sheet; their distances."""
    decoder = state.averaged.module.eval()
    wanted = features(photos)
    made = decoder(code_of(wanted[-1] * features.spread[-1]))
    state.averaged.module.train()
    rows = [torch.cat(list(part), 2) for pair in zip(photos.split(12), made.split(12), strict=True) for part in pair]
    sheet = (torch.cat(rows[:8], 1).permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    Image.fromarray(sheet).resize((sheet.shape[1] * 2, sheet.shape[0] * 2), Image.Resampling.NEAREST).save(path)
    found = features(made)
    return {
        "val_pixel": float((made - photos).abs().mean()),
        "val_feature": sum(float((a - b).square().mean()) for a, b in zip(found, wanted, strict=True)) / len(COMPARED),
    }


def train(recipe: Recipe, data: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    pictures, _ = load_split(data / "train.parquet")
    unseen = load_split(data / "val.parquet")[0][:48].float().div(255).contiguous(memory_format=torch.channels_last)
    features = Features(pictures[:512].float().div(255))
    state = begin(recipe)
    checkpoint = out / "last.pt"
    if checkpoint.exists():
        state.restore(torch.load(checkpoint, weights_only=True))
    log = (out / "log.jsonl").open("a")
    if state.step == 0:
        print(json.dumps({**asdict(recipe), "torch": torch.__version__}), file=log, flush=True)
    begun, terms = time.monotonic(), []
    while state.step < recipe.steps:
        generator = torch.Generator().manual_seed(recipe.seed * 1_000_000 + state.step)
        chosen = torch.randint(len(pictures), (recipe.batch,), generator=generator)
        terms.append(step(state, features, augment(pictures[chosen], 64, recipe.shift, generator), recipe))
        if state.step % EVERY == 0 or state.step == recipe.steps:
            means = {name: sum(t.get(name, 0) for t in terms) / len(terms) for name in terms[-1]}
            found = look(state, features, unseen, out / "look.png")
            line = {"step": state.step, **means, **found, "seconds": time.monotonic() - begun}
            print(json.dumps({name: round(value, 4) for name, value in line.items()}), file=log, flush=True)
            torch.save(state.saved(), out / "new.pt")
            (out / "new.pt").replace(checkpoint)
            begun, terms = time.monotonic(), []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    train(Recipe(), args.data, args.out)


if __name__ == "__main__":
    main()
