"""The part of a forward that a target needs, as a graph: traced once, cut after the last layer that is wanted."""

from __future__ import annotations

import copy
import inspect
import operator
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import fx, nn

from ..address import OUTPUT
from ..models.network import Network

TAP = "phosphene.tap"


class Refused(Exception):
    """Why a network cannot take the fast path; it takes the plain one."""


class _Tracer(fx.Tracer):
    """Records, besides the graph, what every run of every module returned."""

    def __init__(self) -> None:
        super().__init__()
        self.returned: dict[str, list[Any]] = {}

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """A module without parts is run as it is: what it decides by looking at sizes, it decides each time."""
        return super().is_leaf_module(m, module_qualified_name) or next(m.children(), None) is None

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        result = super().call_module(m, forward, args, kwargs)
        self.returned.setdefault(self.path_of_module(m), []).append(result)
        return result


# in-place operators on tensors, and what they mean where nobody else holds the tensor
_IN_PLACE = {operator.iadd: operator.add, operator.isub: operator.sub, operator.imul: operator.mul}


def cut(network: Network, layers: Sequence[str]) -> fx.Graph:
    """The graph whose outputs are ``layers``, in order, and nothing behind them. Raises Refused."""
    tracer = _Tracer()
    parameters = list(inspect.signature(network.module.forward).parameters.values())[1:]
    given = {p.name: p.default for p in parameters if p.default is not p.empty}
    try:
        with _kept(network.module):
            graph = tracer.trace(network.module, concrete_args=given or None)
    except Exception as error:  # the user's own code runs on proxies; whatever it does, it is not traced
        raise Refused(f"it cannot be traced ({type(error).__name__})") from error
    (last,) = graph.find_nodes(op="output")
    found = tuple(last.args[0] if layer == OUTPUT else _node(network, tracer, layer) for layer in layers)
    last.args = (found,)
    graph.eliminate_dead_code(lambda node: node.op in ("placeholder", "output"))
    for node in graph.nodes:
        if node.op == "call_function" and node.target in _IN_PLACE:
            node.target = _IN_PLACE[node.target]
    return graph


@contextmanager
def _kept(module: nn.Module) -> Iterator[None]:
    """What a forward writes into its modules while it is traced are symbols; none of them stays there."""
    before = [(part, dict(vars(part))) for part in module.modules()]
    held = [value for _, own in before for value in own.values() if isinstance(value, list | dict | set)]
    copies = [copy.copy(value) for value in held]
    try:
        yield
    finally:
        for part, own in before:
            vars(part).clear()
            vars(part).update(own)
        for value, content in zip(held, copies, strict=True):
            value.clear()
            value.extend(content) if isinstance(value, list) else value.update(content)


def _node(network: Network, tracer: _Tracer, layer: str) -> fx.Node:
    info, call = network.find(layer)
    runs = tracer.returned.get(info.name, [])
    if any(not isinstance(result, fx.Proxy) for result in runs) or call >= len(runs):
        raise Refused(f"{layer} is not one tensor in the graph")
    node: fx.Node = runs[call].node
    return node


def hooked(module: nn.Module) -> bool:
    """Whether anything listens to a module's run that a graph would not call; taps of ours do not count."""
    hooks = (
        hook
        for part in module.modules()
        for table in (part._forward_hooks, part._forward_pre_hooks, part._backward_hooks, part._backward_pre_hooks)
        for hook in table.values()
    )
    return any(getattr(hook, "__module__", None) != TAP for hook in hooks)


def only_user(node: fx.Node) -> fx.Node | None:
    """The one node that reads ``node``; None when there are several."""
    return next(iter(node.users)) if len(node.users) == 1 else None


def module_of(network: nn.Module, node: fx.Node | None) -> nn.Module | None:
    """The module that a node calls."""
    return network.get_submodule(str(node.target)) if node is not None and node.op == "call_module" else None
