"""The tools as people ask for them: pictures and settings in; pictures, numbers and words out.

    outcome = make("translate", painter, Translate(to="dress"), Given(image=x))
    outcome.made.images, outcome.said, outcome.numbers["after"]

Each maker is a call of one function of the package; `forms` says what can be asked.
"""

import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch

from robustlens.errors import InputError, UnknownName
from robustlens.streams import stream
from robustlens.types import Images, Labels
from robustlens.vision import settings as asked
from robustlens.vision.addition import add_feature
from robustlens.vision.forms import FORMS
from robustlens.vision.generate import generate
from robustlens.vision.inpaint import inpaint
from robustlens.vision.interpolate import interpolate
from robustlens.vision.invert import freely, invert
from robustlens.vision.made import STRIDES, Walk, wander
from robustlens.vision.morph import morph
from robustlens.vision.outcome import (
    Given,
    Outcome,
    also,
    lengths,
    listing,
    mean,
    moved,
    raised,
    toward,
)
from robustlens.vision.paint import paint_feature
from robustlens.vision.painter import Painter
from robustlens.vision.sensitivity import feature_sensitivity
from robustlens.vision.sketch import from_sketch
from robustlens.vision.starts import noise
from robustlens.vision.straight import straight_through
from robustlens.vision.translate import translate
from robustlens.vision.upscale import upscale
from robustlens.vision.visualize import visualize_feature


def make(tool: str, painter: Painter, ask: Any, given: Given) -> Outcome:
    """Return what a tool makes of pictures with a painter, as its settings ask.

    Raises:
        UnknownName: no tool, or no class, of that name; those there are are listed.
        InputError: settings of another tool, a picture or mask that is missing or too much, or as
            the tool itself.
    """
    if tool not in FORMS:
        raise UnknownName("tool", tool, FORMS)
    form = FORMS[tool]
    if not isinstance(ask, form.settings):
        raise InputError(
            f"{type(ask).__name__} for {tool}", f"{form.settings.__name__}, its settings"
        )
    for name in ("image", "second", "mask"):
        there = getattr(given, name) is not None
        needed = any(one.required for one in form.inputs if one.name == name)
        if there and not form.takes(name):
            raise InputError(
                f"{tool} with a {name}", f"only {_listed(form.inputs)}", "leave it out"
            )
        if needed and not there:
            raise InputError(f"{tool} without a {name}", _listed(form.inputs), f"give a {name}")
    return MAKERS[tool](painter, ask, given)


def _generate(painter: Painter, ask: asked.Generate, given: Given) -> Outcome:
    seeds = painter.seeds()
    every = torch.arange(ask.n) % len(painter.classes)
    y = torch.full((ask.n,), painter.label(ask.label)) if ask.label else every
    y = y.to(painter.device)
    like = torch.empty((1, *painter.shape))
    made = generate(
        painter.model, seeds, y,
        walk=_walk(generate, like, ask, given), generator=stream(ask.seed, "generate"),
    )  # fmt: skip
    return toward(painter, made, y, "")


def _translate(painter: Painter, ask: asked.Translate, given: Given) -> Outcome:
    y = _named(painter, ask.to, "to", given.x)
    walk = _walk(translate, given.x, ask, given)
    return toward(painter, translate(painter.model, given.x, y, walk=walk), y, "")


def _sketch(painter: Painter, ask: asked.Sketch, given: Given) -> Outcome:
    y = _named(painter, ask.label, "class", given.x)
    walk = _walk(from_sketch, given.x, ask, given)
    return toward(painter, from_sketch(painter.model, given.x, y, walk=walk), y, "")


def _inpaint(painter: Painter, ask: asked.Inpaint, given: Given) -> Outcome:
    if given.mask is None:
        raise InputError(
            "inpaint without a mask, and a picture that is nowhere transparent",
            "a mask of the same size, white where pixels are missing",
            "give --mask",
        )
    y = _named(painter, ask.label, "class", given.x) if ask.label else None
    walk = _walk(inpaint, given.x, ask, given)
    made = inpaint(painter.model, given.x, given.mask, y, walk=walk)
    return toward(painter, made, made.numbers["target"].long(), ask.label)


def _upscale(painter: Painter, ask: asked.Upscale, given: Given) -> Outcome:
    y = _named(painter, ask.label, "class", given.x) if ask.label else None
    sides = (round(side * ask.factor) for side in given.x.shape[2:])
    walk = _walk(upscale, given.x.new_empty((1, len(given.x[0]), *sides)), ask, given)
    made = upscale(painter.model, given.x, ask.factor, y, walk=walk)
    found = toward(painter, made, made.numbers["target"].long(), ask.label)
    return also(found, consistency=made.numbers["consistency"])


def _morph(painter: Painter, ask: asked.Morph, given: Given) -> Outcome:
    end = given.x if given.second is None else given.second
    ends = [
        _named(painter, name, "", x) if name else painter.decided(x)
        for name, x in ((ask.first, given.x), (ask.to, end))
    ]
    if bool((ends[0] == ends[1]).any()):
        both = painter.named(ends[0])
        raise InputError(
            f"a way from {both} to {both}",
            f"two classes of {', '.join(painter.classes)}",
            "give --from and --to",
        )
    walk = _walk(morph, given.x, ask, given)
    made = morph(painter.model, given.x, *ends, points=ask.points, end=given.second, walk=walk)
    chance = made.numbers["probability"]
    said = (
        f"from {painter.named(ends[0])} to {painter.named(ends[1])}: probability of the latter "
        f"{listing(chance[: ask.points])}, {moved(made)}"
    )
    return Outcome(made, said, {"probability": chance, **lengths(made)}, ask.points)


