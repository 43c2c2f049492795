"""Activations of the layers that are needed, and no forward beyond the last of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from types import TracebackType
from typing import Any

from torch import Tensor, nn

from .address import OUTPUT
from .errors import ModelError, PhospheneError
from .fast import Program, Refused, hooked, trusted
from .models.layers import Layer, channels_first, layer_tensor
from .models.network import Network
from .models.steady import Steady
from .models.surgery import RedirectRelu
from .shapes import Images


class _Enough(BaseException):
    """All that is needed has been seen; not an Exception, so that no model catches it."""


class Tap:
    """``with Tap(network, layers) as tap: acts = tap(pictures)`` -> layer -> ``(b, c, ...)`` in fp32.

    Hooks live inside the ``with`` only. A layer that one forward runs several times is its last run, or the n-th with
    ``name#n``, counted from 0. What a later in-place operation does to a layer's output is not seen: the tap keeps a
    copy. ``arithmetic``: ``exact`` runs the module as it is; ``fp32`` and ``bf16`` take the fast path where there is
    one, ``why_plain`` says why there is none. ``channels``: layer -> the channels of it that matter; the fast path may
    give zeros for the others. ``keep``: what is made of a layer's activations the moment they are there, instead of a
    copy; one tensor with a row per picture. It is for ``exact``.
    """

    def __init__(
        self,
        network: Network,
        layers: Sequence[str],
        arithmetic: str = "exact",
        channels: Mapping[str, frozenset[int]] | None = None,
        keep: Callable[[str, Tensor], Tensor] | None = None,
    ) -> None:
        self.network = network
        self.wanted = tuple(dict.fromkeys(layers))
        self.channels = channels or {}
        self.keep = keep
        self.arithmetic = arithmetic
        self.why_plain: str | None = None
        self._program: Program | None = None
        self._inner = [layer for layer in self.wanted if layer != OUTPUT]
        self._found: dict[str, Tensor] = {}
        self._calls: dict[str, int] = {}
        self._handles: list[Any] = []
        self._rows = 0
        self._steady = Steady()
        self._live = False  # two taps may be open on one network; each listens to its own forwards alone

    @property
    def ran(self) -> str:
        """The arithmetic, with the reason when the fast path was asked for and there is none."""
        if self._program is not None:
            return self._program.arithmetic
        return self.arithmetic if self.why_plain is None else f"exact ({self.why_plain})"

    @property
    def kept(self) -> Any:
        """Which branches the fast path runs; None on the plain path, which runs all."""
        return None if self._program is None else self._program.kept

    def __enter__(self) -> Tap:
        self.why_plain = None
        if self.arithmetic != "exact" and self.wanted:
            try:
                self._program = self._trusted()
                return self
            except Refused as reason:
                self.why_plain = str(reason)
        modules = dict(self.network.module.named_modules())
        by_module: dict[str, dict[int, tuple[Layer, list[str]]]] = {}
        for layer in self._inner:
            info, call = self.network.find(layer)
            # relu and relu#2 may be the same run
            by_module.setdefault(info.name, {}).setdefault(call, (info, []))[1].append(layer)
        for name, runs in by_module.items():
            self._handles.append(modules[name].register_forward_hook(self._hook(name, runs)))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._found.clear()
        self._program = None

    def _trusted(self) -> Program:
        if hooked(self.network.module):  # asked each time: hooks come and go
            raise Refused("it has hooks")
        with Tap(self.network, self.wanted) as plain:
            return trusted(self.network, self.wanted, self.channels, self.arithmetic, self._read, plain)

    def _fast(self, program: Program, pictures: Images, redirect: bool) -> dict[str, Tensor]:
        try:
            return self._read(self.wanted, program(pictures, redirect=redirect), len(pictures))
        except (PhospheneError, MemoryError):
            raise
        except Exception as error:  # parts of it are the user's own code
            raise self.network.failed(pictures, error) from error

    def _read(self, layers: Sequence[str], outputs: Sequence[Any], rows: int) -> dict[str, Tensor]:
        """What modules returned, as activations in fp32."""
        found = {}
        for layer, output in zip(layers, outputs, strict=True):
            if layer == OUTPUT:
                found[layer] = self.network.logits(output, rows).float()
                continue
            tensor = layer_tensor(output)
            if tensor is None or len(tensor) != rows:
                raise ModelError(f"{layer} of {self.network.name} is not one row per picture in its graph")
            found[layer] = channels_first(tensor, self.network.find(layer)[0].kind).float()
        return found

    def _hook(self, name: str, wanted: dict[int, tuple[Layer, list[str]]]) -> Any:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            tensor = layer_tensor(output) if self._live else None
            if tensor is None:
                return
            call = self._calls.get(name, 0)
            self._calls[name] = call + 1
            if call not in wanted:
                return
            info, names = wanted[call]
            if len(tensor) != self._rows:
                raise ModelError(
                    f"{names[0]} of {self.network.name} gives {len(tensor)} rows for {self._rows} pictures; "
                    "aim at a layer that keeps the pictures apart"
                )
            if self.keep is None:
                kept = channels_first(tensor.clone(), info.kind)
            else:
                kept = self.keep(names[0], channels_first(tensor, info.kind))
            self._found.update(dict.fromkeys(names, kept))
            if len(self._found) == len(self.wanted):  # never reached while the output is wanted too
                raise _Enough

        return hook

    @property
    def only_size(self) -> tuple[int, int] | None:
        """The one height and width that the network takes, or None when it takes any."""
        return self.network.preprocessing.size[1:] if self.network.preprocessing.fixed else None

    def __call__(self, pictures: Images, *, redirect: bool = False) -> dict[str, Tensor]:
        """Activations of ``pictures`` in [0, 1]; ``redirect``: gradients pass blocked ReLUs (see RedirectRelu)."""
        if not self.wanted:
            return {}
        if self._program is not None:
            return self._fast(self._program, pictures, redirect)
        if self.wanted and len(self._handles) == 0 and self._inner:
            raise RuntimeError("a Tap works inside its with block")
        self._found, self._calls, self._rows, self._live = {}, {}, len(pictures), True
        try:
            with self._steady, RedirectRelu() if redirect else nullcontext():
                output = self.network(pictures) if OUTPUT in self.wanted else self.network.run(pictures)
        except _Enough:
            output = None
        finally:
            found, self._found, self._live = self._found, {}, False
        if isinstance(output, Tensor) and OUTPUT in self.wanted:
            found[OUTPUT] = output if self.keep is None else self.keep(OUTPUT, output)
        missing = [layer for layer in self.wanted if layer not in found]
        if missing:
            raise ModelError(f"the forward did not reach {', '.join(missing)} on a picture of {_size(pictures)}")
        return found


def _size(pictures: Images) -> str:
    return f"{pictures.shape[2]} x {pictures.shape[3]}"
