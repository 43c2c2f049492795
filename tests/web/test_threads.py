"""Threads that meet: the desk makes pictures while the eye looks at others."""

from __future__ import annotations

import threading

import torch
from nets import Two, two
from torch import Tensor

from phosphene.fast.graph import cut, shadow
from phosphene.models.network import Network


class Busy(Two):
    """While it runs, another thread runs another network."""

    def __init__(self, other: Network) -> None:
        super().__init__()
        self.others = [other]  # a list: it is no part of this one
        self.seen: list[Tensor | Exception] = []

    def forward(self, x: Tensor) -> Tensor:
        def run() -> None:
            try:
                self.seen.append(self.others[0](torch.full((1, 3, 12, 12), 0.3)))
            except Exception as error:
                self.seen.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        return super().forward(x)


def test_a_forward_of_another_thread_does_not_notice_that_one_is_traced() -> None:
    other = two(seed=1)
    expected = other(torch.full((1, 3, 12, 12), 0.3))
    network = two()
    busy = shadow(Busy(other))
    graph = cut(network, busy, ["first", "second"])
    (seen,) = busy.seen
    assert isinstance(seen, Tensor), seen
    assert torch.equal(seen, expected)
    assert {node.target for node in graph.nodes if node.op == "call_module"} == {"first", "relu1", "second"}
