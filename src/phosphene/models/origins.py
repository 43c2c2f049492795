"""Where the channels of a layer come from: which row of which weights made each, followed through one forward.

Beside every tensor of the forward runs its shadow, of the same shape: at each place the number of the weight row that
made it, negative where the sign was turned since, 0 where it is made by none or by several. What only moves values
moves their shadow; convolutions and linear layers begin new ones; whatever is not known here ends them.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..address import OUTPUT
from .layers import channels_first, layer_tensor
from .network import Network
from .receptive import function_name, tensors_in

Twins = tuple[NDArray[np.int64], NDArray[np.float32]]


@final
@dataclass(frozen=True)
class Incoming:
    """The weight rows behind the channels of a layer.

    ``group``: which weights made each channel, -1 for none; rows of one group look at the same inputs. ``row``: the
    channel's row in them. ``sign``: -1 where it was turned since, as by a norm of negative scale. All ``(C,)``.
    ``weights``: group -> ``(rows, inputs)``.
    """

    group: NDArray[np.int64]
    row: NDArray[np.int64]
    sign: NDArray[np.int64]
    weights: dict[int, Tensor]

    def twins(self) -> Twins:
        """For each channel its most similar sibling by incoming weights, -1 for none, and their cosine, nan for none.

        Siblings have rows in the same group; a row of zeros is like nothing.
        """
        found = np.full(len(self.group), -1, np.int64)
        cosines = np.full(len(self.group), np.nan, np.float32)
        for group, weights in self.weights.items():
            norms = weights.detach().float().norm(dim=1).cpu().numpy()
            members = np.flatnonzero(self.group == group)
            members = members[norms[self.row[members]] > 0]
            if len(members) < 2:
                continue
            rows = weights.detach().float().cpu()[torch.from_numpy(self.row[members])]
            unit = F.normalize(rows, eps=0.0) * torch.from_numpy(self.sign[members])[:, None]
            best = (unit @ unit.T).fill_diagonal_(-float("inf")).max(1)
            found[members] = members[best.indices.numpy()]
            cosines[members] = best.values.clamp(-1, 1).numpy()
        return found, cosines


def incoming(network: Network, layers: Sequence[str]) -> dict[str, Incoming]:
    """The rows behind the channels of each layer, from one forward for all."""
    wanted = {layer: network.find(layer) for layer in layers if layer != OUTPUT}
    shadows: dict[str, Tensor | None] = {}
    calls: dict[str, int] = {}
    picture = torch.full((1, *network.preprocessing.size), 0.5, device=network.device)
    mode = Shadows(picture)

    def note(name: str) -> Any:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            tensor = layer_tensor(output)
            if tensor is None:
                return
            call = calls[name] = calls.get(name, -1) + 1
            for layer, (info, index) in wanted.items():
                if (info.name, index) == (name, call):
                    shadow = mode.shadow(tensor)
                    shadows[layer] = None if shadow is None else channels_first(shadow, info.kind)[0]

        return hook

    handles = []
    try:
        for name in {info.name for info, _ in wanted.values()}:
            handles.append(network.module.get_submodule(name).register_forward_hook(note(name)))
        with network.frozen(), torch.no_grad(), mode:
            output = network.run(picture)
    finally:
        for handle in handles:
            handle.remove()
    found = {}
    for layer in layers:
        if layer == OUTPUT:
            logits = network.logits(output)
            shadow, channels = mode.shadow(logits), logits.shape[1]
            shadow = None if shadow is None else shadow[0]
        else:
            shadow, channels = shadows.get(layer), wanted[layer][0].channels
        found[layer] = mode.incoming(shadow, channels)
    return found


def all_twins(network: Network, layers: Sequence[str]) -> dict[str, Twins]:
    """``weight_twins`` of many layers, from one forward."""
    found: dict[tuple[bytes, ...], Twins] = {}  # a convolution, its norm and its ReLU have the same rows
    twins = {}
    for layer, rows in incoming(network, layers).items():
        key = rows.group.tobytes(), rows.row.tobytes(), rows.sign.tobytes()
        index, cosine = found[key] if key in found else found.setdefault(key, rows.twins())
        twins[layer] = index.copy(), cosine.copy()
    return twins


def weight_twins(network: Network, layer: str) -> Twins:
    """For each channel its most similar sibling by incoming weights, int64 ``(C,)``, and the cosine, float32 ``(C,)``.

    -1 and nan where a channel has no weight row of its own (a sum of branches, tokens mixed by attention, positions
    laid out as channels), or none to be compared with: rows of other convolutions, or of other groups of one, look at
    other inputs. UnknownLayer.
    """
    return all_twins(network, [layer])[layer]


# Functions of one tensor that change values and neither their places nor, on the whole, their direction.
_KEEPING = """
    relu relu6 leaky_relu prelu rrelu elu selu celu gelu silu mish sigmoid tanh hardtanh hardswish hardsigmoid
    logsigmoid softplus softsign threshold clamp clamp_min clamp_max clip exp dropout dropout1d dropout2d alpha_dropout
    feature_alpha_dropout detach clone contiguous to float double half bfloat16 type type_as requires_grad data
