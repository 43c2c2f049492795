"""A cut graph -> the same graph of fast layers: batch norms folded, ReLUs joined to their convolutions."""

from __future__ import annotations

import copy
import operator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn

from ..models.steady import pair
from ..models.surgery import clipped
from .graph import module_of, only_user
from .kernels import Convolution, Geometry, Linear, PackedConvolution, Relu, Switch
from .pool import MaxPool


@dataclass
class Fuser:
    """``run()``: the graph as a module. The modules of ``network`` are read, never written."""

    graph: fx.Graph
    network: nn.Module
    dtype: torch.dtype
    packs: bool  # oneDNN on a CPU
    switch: Switch
    made: dict[str, Any] = field(default_factory=dict)

    def run(self) -> fx.GraphModule:
        for node in list(self.graph.nodes):
            module = self._module(node)
            if type(module) is nn.Conv2d and module.padding_mode == "zeros" and not isinstance(module.padding, str):
                self._place(node, self._convolution(node, module))
            elif type(module) is nn.Linear and self.packs:
                self._place(node, Linear(module.weight, module.bias, self.dtype, self.switch))
            elif type(module) is nn.MaxPool2d and self.packs and node.args and not module.return_indices:
                self._place(node, self._pool(node, module))
            elif (parts := self._shortcut(node)) is not None:
                self._add(node, *parts)
            elif (top := self._top(node)) is not None:
                node.args = node.args[:1]
                self._place(node, Relu(top))
            elif module is not None:
                self._place(node, self._guest(module))
            elif node.op == "get_attr":
                self._constant(node)
        return fx.GraphModule(self.made, self.graph)

    def _module(self, node: fx.Node | None) -> nn.Module | None:
        """The network's module that a node calls."""
        return None if node is None or str(node.target) in self.made else module_of(self.network, node)

    def _named(self, value: Any) -> str:
        name = f"phosphene_{len(self.made)}"
        self.made[name] = value
        return name

    def _place(self, node: fx.Node, module: nn.Module) -> None:
        if not isinstance(module, Convolution | Linear | Relu | MaxPool):
            node.target = self._named(module)
            return
        node.op, node.target, node.kwargs = "call_module", self._named(module), {}

    def _skip(self, node: fx.Node, source: fx.Node) -> None:
        """Take ``node`` out; ``source`` does its work."""
        node.replace_all_uses_with(source)
        self.graph.erase_node(node)

    def _convolution(self, node: fx.Node, conv: nn.Conv2d) -> Convolution:
        weight, bias = conv.weight, conv.bias
        follower = only_user(node)
        norm = self._module(follower)
        if follower is not None and type(norm) is nn.BatchNorm2d and norm.running_mean is not None:
            weight, bias = fold(weight, bias, norm)
            self._skip(follower, node)
            follower = only_user(node)
        how = Geometry(pair(conv.stride), pair(conv.padding), pair(conv.dilation), conv.groups)
        kind = PackedConvolution if self.packs else Convolution
        layer = kind(weight, bias, how, self.dtype, self.switch)
        if follower is not None and (top := self._top(follower)) is not None:
            layer.top = top
            self._skip(follower, node)
        return layer

    def _shortcut(self, node: fx.Node) -> tuple[fx.Node, fx.Node] | None:
        """A convolution that nobody else reads and what is added to it, where a node is their plain sum."""
        plain = node.op == "call_function" and node.target in (operator.add, torch.add)
        if not (plain or (node.op == "call_method" and node.target == "add")) or len(node.args) != 2 or node.kwargs:
            return None
        pairs = (node.args, node.args[::-1])
        for conv, other in pairs:
            if not isinstance(conv, fx.Node) or not isinstance(other, fx.Node) or conv is other:
                continue
            layer = self.made.get(str(conv.target))
            bare = isinstance(layer, PackedConvolution) and layer.top is None and len(conv.args) == 1
            if bare and only_user(conv) is node:
                return conv, other
        return None

    def _add(self, node: fx.Node, conv: fx.Node, other: fx.Node) -> None:
        """The sum and the ReLU behind it as part of the convolution."""
        layer = self.made[str(conv.target)]
        node.op, node.target, node.args, node.kwargs = "call_module", conv.target, (conv.args[0], other), {}
        self.graph.erase_node(conv)
        follower = only_user(node)
        if follower is not None and self._top(follower) == float("inf"):  # oneDNN clips a sum at 0 alone
            layer.top = float("inf")
            self._skip(follower, node)

    def _pool(self, node: fx.Node, module: nn.MaxPool2d) -> MaxPool:
        """The gradient is stopped at the pool's output, not at the larger map of the ReLU before it, if it alone reads
        that."""
        pool, source = MaxPool(module, self.switch), node.args[0]
        before = self.made.get(str(source.target)) if isinstance(source, fx.Node) else None
        if isinstance(before, PackedConvolution) and only_user(source) is node:  # type: ignore[arg-type]
            before.blocks, pool.top = False, before.top
        return pool

    def _top(self, node: fx.Node) -> float | None:
        """Where a node clips its one input, if it is a ReLU in any spelling."""
        module = self._module(node)
        if type(module) is nn.ReLU:
            return float("inf")
        if type(module) in (nn.ReLU6, nn.Hardtanh):
            return float(module.max_val) if module.min_val == 0 else None  # type: ignore[union-attr, arg-type]
        found = None
        if node.op == "call_function":
            found = clipped(node.target, node.args, node.kwargs)
        elif node.op == "call_method":
            found = clipped(getattr(Tensor, str(node.target), None), node.args, node.kwargs)
        return None if found is None or not isinstance(found[0], fx.Node) else found[1]

    def _guest(self, module: nn.Module) -> nn.Module:
        """Any other module, as it is; a copy where the float type differs."""
        floats = [t for t in (*module.parameters(), *module.buffers()) if t.is_floating_point()]
        return copy.deepcopy(module).to(self.dtype) if any(t.dtype != self.dtype for t in floats) else module

    def _constant(self, node: fx.Node) -> None:
        """A parameter, buffer or constant that the forward reads."""
        owner, _, attribute = str(node.target).rpartition(".")
        value = getattr(self.network.get_submodule(owner), attribute)
        floats = isinstance(value, Tensor) and value.is_floating_point()
        node.target = self._named(value.detach().to(self.dtype) if floats else value)


def fold(weight: Tensor, bias: Tensor | None, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution that has the batch norm behind it inside."""
    mean, var = norm.running_mean, norm.running_var
    if mean is None or var is None:
        raise ValueError("a batch norm without running statistics cannot be folded")
    gain = (var.double() + norm.eps).rsqrt()
    if norm.weight is not None:
        gain = gain * norm.weight.double()
    shift = -mean.double() if bias is None else bias.double() - mean.double()
    shift = shift * gain if norm.bias is None else shift * gain + norm.bias.double()
    return (weight.double() * gain[:, None, None, None]).to(weight.dtype).detach(), shift.to(weight.dtype).detach()
