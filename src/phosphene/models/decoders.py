"""Decoders: frozen networks from a code to a picture, the learned priors of what pictures look like.

    miniception              ships with phosphene; its code is features of the embedded network
    path/to/file.py:factory  your own; the factory returns a module and a dict that says what it takes and gives
    path/to/folder           an autoencoder that diffusers saved (AutoencoderTiny, AutoencoderKL)
    diffusers/ORG/NAME       the same, by its name on the hub

What a factory's dict says: ``code``: shape of one code; ``range``: lowest and highest value of its pictures. It may say
``low`` and ``high``: bounds of a code's values, numbers or arrays.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor, nn

from ..errors import BadSpec, MissingDependency, ModelError, UnknownModel
from ..rng import Stream
from ..shapes import Images
from .network import first_line

EMBEDDED = "miniception"


@final
@dataclass(frozen=True, eq=False)
class Decoder:
    """Live and frozen. ``code``: shape of one code. ``low``, ``high``: bounds of its values, ``(1, *code)``, None for
    none.

    ``values``: lowest and highest value of what the module gives. ``encode``: pictures in [0, 1] -> codes, where known.
    ``draw``: random codes, as its own pictures have them.
    """

    module: nn.Module
    code: tuple[int, ...]
    values: tuple[float, float]
    low: Tensor | None = None
    high: Tensor | None = None
    encode: Callable[[Images], Tensor] | None = None
    draw: Callable[[Stream], Tensor] | None = None
    unit: Tensor | None = None  # the deviation of each value of its codes

    def pictures(self, codes: Tensor) -> Images:
        """Codes -> pictures in [0, 1]; differentiable."""
        made = self.module(codes)
        made = getattr(made, "sample", made)
        low, high = self.values
        shown: Images = (made.float() - low) / (high - low)
        return shown.clamp(0, 1) if (low, high) != (0.0, 1.0) else shown

    def inside(self, codes: Tensor) -> Tensor:
        """Codes, clipped to their bounds."""
        if self.low is None and self.high is None:
            return codes
        return codes.clamp(self.low, self.high)

    def random(self, stream: Stream) -> Tensor:
        """Random codes, one per row."""
        return self.draw(stream) if self.draw is not None else stream.normal(*self.code)

    def fingerprint(self) -> str:
        """A hash of its weights."""
        found = hashlib.blake2b(digest_size=8)
        for name, value in sorted(self.module.state_dict().items()):
            found.update(name.encode())
            found.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
        return found.hexdigest()


_known: dict[tuple[str, str], Decoder] = {}


def decoder(module: nn.Module, code: tuple[int, ...], values: Any) -> str:
    """A live module as a decoder: its name, for ``Latent(decoder=NAME)``. ``values``: of its pictures, (0, 1) or (-1,
    1)."""
    made = Decoder(_frozen(module), code, _range(values, type(module).__name__))
    name = f"live:{type(module).__name__}:{made.fingerprint()}"
    device = next((str(part.device) for part in module.parameters()), "cpu")
    _known[name, device] = made
    return name


def load_decoder(address: str, device: torch.device) -> Decoder:
    """A decoder by its address; loaded once."""
    key = address, str(device)
    if key not in _known:
        live = next((one for (name, _), one in _known.items() if name == address), None)
        if live is not None and address.startswith("live:"):
            _known[key] = made = replace(live, module=copy.deepcopy(live.module).to(device))
            return made
        if address.startswith("live:"):
            raise UnknownModel(f"{address} was a live module; name it again with phosphene.decoder(module, ...)")
        if address == EMBEDDED:
            made = _embedded(device)
        elif ".py:" in address:
            made = _from_file(address, device)
        elif address.startswith("diffusers/") or Path(address).is_dir():
            made = _autoencoder(address, device)
        else:
            raise UnknownModel(
                f"no decoder {address!r}; there are {EMBEDDED}, path/to/file.py:factory, a folder that diffusers "
                "saved, and diffusers/ORG/NAME"
            )
        _known[key] = made
    return _known[key]


def _frozen(module: nn.Module) -> nn.Module:
    return module.eval().requires_grad_(False)


def _range(values: Any, name: str) -> tuple[float, float]:
    try:
        low, high = (float(value) for value in values)
        if low < high:
            return low, high
    except (TypeError, ValueError):
        pass
    raise BadSpec(
        f"the decoder {name} does not say which values its pictures have, so nobody knows what is black; "
        "say its range, such as (0, 1) or (-1, 1)"
    )


def _embedded(device: torch.device) -> Decoder:
    from .miniception.decoder import CODE, Decoder as Module, code_of  # noqa: I001
    from .sources.weights import read_weights

    folder = resources.files("phosphene.models.miniception")
    with resources.as_file(folder / "decoder.safetensors") as path:
        weights = {name: value.float() for name, value in read_weights(Path(path)).items()}
    mean, spread, factor = (weights.pop(name).to(device) for name in ("code.mean", "code.std", "code.factor"))
    module = Module()
    module.load_state_dict(weights, strict=False)
    features: list[nn.Module] = []

    def encode(pictures: Images) -> Tensor:
        from ..spec import ModelSpec
        from .sources import load

        if not features:
            features.append(load(ModelSpec(EMBEDDED), str(device)).module)
        from .miniception import MEAN, STD

        x = (pictures - torch.tensor(MEAN, device=device).view(3, 1, 1)) / torch.tensor(STD, device=device).view(
            3, 1, 1
        )
        for name, layer in features[0].named_children():
            x = layer(x)
            if name == "mixed5b":
                break
        return code_of(x)

    def draw(stream: Stream) -> Tensor:
        far = stream.fold("code").normal(factor.shape[1])
        # twice the leading directions, from a little below the mean: clipped at 0, codes then have the length and the
        # spread of those of photographs
        free = mean - 0.3 * spread + 2 * (far @ factor.T).view(-1, *CODE)
        return free.clamp(torch.zeros_like(mean), mean + 3 * spread)

    return Decoder(
        _frozen(module).to(device),
        CODE,
        (0.0, 1.0),
        torch.zeros_like(mean)[None],
        (mean + 3 * spread)[None],
        encode,
        draw,
        spread.clamp(min=1e-3)[None],
    )


def _from_file(address: str, device: torch.device) -> Decoder:
    from .sources.file import from_factory

    made = from_factory(address)
    if not (
        isinstance(made, tuple) and len(made) == 2 and isinstance(made[0], nn.Module) and isinstance(made[1], dict)
    ):
        raise ModelError(
            f"{address} must return an nn.Module and a dict with code and range, not {type(made).__name__}"
        )
    module, said = made
    if "code" not in said:
        raise ModelError(f"{address} does not say the shape of a code; its dict needs code, such as (64,)")
    if not isinstance(said["code"], tuple | list) or not all(isinstance(n, int) and n > 0 for n in said["code"]):
        raise ModelError(f"{address} says that a code is {said['code']!r}; it is a shape such as (64,)")
    low, high = (
        None if said.get(name) is None else torch.as_tensor(said[name], dtype=torch.float32, device=device)
        for name in ("low", "high")
    )
    return Decoder(_frozen(module).to(device), tuple(said["code"]), _range(said.get("range"), address), low, high)


def _autoencoder(address: str, device: torch.device) -> Decoder:
    try:
        import diffusers
    except ImportError as error:
        raise MissingDependency(f"{address} needs diffusers: pip install diffusers") from error
    name = address.removeprefix("diffusers/")
    try:
        config = diffusers.AutoencoderTiny.load_config(name)
    except (OSError, ValueError) as error:
        raise UnknownModel(f"no autoencoder in {address}: {first_line(error)}") from error
    kind = getattr(diffusers, str(config.get("_class_name")), None)
    if kind is None or not hasattr(kind, "decode"):
        raise ModelError(
            f"{address} is a {config.get('_class_name')}; a decoder is an AutoencoderTiny or AutoencoderKL"
        )
    model: Any = _frozen(kind.from_pretrained(name)).to(device)
    blocks = len(config.get("block_out_channels") or config.get("decoder_block_out_channels") or (0,) * 4)
    side = int(config.get("sample_size") or 256) // 2 ** (blocks - 1)

    class Decode(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, codes: Tensor) -> Tensor:
            made: Tensor = self.model.decode(codes).sample
            return made

    def encode(pictures: Images) -> Tensor:
        found = model.encode(pictures * 2 - 1)
        codes: Tensor = found.latents if hasattr(found, "latents") else found.latent_dist.mode()
        return codes

    code, unit = (int(config["latent_channels"]), side, side), 1 / float(config.get("scaling_factor") or 1.0)

    def draw(stream: Stream) -> Tensor:
        return unit * stream.normal(*code)

    spread = torch.full((1, 1, 1, 1), unit, device=device)
    return Decoder(Decode(), code, (-1.0, 1.0), encode=encode, draw=draw, unit=spread)
