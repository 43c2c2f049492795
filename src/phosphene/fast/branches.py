"""Blocks of parallel branches, as Inception's: a branch whose channels no target reads is not run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from ..models.surgery import clipped
from .graph import module_of

Branches = tuple[tuple[int, bool], ...]  # of one layer: channels of each branch, and whether it is run; () for all


def widths(graph: fx.Graph, network: nn.Module) -> list[list[int]]:
    """Of each wanted layer the channels of its branches; nothing where it is no concatenation of convolutions."""
    (last,) = graph.find_nodes(op="output")
    found = []
    for node in last.args[0]:
        alone = isinstance(node, fx.Node) and list(node.users) == [last] and last.args[0].count(node) == 1
        channels = [_channels(network, part) for part in _parts(node)] if alone else []
        found.append([] if None in channels else [one for one in channels if one is not None])
    return found


def needed(
    layers: Sequence[str], found: Sequence[Sequence[int]], channels: Mapping[str, frozenset[int]]
) -> tuple[Branches, ...]:
    """Which branches hold ``channels`` of their layers; a layer that is not among these is run whole."""
    made = []
    for layer, own in zip(layers, found, strict=True):
        wanted, start, branches = channels.get(layer), 0, []
        for width in own:
            branches.append((width, wanted is None or any(start <= one < start + width for one in wanted)))
            start += width
        made.append(() if all(run for _, run in branches) else tuple(branches))
    return tuple(made)


def leave_out(graph: fx.Graph, kept: Sequence[Branches]) -> None:
    """Zeros in the place of branches that are not needed."""
    (last,) = graph.find_nodes(op="output")
    for node, branches in zip(last.args[0], kept, strict=True):
        if not branches:
            continue
        parts = _parts(node)
        like = next(part for part, (_, run) in zip(parts, branches, strict=True) if run)
        with graph.inserting_before(node):
            parts = [part if run else graph.call_function(_zeros, (like, width))
                     for part, (width, run) in zip(parts, branches, strict=True)]  # fmt: skip
        node.args, node.kwargs = (parts, 1), {}
    graph.eliminate_dead_code(lambda node: node.op in ("placeholder", "output"))


def mask(branches: Branches) -> Tensor:
    """``(1, channels, 1, 1)``: 1 for the channels that are run."""
    return torch.cat([torch.full((1, width, 1, 1), float(run)) for width, run in branches], 1)


def _zeros(like: Tensor, width: int) -> Tensor:
    made = like.new_zeros((len(like), width, *like.shape[2:]))
    return made.contiguous(memory_format=torch.channels_last)


def _parts(node: Any) -> list[fx.Node]:
    """What a node concatenates over channels."""
    if node.op != "call_function" or node.target not in (torch.cat, torch.concat, torch.concatenate):
        return []
    given: dict[str, Any] = {**dict(zip(("tensors", "dim"), node.args, strict=False)), **node.kwargs}
    parts: Any = given.get("tensors")
    whole = isinstance(parts, list | tuple) and all(isinstance(part, fx.Node) for part in parts)
    return list(parts) if whole and given.get("dim") in (1, -3) and len(set(parts)) == len(parts) else []


def _channels(network: nn.Module, node: Any) -> int | None:
    """The channels of a convolution, or of what follows it channel by channel."""
    while isinstance(node, fx.Node) and node.args:
        module = module_of(network, node)
        if isinstance(module, nn.Conv2d):
            return module.out_channels
        follows = isinstance(module, nn.BatchNorm2d | nn.ReLU | nn.ReLU6)
        called = node.op == "call_function" and clipped(node.target, node.args, node.kwargs) is not None
        if not (follows or called):
            return None
        node = node.args[0]
    return None