""".split()  # noqa: SIM905
_MOVING = """
    cat concat concatenate stack chunk split tensor_split unbind narrow select index_select __getitem__ permute
    transpose swapaxes swapdims movedim moveaxis T mT t view view_as reshape reshape_as flatten unflatten squeeze
    unsqueeze expand expand_as repeat flip fliplr flipud roll pixel_shuffle pixel_unshuffle channel_shuffle
""".split()  # noqa: SIM905
# These take values of one channel together, in tensors with channels second.
_POOLING = """
    max_pool2d max_pool2d_with_indices avg_pool2d lp_pool2d adaptive_avg_pool2d adaptive_max_pool2d pad interpolate
    upsample instance_norm max_pool1d avg_pool1d adaptive_avg_pool1d
""".split()  # noqa: SIM905
_REDUCING = {"mean", "sum", "amax", "amin"}
_ADDING = {"add", "__add__", "__radd__", "__iadd__"}
_TAKING = {"sub", "__sub__", "__isub__", "subtract", "__rsub__", "rsub"}
_SCALING = {"mul", "__mul__", "__rmul__", "__imul__", "multiply"}
_DIVIDING = {"div", "__truediv__", "__itruediv__", "true_divide"}


class Shadows(TorchFunctionMode):
    """Inside it, ``shadow(tensor)`` tells which rows made a tensor of the forward; None for what is no picture's."""

    def __init__(self, pictures: Tensor) -> None:
        super().__init__()
        self._known: dict[int, tuple[weakref.ref[Tensor], Tensor]] = {}
        self._rows: list[tuple[int, int]] = [(-1, -1)]  # number -> its group, its row there
        self._weights: dict[int, Tensor] = {}
        self._set(pictures, _none(pictures))

    def _set(self, tensor: Tensor, shadow: Tensor) -> None:
        self._known[id(tensor)] = (weakref.ref(tensor), shadow)

    def shadow(self, tensor: Any) -> Tensor | None:
        entry = self._known.get(id(tensor))
        return entry[1] if entry is not None and entry[0]() is tensor else None

    def incoming(self, shadow: Tensor | None, channels: int) -> Incoming:
        """From a shadow ``(c, ...)``: a channel counts where all its positions agree."""
        numbers = np.zeros(channels, np.int64)
        if shadow is not None and shadow.shape[0] == channels and shadow.numel():
            numbers = _agreed(shadow.reshape(channels, -1), (1,)).cpu().numpy().astype(np.int64)
            made, often = np.unique(np.abs(numbers), return_counts=True)
            numbers[np.isin(np.abs(numbers), made[often > 1])] = 0  # positions of one channel, laid out as channels
        group, row = np.array(self._rows, np.int64)[np.abs(numbers)].T
        weights = {int(one): self._weights[int(one)] for one in np.unique(group) if one >= 0}
        return Incoming(group, row, np.sign(numbers), weights)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        held = {id(t): s for t in tensors_in([*args, *kwargs.values()]) if (s := self.shadow(t)) is not None}
        output = func(*args, **kwargs)
        if held:
            made = list(tensors_in([args[0] if func is Tensor.__setitem__ else output]))
            shadows = self._derived(func, held, made, args, kwargs)
            for tensor, shadow in zip(made, shadows, strict=True):
                fits = shadow is not None and shadow.shape == tensor.shape
                self._set(tensor, shadow if fits and shadow is not None else _none(tensor))
        return output

    def _derived(
        self, func: Any, held: dict[int, Tensor], made: list[Tensor], args: Any, kwargs: Any
    ) -> Sequence[Tensor | None]:
        name = function_name(func)
        name = name.removesuffix("_") if not name.startswith("__") else name
        nothing = [None] * len(made)
        first = args[0] if args else kwargs.get("input")
        if name in _MOVING:
            shadows = list(tensors_in([_moved(func, name, held, args, kwargs)]))
            return shadows if len(shadows) == len(made) else nothing
        if name in ("conv2d", "linear"):
            weight = args[1] if len(args) > 1 else kwargs["weight"]
            if id(weight) in held:  # weights made from the picture
                return nothing
            groups = kwargs.get("groups", args[6] if len(args) > 6 else 1) if name == "conv2d" else 1
            return [self._begun(weight, groups, made[0], 1 if name == "conv2d" else made[0].ndim - 1)]
        if name in _ADDING | _TAKING | _SCALING | _DIVIDING:
            return [_joined(name, held, args, made[0])] * len(made)
        source = held.get(id(first))
        if source is None or len(held) != 1 or not made:
            return nothing
        return [_alone(func, name, source, made[0], args, kwargs), *nothing[1:]]

    def _begun(self, weight: Tensor, groups: int, made: Tensor, dim: int) -> Tensor:
        """New numbers for the rows of a weight."""
        begin, group = len(self._rows), len(self._weights)
        rows = weight.detach().flatten(1)
        for part, own in enumerate(rows.chunk(groups)):
            self._weights[group + part] = own
            self._rows += [(group + part, row) for row in range(len(own))]
        numbers = torch.arange(begin, begin + len(rows), dtype=torch.int32, device=made.device)
        shape = [1] * made.ndim
        shape[dim] = len(rows)
        return numbers.view(shape).expand(made.shape)


