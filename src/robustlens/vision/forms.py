"""What can be asked of each tool: typed settings with help and bounds, and which pictures it takes.

    FORMS["inpaint"].inputs                  # image and mask, with help
    FORMS["inpaint"].fields()                # name, type, default, help, bounds: for a page
    FORMS["inpaint"].settings(label="ship")  # frozen, checked

Commands, routes and tasks are derived from this table; `makers` does what it says. It needs no
torch, so that help is printed at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple

from robustlens.vision.settings import (
    Add,
    Feature,
    Field,
    Generate,
    Inpaint,
    Interpolate,
    Invert,
    Morph,
    Paint,
    Sensitivity,
    Settings,
    Sketch,
    Translate,
    Upscale,
    Within,
    described,
)


class Input(NamedTuple):
    """A picture that a tool takes."""

    name: Literal["image", "second", "mask"]
    help: str
    required: bool = True


Back = Literal["change", "hole", "whole", "row", "sheet"]
"""How what was made at the net's size returns: the change is added to the picture, the hole is
filled, or the new pictures stand for themselves, alone, in a row or on a sheet."""


@dataclass(frozen=True)
class Form:
    """One tool: its id, what it does, its pictures and settings, and how its result is shown."""

    id: str
    title: str
    about: str
    example: str
    inputs: tuple[Input, ...]
    settings: type[Settings]
    back: Back
    shown: Settings  # a first look, on packaged images
    tiles: bool = False  # whether a large picture can be worked on tile by tile

    def fields(self) -> tuple[Field, ...]:
        """Return what can be set, the tool's own first."""
        found = described(self.settings)
        common = {f.name for f in fields(Within)}
        return tuple(sorted(found, key=lambda f: f.name in common))

    def as_dict(self) -> dict[str, Any]:
        """Return all that a page needs to ask for it, for JSON: types are their names."""
        kinds = (
            one.type.__name__ if isinstance(one.type, type) else str(one.type)
            for one in self.fields()
        )
        return {
            "id": self.id,
            "title": self.title,
            "about": self.about,
            "inputs": [one._asdict() for one in self.inputs],
            "fields": [
                {**one._asdict(), "type": kind}
                for one, kind in zip(self.fields(), kinds, strict=True)
            ],
            "back": self.back,
            "tiles": self.tiles,
        }

    def takes(self, name: str) -> bool:
        """Say whether an input of that name can be given."""
        return any(given.name == name for given in self.inputs)


IMAGE = Input("image", "a picture, of any size: PNG, JPEG, WebP, BMP, GIF, TIFF or PNM")
MASK = Input("mask", "a picture of the same size, white where it may change")
HOLE = Input("mask", "white where pixels are missing; default: where the picture is transparent",
             required=False)  # fmt: skip

_TABLE = (
    Form(
        "generate",
        "Pictures of a class",
        "Make pictures of a class out of nothing but a blurred guess.",
        "make generate --class ship -n 25 --out ships.png",
        (),
        Generate,
        "sheet",
        Generate(label="Dress", n=4),
    ),
    Form(
        "translate",
        "A picture as another class",
        "Turn a picture into another class: the same picture, as the net would have that class.",
        "make translate shirt.png --to dress",
        (IMAGE,),
        Translate,
        "change",
        Translate(to="Dress"),
        tiles=True,
    ),
    Form(
        "inpaint",
        "A hole filled",
        "Fill a hole with what the net expects there; not a pixel outside it changes.",
        "make inpaint photo.png --mask mask.png",
        (IMAGE, HOLE),
        Inpaint,
        "hole",
        Inpaint(),
    ),
    Form(
        "upscale",
        "A small picture in large",
        "Enlarge a picture and sharpen it by what the net sees in it.",
        "make upscale thumbnail.png --factor 2",
        (IMAGE,),
        Upscale,
        "change",
        Upscale(factor=2.0),
        tiles=True,
    ),
    Form(
        "sketch",
        "A sketch made into a thing",
        "Make what a crude colour sketch stands for.",
        "make sketch drawing.png --class ship",
        (IMAGE,),
        Sketch,
        "whole",
        Sketch(label="Bag"),
    ),
    Form(
        "paint",
        "Painting with a feature",
        "Paint with one unit of the net, where a mask is white; nothing else changes.",
        "make paint photo.png --mask mask.png --unit 17",
        (IMAGE, MASK),
        Paint,
        "change",
        Paint(unit=17),
    ),
    Form(
        "morph",
        "From one class to another",
        "Make a row of pictures from one class to another, out of one picture or from one to two.",
        "make morph a.png b.png --gif morph.gif",
        (IMAGE, Input("second", "where the way ends; default: at the first picture", False)),
        Morph,
        "row",
        Morph(to="Dress", points=5),
    ),
    Form(
        "interpolate",
        "A straight line in what the net sees",
        "Walk from one picture to another in the representation, in a row of pictures.",
        "make interpolate a.png b.png --points 6",
        (IMAGE, Input("second", "the picture at the other end")),
        Interpolate,
        "row",
        Interpolate(points=5),
    ),
    Form(
        "invert",
        "What the net cannot tell from a picture",
        "Find a picture that the net cannot tell from yours, from noise or from another picture.",
        "make invert photo.png",
        (IMAGE, Input("second", "where to begin; default: noise", False)),
        Invert,
        "whole",
        Invert(),
    ),
    Form(
        "feature",
        "What a unit would see",
        "Make what one unit of the net answers to most, from noise or from a picture.",
        "make feature --unit 17",
        (IMAGE._replace(required=False),),
        Feature,
        "change",
        Feature(unit=17),
        tiles=True,
    ),
    Form(
        "add",
        "A feature added by degrees",
        "Add one unit to a picture by degrees, each a level to stop at.",
        "make add photo.png --unit 17 --levels 0.5 1 2",
        (IMAGE,),
        Add,
        "row",
        Add(unit=17),
    ),
    Form(
        "sensitivity",
        "Which unit made a mistake",
        "For a picture that the net gets wrong: the unit that did it, more of it, and without it.",
        "make sensitivity photo.png --true church",
        (IMAGE,),
        Sensitivity,
        "change",
        Sensitivity(),
    ),
)  # fmt: skip
FORMS: Mapping[str, Form] = {form.id: form for form in _TABLE}
"""The tools by id, in the order of the help."""
