"""How long and how boldly to climb: named pairs of steps and optimizer, measured in ``docs/evidence.md``."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import UnknownOption, closest
from .optimizers import Adam


@dataclass(frozen=True)
class Preset:
    """What an ascent takes from a preset where nothing else is said."""

    steps: int
    optimizer: Adam


def _bold(lr: float) -> Adam:
    """A short memory and a rate that falls to 0: the fewer steps, the larger they begin."""
    return Adam(lr=lr, betas=(0.3, 0.9), decay="linear")


PRESETS: dict[str, Preset] = {
    "standard": Preset(256, _bold(0.2)),
    "fast": Preset(128, _bold(0.3)),
    "draft": Preset(64, _bold(0.4)),
    "lucid": Preset(512, Adam()),
}


def preset(name: str) -> Preset:
    """A preset by name; UnknownOption with the nearest names otherwise."""
    if name not in PRESETS:
        raise UnknownOption(f"no preset {name!r}; {closest(name, PRESETS)}")
    return PRESETS[name]
