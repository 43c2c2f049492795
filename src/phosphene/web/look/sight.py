"""One network's look at a picture: what it takes it for, what fires, the maps of a layer, what a unit responds to."""

from __future__ import annotations

import copy
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...address import OUTPUT
from ...attribution import attribute, attributions, drawn
from ...errors import ModelError, PhospheneError
from ...examples.shots import heat_of
from ...models.network import Network, first_line
from ...objectives import Channel, Logit, Objective, to_text
from ...pictures import picture_tensor
from ...shapes import Images
from ...store.facts import SILENT
from ...store.plan import Track
from ...store.scans import Scan, shown_layer
from ...sweeps.planning import chosen
from ...tap import Tap
from ..schema.look_documents import ExplainedDoc, Fired, Firing, LookDoc, MapsDoc, Prediction
from ..words import spelled, understood
from .decoded import decoded
from .mosaic import mosaic, uri

MANY = 5  # predictions, and units of a layer
KEPT = 3  # sets of layers whose fast path is kept
FRESH, AGAIN = 5.0, 20.0  # seconds until a scan is looked for again; where that takes long, so many times as long


def copied(network: Network) -> Network:
    """A network of one's own, so that nobody's taps meet. Make it while nobody else uses the network.

    ModelError when it cannot be copied.
    """
    try:
        return copy.deepcopy(network)
    except Exception as error:  # whatever somebody's module does when it is copied
        raise ModelError(
            f"{network.name} cannot be copied, so not looked through while pictures are made: {first_line(error)}"
        ) from error