def _alone(func: Any, name: str, source: Tensor, made: Tensor, args: Any, kwargs: Any) -> Tensor | None:
    """The shadow of a function of one tensor of the picture."""
    if name in _KEEPING:
        return source
    if name == "neg" or name == "__neg__":
        return -source
    if name == "batch_norm":
        # F.batch_norm hands its weight on by name
        return _turned(source, args[1] if func is torch.batch_norm else kwargs.get("weight"), 1)
    if name in ("layer_norm", "group_norm"):  # what they subtract is the same for all siblings
        weight = kwargs.get("weight", args[2] if len(args) > 2 else None)
        return _turned(source, weight, 1 if name == "group_norm" else source.ndim - getattr(weight, "ndim", 1))
    if name in _POOLING and source.ndim > 2 and made.ndim == source.ndim and made.shape[1] == source.shape[1]:
        if name == "instance_norm":
            source = _turned(source, kwargs.get("weight", args[3] if len(args) > 3 else None), 1)
        agreed = _agreed(source, tuple(range(2, source.ndim)), keepdim=True)
        return agreed.expand(made.shape)
    if name in _REDUCING:
        dims = kwargs.get("dim", args[1] if len(args) > 1 else tuple(range(source.ndim)))
        dims = (dims,) if isinstance(dims, int) else tuple(range(source.ndim)) if dims is None else tuple(dims)
        return _agreed(source, dims, keepdim=bool(kwargs.get("keepdim", args[2] if len(args) > 2 else False)))
    return None


def _moved(func: Any, name: str, held: dict[int, Tensor], args: Any, kwargs: Any) -> Any:
    """A function that only moves values, on shadows."""

    def shadow(value: Any) -> Any:
        if isinstance(value, Tensor):
            known = held.get(id(value))
            return known if known is not None else _none(value) if value.is_floating_point() else value
        if isinstance(value, tuple | list):
            return type(value)(shadow(one) for one in value)
        return value

    args, kwargs = shadow(args), {key: shadow(value) for key, value in kwargs.items()}
    if name == "view":  # what is one piece of memory for a tensor need not be for its shadow
        return args[0].reshape(*args[1:]) if all(isinstance(a, int | tuple | list) for a in args[1:]) else None
    return args[0].reshape(args[1].shape) if name == "view_as" else func(*args, **kwargs)


def _joined(name: str, held: dict[int, Tensor], args: Any, made: Tensor) -> Tensor | None:
    """The shadow of a sum, difference, product or quotient: of what is the same twice, or goes with a constant."""
    if len(args) < 2:
        return None
    one, other = (held.get(id(value)) for value in args[:2])
    if one is not None and other is not None:
        if name in _TAKING | _DIVIDING:
            return None
        return torch.where(one == other, one, 0)  # broadcast, too
    source, constant = (one, args[1]) if one is not None else (other, args[0])
    if source is None or (one is None and name in _DIVIDING):
        return None
    if name in _ADDING | _TAKING:
        turned = name in ("__rsub__", "rsub") or (name in _TAKING and one is None)
        return (-source if turned else source).broadcast_to(made.shape)
    sign = constant.sign() if isinstance(constant, Tensor) else float(np.sign(constant))
    return (source * sign).to(source.dtype)


def _turned(source: Tensor, weight: Any, dim: int) -> Tensor:
    """The shadow under a scale along ``dim`` and on."""
    if not isinstance(weight, Tensor):
        return source
    after = source.ndim - dim - weight.ndim
    return (source * weight.sign().reshape(*weight.shape, *[1] * after)).to(source.dtype)


def _agreed(shadow: Tensor, dims: tuple[int, ...], keepdim: bool = False) -> Tensor:
    """Along ``dims``, the number that is there everywhere, else 0."""
    low, high = shadow.amin(dims, keepdim), shadow.amax(dims, keepdim)
    return torch.where(low == high, low, 0)


def _none(tensor: Tensor) -> Tensor:
    return torch.zeros((), dtype=torch.int32, device=tensor.device).expand(tensor.shape)
