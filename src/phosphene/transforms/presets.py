"""Published chains, each under the name of its source."""

from __future__ import annotations

from ..errors import UnknownOption, closest
from .affine import Crop, Fit, Jitter, Pad, Rotate, Scale
from .base import Chain

PRESETS: dict[str, Chain] = {
    # lucid's library default (optvis/transform.py)
    "lucid": Chain(
        (
            Pad(12),
            Jitter(8),
            Scale(tuple(1 + (i - 5) / 50 for i in range(11))),
            Rotate((*(float(angle) for angle in range(-10, 11)), *(0.0,) * 5)),
            Jitter(4),
        )
    ),
    # lucent's, for a network that is shown the picture's own size: pictures move on a canvas that is not cropped,
    # scales above 1 enlarge the canvas too and are undone when that is made small again; outside is black, here grey
    "lucent": Chain(
        (
            Pad(17),
            Jitter(7),
            Scale((*(1 + (i - 5) / 50 for i in range(5)), *(1.0,) * 6)),
            Rotate((*(float(angle) for angle in range(-10, 11)), *(0.0,) * 5)),
            Jitter(3),
            Fit(),
        )
    ),
    # the article's own pictures (Olah et al. 2017, "Feature Visualization")
    "distill": Chain(
        (
            Pad(16),
            Jitter(16),
            Scale((1.0, 0.975, 1.025, 0.95, 1.05)),
            Rotate(tuple(float(angle) for angle in range(-5, 6))),
            Jitter(8),
            Crop(),
        )
    ),
    "none": Chain(),
}


def preset(name: str) -> Chain:
    """The chain of a preset; UnknownOption with the nearest names otherwise."""
    if name not in PRESETS:
        raise UnknownOption(f"no transform preset {name!r}; {closest(name, PRESETS)}")
    return PRESETS[name]