@final
class Sight:
    """A network, its own from now on, and what is found out about it once. One look at a time.

    ``name``: its fingerprint. ``scan_of``: finds what real pictures do to it, as far as that is known by now.
    """

    def __init__(self, name: str, network: Network, scan_of: Callable[[], Scan | None] | None = None) -> None:
        self.name, self.network, self._scan_of = name, network, scan_of
        self._scan: Scan | None = None
        self._until = float("-inf")
        self._taps: OrderedDict[tuple[str, ...], Tap] = OrderedDict()  # open ones, on the fast path: they hook nothing
        self._plain: set[tuple[str, ...]] = set()  # layers to which there is no fast path
        self._maxima: dict[str, NDArray[np.float64] | None] = {}

    def look(self, data: bytes, layer: str | None, unit: str | None, method: str | None) -> LookDoc:
        """See ``Eye.look``."""
        begun = time.perf_counter()
        network, shape = self.network, self.network.preprocessing.size
        if shape[0] not in (1, 3):
            raise ModelError(f"{network.name} takes {shape[0]} channels; pictures that are sent have 1 or 3")
        where = None if layer is None else self._layer(layer)
        aim = None if unit is None else understood(network, unit)
        if method is not None:
            attributions.get(method)
        pictures = picture_tensor(decoded(data, shape[1:]), shape, network.device, "sent")
        acts = self._acts(pictures, where)
        self._look_for_scan()
        return LookDoc(
            network=self.name,
            input=uri((pictures[0] * 255).round().byte().permute(1, 2, 0).cpu().numpy()),
            width=shape[2],
            height=shape[1],
            predictions=self._predictions(acts[OUTPUT][0]) if OUTPUT in acts else (),
            fired=tuple(self._fired(track, acts[track.name][0]) for track in self.tracks),
            maps=None if where is None else self._maps(where, acts[where][0]),
            explained=None if aim is None else self._explained(aim, pictures, method or "saliency"),
            took=time.perf_counter() - begun,
        )

    def _look_for_scan(self) -> None:
        """Whether there is another scan than before; now and then, for it is a look into the store."""
        begun = time.monotonic()
        if self._scan_of is None or begun < self._until:
            return
        try:
            found = self._scan_of()
        except PhospheneError:  # damaged or out of reach, which the pages say; looking goes on
            found = self._scan
        if (found and found.id) != (self._scan and self._scan.id):
            self._scan = found
            self._maxima.clear()
        now = time.monotonic()
        self._until = now + max(FRESH, AGAIN * (now - begun))

    def close(self) -> None:
        """Give the fast paths back."""
        while self._taps:
            self._taps.popitem()[1].__exit__(None, None, None)

    @cached_property
    def tracks(self) -> list[Track]:
        """The layers that one would look into, in the order of the forward."""
        return chosen(self.network, None, None)

    @cached_property
    def _labels(self) -> tuple[str, ...] | None:
        labels = self.network.labels
        return labels if labels is not None and len(labels) == self.network.classes else None

    def _layer(self, name: str) -> str:
        """A layer as the network knows it. Raises UnknownLayer, and ModelError for the classes of one without."""
        if name in ("logit", OUTPUT):
            _ = self.network.classes
            return OUTPUT
        self.network.find(name)
        return name

    def _acts(self, pictures: Images, where: str | None) -> dict[str, Tensor]:
        """The usual layers and ``where``, from one forward."""
        names = tuple(dict.fromkeys([*(track.name for track in self.tracks), *([] if where is None else [where])]))
        with self.network.frozen(), ExitStack() as here:
            tap = self._tap(names, here)  # with gradients: by those, too, a fast path is checked
            with torch.no_grad():
                acts = tap(pictures)
        return {name: maps.float() for name, maps in acts.items()}

    def _tap(self, names: tuple[str, ...], here: ExitStack) -> Tap:
        """A tap on layers: one that stays open on the fast path, else one that goes with ``here``."""
        if names not in self._taps:
            tap = here.enter_context(Tap(self.network, names, "exact" if names in self._plain else "fp32"))
            if tap.arithmetic == "exact":
                return tap
            if tap.why_plain is not None:
                self._plain.add(names)
                return tap
            here.pop_all()
            self._taps[names] = tap
        self._taps.move_to_end(names)
        while len(self._taps) > KEPT:
            self._taps.popitem(last=False)[1].__exit__(None, None, None)
        return self._taps[names]

    def _predictions(self, logits: Tensor) -> tuple[Prediction, ...]:
        values, classes = logits.double().softmax(0).topk(min(MANY, len(logits)))
        return tuple(
            Prediction(channel, self._name(OUTPUT, channel), value)
            for channel, value in zip(classes.tolist(), values.tolist(), strict=True)
        )

    def _name(self, layer: str, channel: int) -> str | None:
        return self._labels[channel] if layer == OUTPUT and self._labels is not None else None

    def _fired(self, track: Track, acts: Tensor) -> Fired:
        """The units above zero that come nearest to their natural maximum, or without a scan the strongest.

        ModelError where they left the finite numbers.
        """
        values = acts.reshape(len(acts), -1).amax(1).double().cpu().numpy()
        if not np.isfinite(values).all():
            where = shown_layer(track.name)
            raise ModelError(f"{where} of {self.network.name} left the finite numbers on this picture")
        shares = self._shares(track, values)
        near = values if shares is None else np.nan_to_num(shares)
        units = []
        for channel in map(int, np.argsort(-np.where(values > 0, near, -np.inf), kind="stable")[:MANY]):
            if values[channel] > 0:
                unit = to_text(Logit(channel) if track.name == OUTPUT else Channel(track.name, channel))
                share = None if shares is None or np.isnan(shares[channel]) else float(shares[channel])
                units.append(Firing(channel, unit, self._name(track.name, channel), float(values[channel]), share))
        return Fired(shown_layer(track.name), tuple(units))

    def _shares(self, track: Track, values: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Values over natural maxima, nan where a unit has none that counts; None without a scan of the layer."""
        if track.name not in self._maxima:
            self._maxima[track.name] = self._natural(track)
        maxima = self._maxima[track.name]
        if maxima is None:
            return None
        counts = maxima > max(SILENT * float(np.nanmax(maxima, initial=0.0)), 0.0)
        return np.where(counts, values / np.where(counts, maxima, 1), np.nan)

    def _natural(self, track: Track) -> NDArray[np.float64] | None:
        if self._scan is None:
            return None
        try:
            units = [self._scan.unit(track.name, channel).maximum for channel in range(track.channels)]
        except PhospheneError:  # not scanned, or damaged, which the pages of its units say; looking goes on
            return None
        return np.array(units, np.float64)

    def _maps(self, where: str, acts: Tensor) -> MapsDoc:
        values: NDArray[np.float32] = acts.cpu().numpy()
        if values.ndim == 2:  # tokens: the patches in their places, or one bar
            places = heat_of(np.arange(values.shape[1], dtype=np.float32), self.network.preprocessing.size[1:])
            values = values[:, None] if places is None else values[:, places.astype(np.int64)]
        elif values.ndim == 1:
            values = values[:, None, None]
        if not np.isfinite(values).all():
            raise ModelError(f"{shown_layer(where)} of {self.network.name} left the finite numbers on this picture")
        made = mosaic(values)
        greatest = tuple(map(float, made.values))
        return MapsDoc(
            shown_layer(where), uri(made.pixels), made.columns, made.width, made.height, made.scale, greatest
        )

    def _explained(self, aim: Objective, pictures: Images, method: str) -> ExplainedDoc:
        made = attribute(self.network, aim, pictures, method)
        colours = attributions.get(method)().colours
        pixels, most = drawn(made.signed[0].cpu().numpy(), colours=colours)
        return ExplainedDoc(spelled(self.network, aim), method, uri(pixels), most, made.note)
