"""A network's fast path to some of its layers: made once, and held against the plain path before it is trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, fx, nn

from ..models.network import Network
from ..models.steady import Steady
from ..models.surgery import RedirectRelu
from ..shapes import Images, Seen
from .branches import Branches, leave_out, mask, needed, widths
from .fuse import Fuser
from .graph import Refused, cut, shadow
from .kernels import LAST, PackedConvolution, Switch

DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}
# How far activations and gradients may be from the plain path's on the probes, relative to their norm. In fp32 a ReLU
# or two may fall to the other side of zero, and each counts with its whole gradient. What the graph computes is checked
# in fp32; bf16 rounds more, and small networks with many near-ties lose much of a gradient on noise.
CLOSE = {"fp32": (1e-4, 2e-2), "bf16": (0.1, 1.0)}
KEPT = 4  # programs that a network remembers

Outputs = dict[str, Tensor]
Measured = dict[str, tuple[Tensor, Tensor]]  # layer -> activations, gradient
Read = Callable[[Sequence[str], Sequence[Any], int], Outputs]


@dataclass(frozen=True, eq=False)
class Program:
    """``program(pictures)``: what the wanted layers' modules return for pictures in [0, 1], in order.

    ``arithmetic``: what it computes in, and why that is not what was asked for. ``mean``, ``std``: of the network's
    preprocessing.
    """

    module: fx.GraphModule
    kept: tuple[Branches, ...]
    mean: Tensor
    std: Tensor
    arithmetic: str
    dtype: torch.dtype
    switch: Switch
    steady: Steady

    def __call__(self, pictures: Seen, *, redirect: bool = False) -> Sequence[Any]:
        self.switch.redirect = redirect
        try:
            with self.steady, RedirectRelu() if redirect else nullcontext():
                # not __call__: it prints a traceback of generated code for any error
                found: Sequence[Any] = self.module.forward(_Prepared.apply(pictures, self.mean, self.std, self.dtype))
        finally:
            self.switch.redirect = False
        return found

    def forget(self) -> None:
        """Drop what was laid out for the probes' shapes."""
        for layer in self.module.modules():
            if isinstance(layer, PackedConvolution):
                layer.forget()


class _Prepared(torch.autograd.Function):
    """Pictures normalised, in another float type, channels last; and their gradient back again."""

    @staticmethod
    def forward(ctx: Any, pictures: Tensor, mean: Tensor, std: Tensor, dtype: torch.dtype) -> Tensor:
        ctx.save_for_backward(std)
        ctx.dtype = pictures.dtype
        return ((pictures - mean).div_(std)).to(dtype, memory_format=LAST)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (std,) = ctx.saved_tensors
        g = gradients[0].to(ctx.dtype, memory_format=torch.contiguous_format, copy=True)
        return g.div_(std), None, None, None


def arithmetic(device: torch.device) -> str:
    """``bf16`` where the processor computes in it, else ``fp32``."""
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if device.type == "cpu" and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return "bf16" if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() else "fp32"
    return "fp32"


@dataclass
class Programs:
    """What a network remembers while its ``state`` stays: programs, or why there is none; layers -> their branches."""

    state: Any = None
    made: dict[Any, Program | str] = field(default_factory=dict)
    widths: dict[tuple[str, ...], list[list[int]]] = field(default_factory=dict)


def trusted(
    network: Network,
    layers: tuple[str, ...],
    channels: Mapping[str, frozenset[int]],
    wanted: str,
    read: Read,
    plain: Callable[[Images], Outputs],
) -> Program:
    """The fast path to ``layers``, inside ``network.frozen()``; Refused with the reason when there is none.

    ``channels``: layer -> the only channels of it that matter. ``read``: what modules returned -> activations by layer.
    ``plain``: the plain path.
    """
    state = network.state
    if not isinstance(network.programs, Programs) or network.programs.state != state:
        network.programs = Programs(state)
    known = network.programs
    if layers not in known.widths:
        known.widths[layers] = _widths(network, layers)
    kept = needed(layers, known.widths[layers], channels)
    key = (layers, kept, wanted)
    if key not in known.made:
        made: Program | str
        try:
            made = _checked(network, layers, kept, wanted, read, plain)
        except Refused as reason:
            made = str(reason)
        for old in list(known.made)[: 1 - KEPT or None]:
            del known.made[old]
        known.made[key] = made
    found = known.made[key]
    if isinstance(found, str):
        raise Refused(found)
    return found


def _cut(network: Network, layers: Sequence[str]) -> tuple[nn.Module, fx.Graph]:
    """A shadow of the module and its graph as far as ``layers``."""
    try:
        twin = shadow(network.module)
        return twin, cut(network, twin, layers)
    except Refused:
        raise
    except Exception as error:  # the user's own code runs on symbols; anything may come
        raise Refused(f"it cannot be traced ({type(error).__name__})") from error


