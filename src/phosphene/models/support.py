"""What one unit sees of a picture: from the graph where it tells, otherwise measured by where its gradient is not zero.

Only whether a gradient is zero counts, not its size. So gates that shut (a blocked ReLU, the pixels of a maximum that
lost) are opened on the way back, and sizes are pressed together wherever weights change them, lest they underflow on a
long way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..errors import ModelError, NotDifferentiable, UnitOutOfRange
from .layers import Layer, channels_first, layer_tensor
from .network import Network
from .receptive import function_name, pair

PICTURES = 4  # what attention overlooks in one picture it may see in another
NOTHING = 1e-30  # of the largest gradient: what masks of -100 leave in a softmax, not what weights make of anything


@final
@dataclass(frozen=True)
class Box:
    """Pixels of a picture: rows ``top`` to ``bottom``, columns ``left`` to ``right``, the ends not included."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def size(self) -> tuple[int, int]:
        return self.bottom - self.top, self.right - self.left

    @property
    def empty(self) -> bool:
        """Nothing is seen: the unit looks at padding alone."""
        return min(self.size) <= 0

    @classmethod
    def whole(cls, picture: tuple[int, int]) -> Box:
        return cls(0, 0, *picture)


EMPTY = Box(0, 0, 0, 0)


def sees(network: Network, layer: str, position: tuple[int, ...], size: tuple[int, int] | None = None) -> Box:
    """The smallest box of a picture of ``size`` (default: the network's own) that holds all the unit depends on.

    ``position``: ``(y, x)`` of a map, ``(t,)`` of tokens, ``()`` of a vector, which sees everything. UnitOutOfRange
    for a position that the layer has not, NotDifferentiable where a measurement meets no gradient.
    """
    size = network.preprocessing.size[1:] if size is None else size
    info, call = network.find(layer)
    run = network.runs_at(size)[info.name][call]
    if len(position) != len(run.size) or not all(0 <= p < n for p, n in zip(position, run.size, strict=True)):
        has = f"positions {' x '.join(map(str, run.size))}" if run.size else "no positions"
        raise UnitOutOfRange(f"no position {position} in {layer} of {network.name}: on {size[0]} x {size[1]} pixels "
                             f"it has {has}, counted from 0")  # fmt: skip
    if not position:
        return Box.whole(size)
    if run.kind == "map" and run.reach is not None and run.reach.spans is not None:
        rows, columns = (span[p] for span, p in zip(run.reach.spans, position, strict=True))
        return _box(int(rows[0]), int(columns[0]), int(rows[1]), int(columns[1]))
    return _remembered(network, run, call, position, size)


def _box(top: int, left: int, bottom: int, right: int) -> Box:
    """From first and last pixels."""
    return EMPTY if top > bottom or left > right else Box(top, left, bottom + 1, right + 1)


def _remembered(network: Network, run: Layer, call: int, position: tuple[int, ...], size: tuple[int, int]) -> Box:
    state = network.state
    if network.fields.get("state") != state:
        network.fields = {"state": state}
    key = (run.name, call, position, size)
    if key not in network.fields:
        network.fields[key] = _measured(network, run, call, position, size)
    found: Box = network.fields[key]
    return found


def _measured(network: Network, run: Layer, call: int, position: tuple[int, ...], size: tuple[int, int]) -> Box:
    """The union over a few random pictures of where the gradient of the unit's channels is not zero."""
    hit = torch.zeros(size, dtype=torch.bool)
    rng = torch.Generator().manual_seed(0)
    channels, place = network.preprocessing.size[0], int(np.ravel_multi_index(position, run.size))
    # cuDNN may choose transforms that leave rounding where nothing is
    with network.frozen(), torch.backends.cudnn.flags(enabled=False):
        for _ in range(PICTURES):
            picture = torch.rand(1, channels, *size, generator=rng).to(network.device).requires_grad_()
            acts = _activations(network, run, call, picture)[0].flatten(1)[:, place]
            if not acts.requires_grad:
                raise NotDifferentiable(f"what {run.name} of {network.name} sees cannot be measured: "
                                        "no gradient leads from it to the picture")  # fmt: skip
            weight = (0.5 + torch.rand(len(acts), generator=rng)).to(acts)
            (gradient,) = torch.autograd.grad(acts, picture, weight, allow_unused=True)
            if gradient is not None:
                hit |= _significant(gradient)[0].ne(0).any(0).cpu()
            if _whole(hit):
                break
    rows, columns = hit.any(1).nonzero().flatten().tolist(), hit.any(0).nonzero().flatten().tolist()
    return _box(rows[0], columns[0], rows[-1], columns[-1]) if rows else EMPTY


