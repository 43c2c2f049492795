"""A picture's job as a command line and as Python: what makes it again. No torch.

Where the command line cannot say all of it, a remark tells so; the Python then replays the job itself.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ..schema.lines import printable

# what the preset ``standard`` says; kept in step with it by a test
STEP = {"name": "adam", "lr": 0.2, "betas": [0.3, 0.9], "eps": 1e-8, "decay": "linear"}
PACES = {0.2: "standard", 0.3: "fast", 0.4: "draft"}
PLAIN = {"bound": "sigmoid", "colour": "decorrelated", "opacity": False, "radius": 1.0, "sd": 0.01, "power": 1.0}
LUCID = [
    {"name": "pad", "width": 12},
    {"name": "jitter", "pixels": 8},
    {"name": "scale", "values": [1 + (i - 5) / 50 for i in range(11)]},
    {"name": "rotate", "degrees": [*(float(angle) for angle in range(-10, 11)), *[0.0] * 5]},
    {"name": "jitter", "pixels": 4},
]
MODEL = ("weights", "untrained", "labels", "output", "input_size", "mean", "std")
FIRST = 16  # redirected steps and fresh transforms where nothing else is said


class Unsaid(Exception):
    """There are no words for it; the text says for what."""


def cli_of(spec: Mapping[str, Any]) -> str:
    """A command that makes the picture of a job, or all of its group; a remark above it where that is not all."""
    model, remarks = spec.get("model") or {}, []
    words = ["phosphene", "render", str(model.get("address", "MODEL")), str(spec.get("target", ""))]
    try:
        words += _options(spec)
    except Unsaid as error:
        remarks.append(f"the command line has no words for {error}; the Python makes the same picture")
    if spec.get("arithmetic") == "fp32":
        remarks.append("made in fp32 arithmetic, as on processors without bf16")
    return _command([*words, *_model(model)], remarks)


def _command(words: Sequence[str], remarks: Sequence[str] = ()) -> str:
    """A command line for a shell, below remarks of a line each. ``words``: program, command, model, target, options.

    Records are written by strangers: whatever they say, no line is anything but a remark or this command.
    """
    plain = [printable(word) for word in words]
    if plain != list(words):
        remarks = [*remarks, "a command line has no line breaks nor letters that cannot be seen; the Python has them"]
    program, command, model, target, *options = plain
    if model.startswith("-"):
        model = f"./{model}"  # a path, never an option
    plain = [program, command, model, f" {target}" if target.startswith("-") else target, *options]
    return "\n".join([*(f"# {printable(remark)}" for remark in remarks), " ".join(map(shlex.quote, plain))])


def model_text(model: Mapping[str, Any]) -> str:
    """A network on a command line: its address, then what was said about it."""
    address, *options = map(printable, [str(model.get("address", "MODEL")), *_model(model)])
    return " ".join(map(shlex.quote, [f"./{address}" if address.startswith("-") else address, *options]))


def named_text(model: Mapping[str, Any]) -> str:
    """The same as one word, for ``phosphene serve --model``."""
    address, *options = map(printable, [str(model.get("address", "MODEL")), *_model(model)])
    return shlex.quote(" ".join([address, *map(shlex.quote, options)]))


def _model(model: Mapping[str, Any]) -> list[str]:
    words: list[str] = []
    for name in MODEL:
        value = model.get(name)
        if value is None or value is False:
            continue
        text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        words += [f"--{name.replace('_', '-')}"] + ([] if value is True else [text])
    return words


def _options(spec: Mapping[str, Any]) -> list[str]:
    """Raises Unsaid for what no option says."""
    told = [f"{name} {spec[name]}" for name in ("redirect", "robust") if spec.get(name) != FIRST]
    if told:
        raise Unsaid(" and ".join(told))
    given = [name for name in ("start", "mask", "reference") if spec.get(name) is not None]
    if given:
        raise Unsaid(f"a {' or '.join(given)} picture that is known by its hash alone")
    if spec.get("octaves") is not None or spec.get("tile") is not None:
        raise Unsaid("octaves and tiles of this kind")
    image = spec["image"]
    words = [*_pace(spec["optimizer"]), "--steps", str(spec["steps"])]
    words += ["--size", "x".join(map(str, image["size"]))] if image.get("size") else []
    shown = part_text(image, leave=("size", "channels"), usual=PLAIN)
    words += [] if shown == "fourier" else ["--image", shown]
    words += _chain(spec.get("transform") or ())
    for name in ("gradient", "filters"):
        for part in spec.get(name) or ():
            words += [f"--{name.removesuffix('s')}", part_text(part)]
    words += ["--views", str(spec["views"])] if spec.get("views", 1) != 1 else []
    words += ["--keep", str(spec["keep"])] if spec.get("keep", "last") != "last" else []
    words += ["--transparency"] if spec.get("transparency") else []
    words += ["--exact"] if spec.get("arithmetic") == "exact" else []
    return words + _seeds(spec)


def _pace(optimizer: Mapping[str, Any]) -> list[str]:
    rate = optimizer.get("lr")
    if {**_lists(optimizer), "lr": STEP["lr"]} != STEP or not isinstance(rate, int | float):
        raise Unsaid(f"the optimiser {optimizer.get('name')} with these options")
    name = PACES.get(rate)
    if name == "standard":
        return []
    return ["--preset", name] if name is not None else ["--lr", str(rate)]


def _chain(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    if [_lists(step) for step in steps] == LUCID:
        return []
    return ["--transform", " ".join(map(part_text, steps)) or "none"]


def _seeds(spec: Mapping[str, Any]) -> list[str]:
    group, seed = spec.get("group"), spec.get("seed", 0)
    words: list[str] = []
    if group is not None:
        members = [tuple(one) for one in group.get("members", ())]
        first = members[0][1] if members else 0
        if group.get("name") != "diversity" or members != [(spec["target"], first + at) for at in range(len(members))]:
            raise Unsaid("the pictures that it was made together with")
        words, seed = ["--diverse", str(len(members))], first
        words += ["--strength", str(group["strength"])] if group.get("strength", 1.0) != 1.0 else []
        words += ["--at", str(group["layer"])]
    return words + (["--seed", str(seed)] if seed else [])


def part_text(part: Mapping[str, Any], *, leave: Sequence[str] = (), usual: Mapping[str, Any] | None = None) -> str:
    """A described part as ``Registry.read`` reads it: ``name[key=value,...]``; what is ``usual`` is left out.

    >>> part_text({"name": "jitter", "pixels": 8})
    'jitter[pixels=8]'
    """
    usual = usual or {}
    said = [f"{key}={_value(value)}" for key, value in part.items()
            if key != "name" and key not in leave and not (key in usual and usual[key] == value)]  # fmt: skip
    return f"{part['name']}[{','.join(said)}]" if said else str(part["name"])


def _value(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple) and len(value) > 1 and all(type(one) in (int, float) for one in value):
        return "/".join(map(repr, value))
    if isinstance(value, str) and value and not set(value) & set(" ,=[]/"):
        return value
    raise Unsaid(f"the value {value!r}")


def _lists(value: Any) -> Any:
    """Tuples as lists, as JSON has them; keys in one order, so that what was read back gives the same text."""
    if isinstance(value, Mapping):
        return {key: _lists(one) for key, one in sorted(value.items())}
    return [_lists(one) for one in value] if isinstance(value, list | tuple) else value


def python_of(spec: Mapping[str, Any], fingerprint: str) -> str:
    """The same in Python; where that would need more than texts and numbers, the job itself is replayed."""
    try:
        options = _python_options(spec)
    except Unsaid:
        return (
            f"import phosphene as ph\n\njob = {_lists(spec)!r}\n"
            f"result = ph.replay({{'spec': job, 'fingerprint': {fingerprint!r}}})"
        )
    group = spec.get("group")
    head = f"import phosphene as ph\n\n{load_text(spec.get('model') or {})}\n"
    if group is None:
        return f"{head}result = ph.render(net, {spec['target']!r}{options})"
    return f"{head}results = ph.diverse(net, {spec['target']!r}, {len(group['members'])}{options})"


def load_text(model: Mapping[str, Any]) -> str:
    said = "".join(f", {name}={_frozen(model[name])!r}" for name in MODEL if model.get(name) not in (None, False))
    return f"net = ph.load({str(model.get('address', 'MODEL'))!r}{said})"


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _python_options(spec: Mapping[str, Any]) -> str:
    words = _options({**spec, "redirect": FIRST, "robust": FIRST})
    said: dict[str, Any] = {}
    at = 0
    while at < len(words):
        name = words[at].removeprefix("--").replace("-", "_")
        if name in ("exact", "diverse"):
            at += 2 if name == "diverse" else 1
        elif name == "transparency":
            said[name], at = True, at + 1
        elif name == "lr":
            raise Unsaid("a rate of its own")
        else:
            _take(said, name, words[at + 1])
            at += 2
    said |= {name: spec[name] for name in ("redirect", "robust") if spec[name] != FIRST}
    said["arithmetic"] = spec.get("arithmetic", "exact")
    return "".join(f", {name}={value!r}" for name, value in said.items())


def _take(said: dict[str, Any], name: str, text: str) -> None:
    if name in ("steps", "views", "seed"):
        said[name] = int(text)
    elif name == "size":
        said[name] = tuple(map(int, text.split("x")))
    elif name == "strength":
        said[name] = float(text)
    elif name in ("gradient", "filter"):
        said.setdefault("filters" if name == "filter" else name, []).append(text)
    else:
        said["layer" if name == "at" else name] = text


def unit_texts(model: Mapping[str, Any], unit: str) -> tuple[str, str]:
    """For a unit as such: the command line and the Python that make a picture of it."""
    words = ["phosphene", "render", str(model.get("address", "MODEL")), unit, *_model(model)]
    python = f"import phosphene as ph\n\n{load_text(model)}\nresult = ph.render(net, {unit!r})"
    return _command(words), python
