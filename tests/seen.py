"""What a unit sees by brute force: change the picture row by row and column by column, and look whether it moves."""

from __future__ import annotations

import torch

from phosphene.models.layers import channels_first, layer_tensor
from phosphene.models.network import Network
from phosphene.models.support import Box


def brute(network: Network, layer: str, position: tuple[int, ...], size: tuple[int, int], pictures: int = 6) -> Box:
    """The box of the rows and columns whose change moves any channel of the position, on any of some pictures."""
    info, call = network.find(layer)
    kind = network.runs_at(size)[info.name][call].kind
    rng = torch.Generator().manual_seed(1)
    rows, columns = torch.zeros(size[0], dtype=torch.bool), torch.zeros(size[1], dtype=torch.bool)
    for _ in range(pictures):
        base = torch.rand(1, network.preprocessing.size[0], *size, generator=rng, dtype=torch.float64)
        other = base + 4 * torch.rand(base.shape, generator=rng, dtype=torch.float64)
        changed = []
        for y in range(size[0]):
            changed.append(base.clone())
            changed[-1][:, :, y] = other[:, :, y]
        for x in range(size[1]):
            changed.append(base.clone())
            changed[-1][:, :, :, x] = other[:, :, :, x]
        values = []
        hook = network.module.get_submodule(info.name).register_forward_hook(
            lambda _, __, output, values=values: values.append(layer_tensor(output).clone())
        )
        with hook, torch.no_grad(), network.frozen():
            for picture in (base, *changed):  # one at a time: the same arithmetic for each
                network.run(picture)
        runs = len(values) // (1 + len(changed))
        acts = torch.cat([channels_first(one, kind) for one in values[call::runs]])[
            (slice(None), slice(None), *position)
        ]
        moved = (acts[1:] - acts[:1]).abs().amax(1) > 1e-11 * acts.abs().max()
        rows |= moved[: size[0]]
        columns |= moved[size[0] :]
    if not rows.any():
        return Box(0, 0, 0, 0)
    return Box(*(int(one.nonzero()[end]) + (end != 0) for end in (0, -1) for one in (rows, columns)))