def _widths(network: Network, layers: Sequence[str]) -> list[list[int]]:
    try:
        twin, graph = _cut(network, layers)
    except Refused:  # whoever makes the program meets it again
        return [[] for _ in layers]
    return widths(graph, twin)


def _made(network: Network, layers: Sequence[str], kept: tuple[Branches, ...], kind: str) -> Program:
    (twin, graph), switch = _cut(network, layers), Switch()
    leave_out(graph, kept)
    packs = network.device.type == "cpu" and bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    dtype = DTYPES[kind]
    mean, std = network.normalisation
    return Program(Fuser(graph, twin, dtype, packs, switch).run(), kept, mean, std, kind, dtype, switch, Steady())


@torch.enable_grad()
def _checked(
    network: Network,
    layers: tuple[str, ...],
    kept: tuple[Branches, ...],
    wanted: str,
    read: Read,
    plain: Callable[[Images], Outputs],
) -> Program:
    """fp32 first, which shows whether the graph is the network; then, if asked for, bf16, which may be too coarse."""
    if network.dtype != torch.float32:
        raise Refused(f"its weights are {network.dtype}")
    probes = _probes(network)
    masks = {layer: mask(branches).to(network.device) for layer, branches in zip(layers, kept, strict=True) if branches}

    def only(outputs: Outputs) -> Outputs:
        return {layer: acts * masks[layer] if layer in masks else acts for layer, acts in outputs.items()}

    expected = _measured(probes, layers, lambda x: only(plain(x)))
    program = _held(_made(network, layers, kept, "fp32"), network, layers, read, expected, probes)
    if wanted == "bf16":
        try:
            program = _held(_made(network, layers, kept, wanted), network, layers, read, expected, probes)
        except Refused as reason:
            program = replace(program, arithmetic=f"fp32 ({reason})")
    program.forget()
    return program


def _held(
    program: Program, network: Network, layers: tuple[str, ...], read: Read, expected: Measured, probes: Images
) -> Program:
    """The program itself, once it was held against what is expected on the probes."""

    def run(x: Images) -> Outputs:
        return read(layers, program(x), len(x))

    try:
        found = _measured(probes, layers, run)
    except Refused:
        raise
    except Exception as error:  # in another float type, say; a user's code may raise anything
        raise Refused(f"its graph fails ({type(error).__name__})") from error
    kind = program.arithmetic
    for layer, gaps in _gaps(found, expected, layers).items():
        for what, gap, most in zip(("activations", "gradients"), gaps, CLOSE[kind], strict=True):
            if not gap <= _allowed(most, network.device):
                raise Refused(f"its graph gives other {what} of {layer} ({gap:.1g} off in {kind})")
    return program


def _allowed(most: float, device: torch.device) -> float:
    """A GPU that multiplies in TF32 rounds more coarsely."""
    coarse = device.type == "cuda" and torch.backends.cudnn.allow_tf32
    return max(most, 1e-2) if coarse else most


def _probes(network: Network) -> Images:
    """Noise over the whole range, and dark noise of low contrast."""
    noise = torch.rand(2, *network.preprocessing.size, generator=torch.Generator().manual_seed(0))
    noise[1] = 0.05 + 0.2 * noise[1]
    return noise.to(network.device)


def _measured(probes: Images, layers: Sequence[str], run: Callable[[Images], Outputs]) -> Measured:
    """Layer -> activations and the gradient of a random sum of them, each ``(2, ...)``."""
    leaf = probes.clone().requires_grad_()
    acts = run(leaf)
    found = {}
    for layer in layers:
        values = acts[layer]
        if not values.requires_grad:
            raise Refused(f"{layer} has no gradient")
        weights = torch.randn(values.shape, generator=torch.Generator().manual_seed(1)).to(values.device)
        (gradient,) = torch.autograd.grad((values * weights).sum(), leaf, retain_graph=True, allow_unused=True)
        found[layer] = (values.detach(), torch.zeros_like(leaf) if gradient is None else gradient)
    return found


def _gaps(found: Measured, expected: Measured, layers: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Layer -> distance of activations and of gradients, relative to the expected norm, the larger of the probes'."""

    def gap(a: Tensor, b: Tensor) -> float:
        if a.shape != b.shape:
            return float("inf")
        apart, norm = (a.float() - b.float()).flatten(1).norm(dim=1), b.float().flatten(1).norm(dim=1)
        return float((apart / norm.clamp(min=1e-6)).max())

    return {layer: (gap(found[layer][0], expected[layer][0]), gap(found[layer][1], expected[layer][1]))
            for layer in layers}  # fmt: skip
