"""Documents as they are published: files by their names, without the folders of whoever made them. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..schema.documents import LayerDoc, NetworkLine, Picture, UnitDoc
from ..schema.live_documents import JobDoc
from .catalog import called
from .real import last_part
from .texts import cli_of, model_text, named_text, python_of, unit_texts

FILES = ("weights", "labels")


def model_published(model: Mapping[str, Any]) -> dict[str, Any]:
    """What was said of a network; see ``ModelSpec``.

    >>> model_published({"address": "/home/me/net.py:build", "weights": "/home/me/a.pt", "labels": "imagenet"})
    {'address': 'net.py:build', 'weights': 'a.pt', 'labels': 'imagenet'}
    """
    said = {name: last_part(str(model[name])) for name in FILES if model.get(name) is not None}
    return {**model, **({"address": called(str(model["address"]))} if model.get("address") else {}), **said}


def line_published(line: NetworkLine, model: Mapping[str, Any]) -> NetworkLine:
    return replace(line, named=named_text(model_published(model)))


def layer_published(doc: LayerDoc, model: Mapping[str, Any]) -> LayerDoc:
    return replace(doc, address=model_text(model_published(model)))


def unit_published(doc: UnitDoc, model: Mapping[str, Any]) -> UnitDoc:
    said = model_published(model)
    cli, python = unit_texts(said, doc.unit)
    pictures = tuple(picture_published(one, doc.network) for one in doc.pictures)
    return replace(doc, address=model_text(said), cli=cli, python=python, pictures=pictures)


def job_published(job: JobDoc) -> JobDoc:
    return replace(job, pictures=tuple(picture_published(one, job.ask.network) for one in job.pictures))


def picture_published(picture: Picture, fingerprint: str) -> Picture:
    """``fingerprint``: of the network that it was made with."""
    model = picture.spec.get("model")
    if not isinstance(model, Mapping):
        return picture
    spec = {**picture.spec, "model": model_published(model)}
    return replace(picture, spec=spec, cli=cli_of(spec), python=python_of(spec, fingerprint))
