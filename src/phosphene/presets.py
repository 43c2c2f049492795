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
    about: str


_BOLD = Adam(lr=0.1, betas=(0.3, 0.9), decay="linear")

PRESETS: dict[str, Preset] = {
    "standard": Preset(256, _BOLD, "256 steps: the score of lucid's 512"),
    "fast": Preset(128, _BOLD, "128 steps"),
    "draft": Preset(64, _BOLD, "64 steps, for a first look"),
    "lucid": Preset(512, Adam(), "512 steps at lucid's rate"),
}


def preset(name: str) -> Preset:
    """A preset by name; UnknownOption with the nearest names otherwise."""
    if name not in PRESETS:
        raise UnknownOption(f"no preset {name!r}; {closest(name, PRESETS)}")
    return PRESETS[name]
