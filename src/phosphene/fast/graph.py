"""The part of a forward that a target needs, as a graph: traced once, cut after the last layer that is wanted."""

from __future__ import annotations

import copy
import inspect
import operator
import threading
from collections.abc import Sequence
from typing import Any

from torch import Tensor, fx, nn
from torch.nn.modules import module as hooks_of_all

from ..address import OUTPUT
from ..models.network import Network

TAP = "phosphene.tap"


class Refused(Exception):
    """Why a network cannot take the fast path; it takes the plain one."""


_ONE_AT_A_TIME = threading.Lock()


class _Tracer(fx.Tracer):
    """Records, besides the graph, what every run of every module returned.

    While it traces, the modules of all threads call it; those of others are run as ever.
    """

    def __init__(self) -> None:
        super().__init__()
        self.returned: dict[str, list[Any]] = {}
        self.thread = threading.get_ident()

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        if threading.get_ident() != self.thread:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """A module without parts is run as it is: what it decides by looking at sizes, it decides each time."""
        return super().is_leaf_module(m, module_qualified_name) or next(m.children(), None) is None

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        if threading.get_ident() != self.thread:
            return forward(*args, **kwargs)
        result = super().call_module(m, forward, args, kwargs)
        self.returned.setdefault(self.path_of_module(m), []).append(result)
        return result


def shadow(module: nn.Module) -> nn.Module:
    """A copy to trace and to run, with the same tensors: whatever a forward writes down, it writes down there."""
    memo: dict[int, Any] = {}
    for part in module.modules():
        for values in (part._parameters, part._buffers, vars(part)):
            memo.update({id(value): value for value in values.values() if isinstance(value, Tensor)})
    twin = copy.deepcopy(module, memo)
    for part in twin.modules():
        part._forward_hooks.clear()
        part._forward_pre_hooks.clear()
    return twin


def cut(network: Network, module: nn.Module, layers: Sequence[str]) -> fx.Graph:
    """The graph of ``module``, a shadow of the network's, whose outputs are ``layers``, and nothing behind them."""
    tracer = _Tracer()
    parameters = list(inspect.signature(module.forward).parameters.values())[1:]
    given = {p.name: p.default for p in parameters if p.default is not p.empty}
    with _ONE_AT_A_TIME:  # it replaces what calls modules, for the whole process
        graph = tracer.trace(module, concrete_args=given or None)
    for node in list(graph.nodes):
        _out_of_place(node, module)
    (last,) = graph.find_nodes(op="output")
    found = tuple(last.args[0] if layer == OUTPUT else _node(network, tracer, layer) for layer in layers)
    last.args = (tuple(_aside(graph, module, node) for node in found),)
    graph.eliminate_dead_code(lambda node: node.op in ("placeholder", "output"))
    return graph


_IN_PLACE = {operator.iadd: operator.add, operator.isub: operator.sub, operator.imul: operator.mul}
_METHODS = {f"{name}_": name for name in ("add", "sub", "mul", "div", "clamp", "relu", "sigmoid", "tanh")}


def _out_of_place(node: fx.Node, module: nn.Module) -> None:
    """In-place operations as what they return. Refused where the result is thrown away and the effect alone counts."""
    target: Any = node.target
    called = module_of(module, node)
    by_name = node.op == "call_method" and target.endswith("_") and not target.endswith("__")
    flagged = bool(node.kwargs.get("inplace")) or bool(getattr(called, "inplace", False)) or "out" in node.kwargs
    in_place = by_name or flagged or target is operator.setitem or target in _IN_PLACE
    if in_place and not node.users:
        raise Refused("it works in place")
    if node.op == "call_function" and target in _IN_PLACE:
        node.target = _IN_PLACE[target]
    elif by_name and target in _METHODS:
        node.target = _METHODS[target]
    elif node.op == "call_method" and target == "view":
        node.target = "reshape"  # a map whose channels come last cannot always be viewed


def _node(network: Network, tracer: _Tracer, layer: str) -> fx.Node:
    info, call = network.find(layer)
    runs = tracer.returned.get(info.name, [])
    if any(not isinstance(result, fx.Proxy) for result in runs) or call >= len(runs):
        raise Refused(f"{layer} is not one tensor in the graph")
    node: fx.Node = runs[call].node
    return node


def _aside(graph: fx.Graph, module: nn.Module, node: Any) -> Any:
    """A convolution that is wanted itself is run once more for that, so that the others see its batch norm folded as
    ever: what a row computes does not depend on what its neighbours look at."""
    if not isinstance(module_of(module, node), nn.Conv2d) or not node.users:
        return node
    with graph.inserting_after(node):
        return graph.node_copy(node)


def hooked(module: nn.Module) -> bool:
    """Whether anything listens to a module's run that a graph would not call; taps of ours do not count."""
    tables = [hooks_of_all._global_forward_hooks, hooks_of_all._global_forward_pre_hooks]
    for part in module.modules():
        tables += [part._forward_hooks, part._forward_pre_hooks, part._backward_hooks, part._backward_pre_hooks]
    return any(getattr(hook, "__module__", None) != TAP for table in tables for hook in table.values())


def only_user(node: fx.Node) -> fx.Node | None:
    """The one node that reads ``node``; None when there are several."""
    return next(iter(node.users)) if len(node.users) == 1 else None


def module_of(network: nn.Module, node: Any) -> nn.Module | None:
    """The module that a node calls."""
    called = isinstance(node, fx.Node) and node.op == "call_module"
    return network.get_submodule(str(node.target)) if called else None
