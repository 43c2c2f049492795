"""What is seen in a picture: the same as by slow ways, and nothing else; whoever comes last is next."""

from __future__ import annotations

import base64
import io
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from nets import Lambda, Two, two
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from untouched import untouched

import phosphene as ph
from phosphene.attribution import attribute, drawn
from phosphene.declare import checked
from phosphene.errors import BadSpec, ModelError, PhospheneError, StoreError, UnknownLayer, UnknownName
from phosphene.models.network import Network
from phosphene.objectives import from_text
from phosphene.pictures import picture_tensor
from phosphene.store.scans import Scan
from phosphene.web.look.eye import Eye, Turns
from phosphene.web.schema.limits import PICTURE_BYTES, Superseded
from phosphene.web.schema.look_documents import LookDoc


def file_of(pixels: NDArray[np.uint8], kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format=kind, **options)
    return buffer.getvalue()


def noise(*shape: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def pixels_of(url: str) -> NDArray[np.uint8]:
    head, _, data = url.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def look(net: Network, data: bytes, layer=None, unit=None, method=None) -> LookDoc:
    return Eye({net.fingerprint: net}).look(net.fingerprint, data, layer, unit, method)


def by_hooks(net: Network, pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """The slow twin: a plain forward, a hook on every module, channels first."""
    seen: dict[str, NDArray[np.float32]] = {}
    x = torch.from_numpy(pixels.reshape(*pixels.shape[:2], -1)).permute(2, 0, 1)[None].float() / 255

    def note(name: str) -> Callable[..., None]:
        return lambda _, __, output: seen.__setitem__(name, output[0].detach().clone().numpy())

    handles = [module.register_forward_hook(note(name)) for name, module in net.module.named_modules() if name]
    with torch.no_grad():
        seen["logit"] = net.module(net.prepare(x))[0].numpy()
    for handle in handles:
        handle.remove()
    return seen


CASES = {
    "colour": (lambda: two(), (12, 12, 3)),
    "grey": (lambda: two(channels=1), (12, 12)),
    "not square": (lambda: ph.load(Two(1), input_size=(3, 10, 26), labels=["a", "b", "c", "d"]), (10, 26, 3)),
    "no labels": (lambda: ph.load(Two(2), input_size=(3, 12, 12)), (12, 12, 3)),
    "labels of another": (lambda: ph.load(Two(2), input_size=(3, 12, 12), labels=["a", "b"]), (12, 12, 3)),
}


@pytest.mark.parametrize("case", CASES)
def test_all_that_is_said_equals_a_plain_forward(case: str) -> None:
    net, pixels = CASES[case][0](), noise(*CASES[case][1])
    with untouched(net.module):
        doc = look(net, file_of(pixels), layer="relu1")
    twin = by_hooks(net, pixels)
    assert np.array_equal(pixels_of(doc.input), pixels)
    assert (doc.height, doc.width) == pixels.shape[:2]
    powers = np.exp(twin["logit"].astype(np.float64) - twin["logit"].max())
    for one in doc.predictions:
        assert one.value == pytest.approx(powers[one.channel] / powers.sum(), rel=1e-5)
        named = case not in ("no labels", "labels of another")
        assert one.name == (net.labels[one.channel] if named else None)
    assert [one.channel for one in doc.predictions] == list(np.argsort(-powers))
    assert [one.layer for one in doc.fired] == ["first", "relu1", "second", "relu2", "logit"]
    for fired in doc.fired:
        most = twin[fired.layer].reshape(len(twin[fired.layer]), -1).max(1)
        expected = [channel for channel in np.argsort(-most, kind="stable") if most[channel] > 0][:5]
        assert [one.channel for one in fired.units] == expected
        for one in fired.units:
            assert one.value == pytest.approx(most[one.channel], rel=1e-4)
            assert one.share is None
            assert one.unit == f"{fired.layer}:{one.channel}"
    check_maps(doc, twin["relu1"])


def check_maps(doc: LookDoc, maps: NDArray[np.float32]) -> None:
    """Each tile in its place shows its channel, white for the one scale of the layer."""
    made = doc.maps
    picture = pixels_of(made.url).astype(int)
    assert made.values == pytest.approx(maps.max((1, 2)), rel=1e-4, abs=1e-5)
    assert made.scale == pytest.approx(max(maps.max(), 0), rel=1e-4)
    high, wide = maps.shape[1:]
    assert made.height % high == 0
    assert made.height // high == (8 if high == 1 < wide else made.width // wide)
    assert 24 <= max(made.height, made.width) <= 48
    rows = -(-len(maps) // made.columns)
    assert picture.shape == (rows * made.height, made.columns * made.width)
    for channel in range(rows * made.columns):
        top, left = channel // made.columns * made.height, channel % made.columns * made.width
        for y in range(made.height):
            for x in range(made.width):
                share = 0.0
                if channel < len(maps):
                    share = maps[channel, y * high // made.height, x * wide // made.width] / made.scale
                assert abs(picture[top + y, left + x] - 255 * min(max(share, 0), 1)) <= 0.51


def test_classes_are_squares() -> None:
    net, pixels = two(), noise(12, 12, 3, seed=4)
    doc = look(net, file_of(pixels), layer="logit")
    assert doc.maps.layer == "logit"
    check_maps(doc, by_hooks(net, pixels)["logit"][:, None, None])


def test_where_a_layer_is_silent_all_is_black() -> None:
    net = two()
    with torch.no_grad():
        net.module.first.bias.fill_(-100)
    doc = look(net, file_of(noise(12, 12, 3)), layer="relu1")
    assert doc.maps.scale == 0
    assert not pixels_of(doc.maps.url).any()
    assert next(one for one in doc.fired if one.layer == "relu1").units == ()


class Patches(nn.Module):
    """A transformer of one block: patches behind a class token, which alone says the class."""

    def __init__(self, token: bool = True) -> None:
        super().__init__()
        self.token = token
        with torch.random.fork_rng():
            torch.manual_seed(5)
            self.embed, self.place = nn.Conv2d(3, 8, 4, stride=4), nn.Identity()
            self.mix, self.up, self.head = nn.Linear(8, 24), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x).flatten(2).mT
        x = self.place(torch.cat([9 + torch.zeros_like(x[:, :1]), x], 1) if self.token else x[:, 1:])
        q, k, v = self.mix(x).chunk(3, -1)
        x = x + self.up((q @ k.mT).softmax(-1) @ v)
        return self.head(x[:, 0])


def test_patches_of_a_transformer_lie_in_their_places() -> None:
    net, pixels = ph.load(Patches(), input_size=(3, 16, 24)), noise(16, 24, 3)
    doc = look(net, file_of(pixels), layer="place", unit="place:3", method="saliency")
    tokens = by_hooks(net, pixels)["place"].T
    check_maps(doc, tokens[:, 1:].reshape(8, 4, 6))
    fired = next(one for one in doc.fired if one.layer == "mix")
    assert fired.units
    assert doc.explained.unit == "place:3"
    assert len(doc.predictions) == 3


def test_tokens_without_a_grid_are_bars() -> None:
    net, pixels = ph.load(Patches(token=False), input_size=(3, 16, 24)), noise(16, 24, 3)
    check_maps(look(net, file_of(pixels), layer="place"), by_hooks(net, pixels)["place"].T[:, None])


def test_a_network_without_classes_is_looked_through() -> None:
    net = ph.load(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), input_size=(3, 12, 12))
    doc = look(net, file_of(noise(12, 12, 3)), layer="1", unit="1:2")
    assert doc.predictions == ()
    assert [one.layer for one in doc.fired] == ["0", "1"]
    with pytest.raises(ModelError):
        look(net, file_of(noise(12, 12, 3)), layer="logit")


@pytest.mark.parametrize("method", ["saliency", "deconv", "guided", "gradient_x_input"])
@pytest.mark.parametrize("unit", ["second:3", "relu1:2@4,5", "logit:two", "relu2:1 + 0.5*relu2:4"])
def test_what_explains_is_what_attribution_says(method: str, unit: str) -> None:
    """Also of a unit that is not in the shown layer."""
    net, pixels = two(), noise(12, 12, 3, seed=2)
    doc = look(net, file_of(pixels), layer="first", unit=unit, method=method)
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    made = attribute(net, checked(net, from_text(unit)), x, method)
    expected, most = drawn(made.signed[0].numpy(), colours=method in ("deconv", "guided"))
    assert np.array_equal(pixels_of(doc.explained.url), expected.squeeze())
    assert doc.explained.most == most > 0
    assert doc.explained.note == made.note
    assert (doc.explained.unit, doc.explained.method) == (unit, method)


def test_photos_are_cropped_as_everywhere() -> None:
    """Around the middle, upright, to the network's size; whatever came before leaves no trace."""
    net = ph.load("miniception")
    eye = Eye({net.fingerprint: net})
    photo = noise(90, 200, 3) // 2 + np.linspace(0, 127, 200, dtype=np.uint8)[None, :, None]
    turned = Image.Exif()
    turned[0x0112] = 6
    first = eye.look(net.fingerprint[:6], file_of(photo, exif=turned), "mixed4b", "mixed4b:11", None)
    twin = picture_tensor(Image.fromarray(np.rot90(photo, -1)), (3, 64, 64), net.device)
    assert np.array_equal(pixels_of(first.input), (twin[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8))
    assert first.explained.method == "saliency"
    with torch.no_grad():
        best, channel = net(twin)[0].softmax(0).max(0)
    assert first.predictions[0].channel == int(channel)
    assert first.predictions[0].value == pytest.approx(float(best), rel=1e-4)
    assert first.predictions[0].name == net.labels[int(channel)]
    eye.look(net.fingerprint, file_of(noise(64, 64, 3)), "mixed4b.branch1", None, None)
    again = eye.look(net.fingerprint, file_of(photo, exif=turned), "mixed4b", "mixed4b:11", None)
    assert (again.fired, again.maps, again.explained) == (first.fired, first.maps, first.explained)
    eye.close()


def test_shares_are_of_the_natural_maximum(tmp_path: Path) -> None:
    """On the picture that fires a unit most its share is 1; layers that were not scanned go by their values."""
    net, rows = two(), [noise(12, 12, 3, seed=seed) // (1 + seed % 3) for seed in range(24)]
    scan = ph.scan(net, rows, store=tmp_path / "s", layers=["relu1", "logit"], k=4, many=4, sample=16, batch=8)
    eye = Eye({net.fingerprint: net}, lambda network: scan if network == net.fingerprint else None)
    every = [by_hooks(net, row) for row in rows]
    for layer in ("relu1", "logit"):
        most = np.stack([twin[layer].reshape(len(twin[layer]), -1).max(1) for twin in every])
        for row, values in zip(rows, most, strict=True):
            units = next(one for one in look_of(eye, net, row).fired if one.layer == layer).units
            shares = np.where(values > 0, values / np.maximum(most.max(0), 1e-9), -1)
            assert [one.share for one in units] == pytest.approx(sorted(shares[shares >= 0])[::-1][:5], rel=1e-4)
            for one in units:
                assert one.share == pytest.approx(shares[one.channel], rel=1e-4)
    other = next(one for one in look_of(eye, net, rows[0]).fired if one.layer == "relu2").units
    assert other
    assert all(one.share is None for one in other)


def look_of(eye: Eye, net: Network, pixels: NDArray[np.uint8]) -> LookDoc:
    return eye.look(net.fingerprint, file_of(pixels), None, None, None)


def test_what_cannot_be_is_said_in_one_line() -> None:
    net, data = two(), file_of(noise(12, 12, 3))
    eye = Eye({net.fingerprint: net})
    asked = {
        ("nowhere", None, None): UnknownLayer,
        (None, "first:99", None): PhospheneError,
        (None, "first:0..4", None): BadSpec,
        (None, "tv", None): BadSpec,
        (None, "near:first", None): BadSpec,
        (None, None, "magic"): UnknownName,
        (None, "relu1:0@40,40", None): PhospheneError,
    }
    for (layer, unit, method), kind in asked.items():
        with pytest.raises(kind) as caught:
            eye.look(net.fingerprint, data, layer, unit, method)
        assert len(str(caught.value).splitlines()) <= 2
    for name in ("", "zz", net.fingerprint + "0"):
        with pytest.raises(UnknownName):
            eye.look(name, data, None, None, None)
    assert eye.look(net.fingerprint[:3], data, None, None, None).network == net.fingerprint


def test_numbers_that_are_none_are_refused() -> None:
    net = ph.load(nn.Sequential(nn.Conv2d(3, 4, 3), Lambda(lambda x: x / (x - x))), input_size=(3, 12, 12))
    with pytest.raises(ModelError, match="left the finite numbers"):
        look(net, file_of(noise(12, 12, 3)))
    four = ph.load(Two(channels=4), input_size=(4, 12, 12))
    with pytest.raises(ModelError, match="takes 4 channels"):
        look(four, file_of(noise(12, 12, 3)))


def test_a_network_that_cannot_be_copied_says_so() -> None:
    class Held(Two):
        def __init__(self) -> None:
            super().__init__()
            self.lock = threading.Lock()

    net, other = ph.load(Held(), input_size=(3, 12, 12)), two()
    eye = Eye({net.fingerprint: net, other.fingerprint: other})
    with pytest.raises(ModelError, match="cannot be copied"):
        look_of(eye, net, noise(12, 12, 3))
    assert look_of(eye, other, noise(12, 12, 3)).fired


@pytest.mark.parametrize("error", [RuntimeError, ValueError, AttributeError])
def test_a_network_that_cannot_be_copied_is_not_copied_while_it_is_at_work(error: type[Exception]) -> None:
    class Counted(Two):
        copies = 0

        def __deepcopy__(self, memo: object) -> Counted:
            Counted.copies += 1
            raise error("only leaves can be copied")

    net = ph.load(Counted(), input_size=(3, 12, 12))
    eye = Eye({net.fingerprint: net})
    for _ in range(2):
        with pytest.raises(ModelError, match="cannot be copied.*only leaves can be copied"):
            look_of(eye, net, noise(12, 12, 3))
    assert Counted.copies == 1
    eye.close()


def test_a_scan_that_is_made_meanwhile_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net, rows, found = two(), noise(24, 12, 12, 3), list[Scan | None]()
    eye = Eye({net.fingerprint: net}, lambda _: found[-1] if found else None)

    def shares() -> list[float | None]:
        [fired] = [one for one in look_of(eye, net, rows[0]).fired if one.layer == "relu1"]
        return [one.share for one in fired.units]

    assert set(shares()) == {None}
    found.append(ph.scan(net, rows, store=tmp_path / "s", layers=["relu1"], k=4, many=4, sample=16, batch=8))
    assert set(shares()) == {None}  # the store is not asked each time
    later = time.monotonic() + 3600
    monkeypatch.setattr("phosphene.web.look.sight.time.monotonic", lambda: later)
    assert max(share or 0 for share in shares()) > 0.5


def test_a_store_that_is_slow_or_broken_holds_up_its_own_network_alone(tmp_path: Path) -> None:
    slow, other, asked, go = two(), two(channels=1), threading.Event(), threading.Event()

    def scan_of(network: str) -> Scan | None:
        if network == slow.fingerprint:
            asked.set()
            assert go.wait(60)
        raise StoreError("the scan is damaged")

    eye = Eye({slow.fingerprint: slow, other.fingerprint: other}, scan_of)
    seen: list[LookDoc] = []
    thread = threading.Thread(target=lambda: seen.append(look_of(eye, slow, noise(12, 12, 3))))
    thread.start()
    assert asked.wait(60)
    assert look_of(eye, other, noise(12, 12)).fired
    assert not seen
    go.set()
    thread.join(60)
    assert seen[0].fired


def test_a_picture_is_as_large_as_the_server_takes_it() -> None:
    from phosphene.web.look.decoded import decoded

    with pytest.raises(BadSpec, match=r"12\.0 MB; 12 MB is the most"):
        decoded(bytes(PICTURE_BYTES + 1))


def test_of_those_who_wait_only_the_newest_is_looked_at() -> None:
    turns, said, inside, go = Turns(), [], threading.Event(), threading.Event()

    def enter(name: str) -> None:
        try:
            with turns():
                said.append(name)
                inside.set()
                go.wait(20)
        except Superseded:
            said.append(f"{name} left out")

    threads = []
    for name in "abc":
        threads.append(threading.Thread(target=enter, args=(name,)))
        threads[-1].start()
        if name == "a":
            assert inside.wait(20)
        time.sleep(0.1)
    threads[1].join(20)
    assert said == ["a", "b left out"]  # at once, while a is still being looked at
    go.set()
    for thread in threads:
        thread.join(20)
    assert said == ["a", "b left out", "c"]


ENTERED, GATE = threading.Event(), threading.Event()


class Slow(Two):
    def forward(self, x: Tensor) -> Tensor:
        ENTERED.set()
        assert GATE.wait(60)
        return super().forward(x)


def test_a_newer_picture_takes_the_place_of_one_that_waits() -> None:
    """Through the eye itself; an error inside a look lets the next one in."""
    GATE.set()
    net = ph.load(Slow(), input_size=(3, 12, 12))
    eye, found = Eye({net.fingerprint: net}), dict[str, object]()

    def ask(name: str, data: bytes) -> None:
        try:
            found[name] = eye.look(net.fingerprint, data, None, None, None)
        except PhospheneError as error:
            found[name] = error

    with pytest.raises(BadSpec):
        eye.look(net.fingerprint, b"nothing", None, None, None)
    GATE.clear()
    ENTERED.clear()
    threads = [threading.Thread(target=ask, args=(name, file_of(noise(12, 12, 3)))) for name in "abc"]
    threads[0].start()
    assert ENTERED.wait(60)
    for thread in threads[1:]:
        thread.start()
        time.sleep(0.1)
    threads[1].join(20)
    assert isinstance(found["b"], Superseded)
    assert set(found) == {"b"}
    GATE.set()
    for thread in threads:
        thread.join(60)
    assert isinstance(found["a"], LookDoc)
    assert isinstance(found["c"], LookDoc)


def test_another_tap_on_the_network_hears_nothing() -> None:
    """Someone makes pictures with the network while it is looked through: each has its own."""
    net = two()
    eye = Eye({net.fingerprint: net})
    heard = []
    handle = net.module.relu1.register_forward_hook(lambda *_: heard.append(1))
    look_of(eye, net, noise(12, 12, 3))
    handle.remove()
    assert not heard


def test_softmax_of_large_logits() -> None:
    net = two()
    with torch.no_grad():
        net.module.head.weight.mul_(1e4)
    doc = look(net, file_of(noise(12, 12, 3)))
    assert doc.predictions[0].value == pytest.approx(1)
