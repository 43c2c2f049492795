"""Named ways to climb: our own paces, measured in ``docs/evidence.md``, and the published settings, each under its
source.

A preset says everything that is not said otherwise. ``differs`` tells where ours is not the source's own; a published
strength of a penalty is of a sum over the picture, and is turned into one of a mean when the picture's size is known.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .errors import UnknownOption, closest
from .filters import Decay, Filter, GaussianBlur, SmallBenefit, SmallNorm
from .images import Cppn, Fourier, Image, Latent, Maco, Pixel, Pyramid
from .objectives import L2, Term, TotalVariation
from .optimizers import SGD, Adam, Code, NAdam, Optimizer, Progress
from .preconditioners import Decorrelated, Laplacian, MeanAbs, Preconditioner, Sign
from .transforms import Chain, ColourJitter, ColourNoise, Jitter, Noise, RandomCrop, Roll, Scale
from .transforms import preset as chain_of


@dataclass(frozen=True)
class Preset:
    """What an ascent takes from a preset where nothing else is said. ``size``: None for what suits the network."""

    steps: int
    optimizer: Optimizer
    image: Image = field(default_factory=Fourier)
    transform: Chain = field(default_factory=lambda: chain_of("lucid"))
    size: int | None = None
    views: int = 1
    gradient: tuple[Preconditioner, ...] = ()
    filters: tuple[Filter, ...] = ()
    penalties: tuple[tuple[float, Term], ...] = ()
    keep: str = "last"
    source: str = "ours"
    differs: str = ""


def _bold(lr: float) -> Adam:
    """A short memory and a rate that falls to 0: the fewer steps, the larger they begin."""
    return Adam(lr=lr, betas=(0.3, 0.9), decay="linear")


_BYTES = 255.0**2  # a rate for pictures in [0, 255] is this times one for pictures in [0, 1]


def _yosinski(steps: int, optimizer: Optimizer, *filters: Filter) -> Preset:
    steady = isinstance(optimizer, SGD)
    return Preset(
        steps,
        optimizer,
        Pixel(colour="plain", bound="box", sd=10 / 255, level="rest"),
        Chain(),
        None,
        filters=filters,
        keep="best",
        gradient=(MeanAbs(),) if steady else (),
        source="Yosinski et al. 2015, Deep Visualization Toolbox",
        differs="published rates suit CaffeNet's gradients: a constant one (.04, .01) is of a gradient of mean size 1, "
        "progress has no lower cap; the size is the network's; rest is the mean colour, not the mean image",
    )


def _direction(what: str, *gradient: Preconditioner) -> Preset:
    """One descent direction of the literature: pixels, no transforms, steps of one mean size."""
    image = Pixel(colour="plain")
    source = f"Olah et al. 2017, preconditioning: steepest by {what}"
    return Preset(256, SGD(0.05, decay="linear"), image, Chain(), gradient=gradient, source=source)


_CROPS = "Fel et al. 2023, MACO"

PRESETS: dict[str, Preset] = {
    "standard": Preset(256, _bold(0.2)),
    "fast": Preset(128, _bold(0.3)),
    "draft": Preset(64, _bold(0.4)),
    "lucid": Preset(
        512, Adam(), source="lucid, library default", differs="one resampling for the chain, softened alike"
    ),
    "distill": Preset(
        2560,
        Adam(),
        transform=chain_of("distill"),
        source="Olah et al. 2017, the article's own pictures",
        differs="one resampling for the chain, softened alike",
    ),
    "captum-optim": Preset(
        512,
        Adam(lr=0.025),
        Fourier(sd=0.02),
        Chain((Scale((0.95, 0.975, 1.0, 1.025, 1.05)), Jitter(16))),
        224,
        source="captum.optim tutorials",
        differs="jitter crops; the source's rolls",
    ),
    "maco-paper": Preset(
        256,
        NAdam(),
        Maco(),
        Chain((RandomCrop(0.25, 0.25, 0.1), Noise(0.0, 0.1))),
        512,
        views=16,
        source=f"{_CROPS}, the paper",
        differs="phases are tied, so magnitudes hold in every bin, and are not standardised; 16 crops a step",
    ),
    "maco-xplique": Preset(
        256,
        NAdam(),
        Maco(law="normal", standardise=True),
        Chain((RandomCrop(), Noise())),
        512,
        views=32,
        source=f"{_CROPS}, xplique",
        differs="phases are tied, so magnitudes hold in every bin",
    ),
    "accentuation": Preset(
        100,
        Adam(),
        Fourier(),
        Chain((RandomCrop(0.05, 0.99, law="uniform", wander=None), Noise(0.02, 0.01))),
        512,
        views=16,
        source="Hamblin et al. 2024, faccent",
        differs="on a photo, at the size that suits the network: phosphene accentuate",
    ),
    "yosinski-1": _yosinski(500, Progress(1e8 / _BYTES), GaussianBlur(4, 0.5), SmallNorm(1, 50)),
    "yosinski-2": _yosinski(750, SGD(0.04), Decay(1, 0.3), SmallNorm(1, 20)),
    "yosinski-3": _yosinski(1000, SGD(0.01), Decay(1, 0.0001), GaussianBlur(4, 1.0)),
    "yosinski-4": _yosinski(1000, Progress(1e8 / _BYTES), GaussianBlur(4, 0.5), SmallBenefit(1, 90)),
    "vit": Preset(
        400,
        Adam(lr=0.1, betas=(0.5, 0.99), decay="cosine"),
        Pixel(colour="plain", sd=1.0),
        Chain((ColourJitter(), ColourNoise(), Roll(32))),
        None,
        views=8,
        penalties=((0.0005, TotalVariation()),),
        source="Ghiasi et al. 2022, What do vision transformers learn",
        differs="the picture is squashed by a sigmoid",
    ),
    "simonyan": Preset(
        256,
        SGD(0.01, decay="linear"),
        Pixel(colour="plain", bound="box", sd=0.0, level="rest"),
        Chain(),
        penalties=((0.0001, L2()),),
        gradient=(MeanAbs(),),
        source="Simonyan et al. 2013",
        differs="no rate is published: the gradient is brought to one size first; the penalty pulls to grey",
    ),
    "neural-styles": Preset(
        6000,
        Adam(lr=0.02),
        Fourier(),
        Chain((RandomCrop(0.11, 0.5, law="uniform", wander=None),)),
        2048,
        penalties=((0.0005, TotalVariation()),),
        source="channel energy on large canvases",
        differs="the rate suits our Fourier gain; aim at LAYER:CHANNEL[energy]",
    ),
    "deepdream": Preset(
        10,
        SGD(1.5 / 255),
        Pixel(colour="plain", bound="box"),
        Chain((Roll(32),)),
        gradient=(MeanAbs(),),
        source="Mordvintsev et al. 2015",
        differs="on a photo with octaves and tiles: phosphene dream",
    ),
    "fourier": Preset(256, _bold(0.2), source="ours: standard"),
    "pixel": Preset(
        256, _bold(0.05), Pixel(colour="plain"), Chain(), source="ours: what is seen without any regulariser"
    ),
    "l2": _direction("plain gradient", MeanAbs()),
    "linf": _direction("largest change of any value", Sign()),
    "decorrelated": _direction("distance in decorrelated Fourier space", Decorrelated(), MeanAbs()),
    "laplacian": _direction("all levels of a Laplacian pyramid alike", Laplacian(), MeanAbs()),
    "prior": Preset(
        200,
        Code(lr=0.3),
        Latent(),
        gradient=(MeanAbs(),),
        source="Nguyen et al. 2016, DGN-AM",
        differs="the decoder's code is features of the network itself; under lucid's transforms",
    ),
    "pyramid": Preset(256, _bold(0.1), Pyramid()),
    "cppn": Preset(256, Adam(lr=0.005, decay="linear"), Cppn(), source="Mordvintsev et al. 2018"),
    "maco": Preset(
        256,
        NAdam(1.0, decay="linear"),
        Maco(),
        views=2,
        source=_CROPS,
        differs="under lucid's transforms instead of small crops, for pictures of the network's own size",
    ),
}


def preset(name: str) -> Preset:
    """A preset by name; UnknownOption with the nearest names otherwise."""
    if name not in PRESETS:
        raise UnknownOption(f"no preset {name!r}; {closest(name, PRESETS)}")
    return PRESETS[name]