def _interpolate(painter: Painter, ask: asked.Interpolate, given: Given) -> Outcome:
    assert given.second is not None
    made = interpolate(
        painter.model, given.x, given.second,
        points=ask.points, layer=ask.layer or None, walk=_free(ask, given),
    )  # fmt: skip
    way, distance = made.numbers["way"], made.numbers["distance"]
    said = (
        f"from {painter.named(painter.decided(given.x))} to "
        f"{painter.named(painter.decided(given.second))}: how far along {listing(way)}, "
        f"relative distance to the line at most {float(distance.max()):.3f}, {moved(made)}"
    )
    return Outcome(made, said, {"way": way, "distance": distance, **lengths(made)}, ask.points)


def _invert(painter: Painter, ask: asked.Invert, given: Given) -> Outcome:
    drawn = stream(ask.seed, "noise")
    start = given.second
    if start is None:
        c, h, w = given.x.shape[1:]
        start = noise(len(given.x), (c, h, w), generator=drawn).to(given.x)
    made = invert(painter.model, given.x, start, layer=ask.layer or None, walk=_free(ask, given))
    y = painter.decided(given.x)
    before, after = painter.chance(given.x, y), painter.chance(made.images, y)
    distance = made.numbers["distance"]
    said = (
        f"{painter.named(y)}: probability {mean(before)} of the picture, {mean(after)} of what "
        f"was found; relative distance of the representations {mean(distance)}, {moved(made)}"
    )
    numbers = {"before": before, "after": after, "distance": distance}
    return Outcome(made, said, {**numbers, **lengths(made)})


def _feature(painter: Painter, ask: asked.Feature, given: Given) -> Outcome:
    x = given.image
    if x is None:
        x = noise(ask.n, painter.shape, generator=stream(ask.seed, "noise")).to(painter.device)
    walk = _walk(visualize_feature, x, ask, given)
    with straight_through(painter.model) if ask.straight else nullcontext():
        made = visualize_feature(painter.model, x, ask.unit, layer=ask.layer or None, walk=walk)
    return raised(made, ask.unit)


def _add(painter: Painter, ask: asked.Add, given: Given) -> Outcome:
    walk = _walk(add_feature, given.x, ask, given)
    made = add_feature(
        painter.model, given.x, ask.unit, ask.levels, layer=ask.layer or None, walk=walk
    )
    found = raised(made, ask.unit)
    reached = (
        f"unit {ask.unit}: {mean(made.numbers['before'])} to {listing(found.numbers['after'])}"
    )
    return replace(found, said=f"{reached}, {moved(made)}", points=len(ask.levels))


def _paint(painter: Painter, ask: asked.Paint, given: Given) -> Outcome:
    assert given.mask is not None
    walk = _walk(paint_feature, given.x, ask, given)
    made = paint_feature(
        painter.model, given.x, given.mask, ask.unit, layer=ask.layer or None, walk=walk
    )
    return raised(made, ask.unit)


def _sensitivity(painter: Painter, ask: asked.Sensitivity, given: Given) -> Outcome:
    y = _named(painter, ask.truth, "true", given.x)
    if bool((painter.decided(given.x) == y).all()):
        raise InputError(
            f"a picture that {painter.name} takes for {painter.named(y)}, as it is",
            "a mistake: a picture that the net takes for something else",
            "change --true, or take another picture",
        )
    walk = _walk(feature_sensitivity, given.x, ask, given)
    found = feature_sensitivity(
        painter.model, given.x, y, walk=walk, generator=stream(ask.seed, "control")
    )
    seen, unit = painter.named(found.predicted), int(found.unit[0])
    said = (
        f"taken for {seen} instead of {painter.named(y)}: unit {unit} gives {mean(found.share)} "
        f"of the logits' gap of {mean(found.gap)}; without it {painter.named(found.without)}, "
        f"without unit {int(found.control[0])}, as active, {painter.named(found.control_without)}"
    )
    numbers = {"unit": found.unit.float(), "share": found.share, "gap": found.gap}
    return Outcome(found.made, said, {**numbers, **lengths(found.made)})


MAKERS: Mapping[str, Callable[[Painter, Any, Given], Outcome]] = {
    "generate": _generate,
    "translate": _translate,
    "inpaint": _inpaint,
    "upscale": _upscale,
    "sketch": _sketch,
    "paint": _paint,
    "morph": _morph,
    "interpolate": _interpolate,
    "invert": _invert,
    "feature": _feature,
    "add": _add,
    "sensitivity": _sensitivity,
}
"""What does the work of each form."""


def _walk(tool: Callable[..., Any], x: Images, ask: asked.Within, given: Given) -> Walk:
    """Return the default walk of a tool for images like x, as far and as long as was asked."""
    usual = sys.modules[tool.__module__]
    strides = getattr(usual, "STRIDES", STRIDES)
    walk = wander(x, ask.rms or usual.RMS, ask.steps or usual.STEPS, strides)
    return replace(walk, frames=given.frames)


def _free(ask: asked.Settings, given: Given) -> Walk:
    """Return the default walk of what is bound by the box alone."""
    walk = freely(given.x)
    return replace(walk, steps=ask.steps or walk.steps, frames=given.frames)


def _named(painter: Painter, name: str, flag: str, x: Images) -> Labels:
    """Return a class, one an image; raise `InputError`, with the names, where none was given."""
    if not name:
        raise InputError("no class", f"one of {', '.join(painter.classes)}", f"give --{flag} CLASS")
    return torch.full((len(x),), painter.label(name), device=x.device)


def _listed(inputs: Any) -> str:
    words = [f"{one.name}{'' if one.required else ' (optional)'}" for one in inputs]
    return " and ".join(words) or "no picture"