def _whole(hit: Tensor) -> bool:
    """Whether the box can grow no more."""
    edges = hit[0], hit[-1], hit[:, 0], hit[:, -1]
    return all(bool(edge.any()) for edge in edges)


class _Enough(BaseException):
    """The layer has run; not an Exception, so that no model catches it."""


def _activations(network: Network, run: Layer, call: int, picture: Tensor) -> Tensor:
    """The layer's activations ``(1, c, ...)``, with gradients that pass every gate."""
    found: list[Tensor] = []

    def hook(_: nn.Module, __: Any, output: Any) -> None:
        tensor = layer_tensor(output)
        if tensor is not None:
            found.append(tensor)
            if len(found) > call:
                raise _Enough

    handle = network.module.get_submodule(run.name).register_forward_hook(hook)
    try:
        with Open():
            network.run(picture)
    except _Enough:
        pass
    finally:
        handle.remove()
    if len(found) <= call:
        raise ModelError(f"the forward did not reach {run.name}#{call} of {network.name} on noise")
    return channels_first(found[call], run.kind)


# Functions of one tensor that are flat somewhere; an underscore at the end is their form in place.
_GATES = """
    relu relu6 hardtanh hardswish hardsigmoid clamp clamp_min clamp_max clip threshold softshrink hardshrink
    round floor ceil trunc sign
""".split()  # noqa: SIM905
_POOLS = ("max_pool2d", "max_pool2d_with_indices")
_MEANS: dict[str, Any] = {
    "adaptive_max_pool2d": lambda x, size, **_: F.adaptive_avg_pool2d(x, size),
    **dict.fromkeys(("amax", "amin"), torch.mean),
}
_WEIGHTED = ("conv2d", "linear", "matmul", "__matmul__", "batch_norm", "layer_norm", "group_norm", "instance_norm")


class Open(TorchFunctionMode):
    """Inside it, values are as always, and gradients pass shut gates and all of what a maximum was taken over."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = function_name(func)
        x = args[0] if args else kwargs.get("input")
        if not (isinstance(x, Tensor) and x.requires_grad and torch.is_grad_enabled()):
            return func(*args, **kwargs)
        if name.removesuffix("_") in _GATES:
            with torch.no_grad():
                output = func(*args, **kwargs)
            return x if output is x else _through(x, output)  # in place: new values, and the history of the old ones
        if name in _POOLS and x.ndim == 4:
            return _pooled(func, x, args, kwargs)
        if name in _MEANS:
            with torch.no_grad():
                output = func(*args, **kwargs)
            return _through(_MEANS[name](*args, **kwargs), output)
        output = func(*args, **kwargs)
        if name in _WEIGHTED and isinstance(output, Tensor) and output.requires_grad and output is not x:
            output.register_hook(_significant)  # type: ignore[no-untyped-call]
        return output


class _Through(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, way: Tensor, values: Tensor) -> Tensor:
        return values.clone()  # a later function may work in place

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


def _through(way: Tensor, values: Tensor) -> Tensor:
    """``values``, with the gradient going to ``way``, of the same shape."""
    made: Tensor = _Through.apply(way, values)
    return made


def _pooled(func: Any, x: Tensor, args: Any, kwargs: Any) -> Any:
    """A max pooling whose gradient goes to every position of each window."""
    with torch.no_grad():
        output = func(*args, **kwargs)
    call = {**dict(zip(("input", "kernel_size", "stride", "padding", "dilation"), args, strict=False)), **kwargs}
    kernel = pair(call["kernel_size"])
    stride, padding = pair(call.get("stride"), kernel), pair(call.get("padding"), 0)
    dilation = pair(call.get("dilation"), 1)
    values = output[0] if isinstance(output, tuple) else output
    need = [
        (n - 1) * s + d * (k - 1) + 1 for n, s, d, k in zip(values.shape[2:], stride, dilation, kernel, strict=True)
    ]
    around = [value for axis in (1, 0) for value in (padding[axis], need[axis] - x.shape[2 + axis] - padding[axis])]
    ones = torch.ones(x.shape[1], 1, *kernel, dtype=x.dtype, device=x.device)
    opened = _through(F.conv2d(F.pad(x, around), ones, stride=stride, dilation=dilation, groups=x.shape[1]), values)
    return (opened, *output[1:]) if isinstance(output, tuple) else opened


def _significant(gradient: Tensor) -> Tensor:
    """Zeros where the gradient is nothing, and its fourth root elsewhere: 1e-30 of the largest becomes 3e-8 of it."""
    gradient = torch.nan_to_num(gradient.float(), nan=0.0).to(gradient.dtype)
    largest = gradient.abs().amax()
    part = gradient.abs() / torch.where(largest > 0, largest, 1.0)
    return torch.where(part > NOTHING, gradient.sign() * part**0.25, 0.0)
