"""The tools of `vision` on a desk: their forms as JSON, and what they make of the sheet."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from robustlens.errors import InputError, UnknownName
from robustlens.types import Images
from robustlens.vision.forms import FORMS, Form
from robustlens.vision.makers import make
from robustlens.vision.outcome import Given
from robustlens.web.desk import Desk, Sheet, sheet_of
from robustlens.web.wire import uri

SHOWN = 36
"""Pictures of one tool that are shown at most."""


def described() -> list[dict[str, Any]]:
    """Return every tool with what can be set of it, for the page to make its forms of."""
    return [
        {
            "id": form.id,
            "title": form.title,
            "about": form.about,
            "inputs": [given._asdict() for given in form.inputs],
            "fields": [
                field._asdict() | {"type": _word(field.type), "default": field.default}
                for field in form.fields()
            ],
        }
        for form in FORMS.values()
    ]


def worked(desk: Desk, tool: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a tool makes of the sheet on top, pictures and words; the desk keeps the
    pictures, so that one can be taken.

    The sheet's picture is the tool's picture, the mask its mask, and the anchor its second picture.

    Raises:
        UnknownName: no such tool, setting, or class.
        InputError: a setting that is no such value, or as `makers.make`.
    """
    if tool not in FORMS:
        raise UnknownName("tool", tool, FORMS)
    form, sheet = FORMS[tool], desk.sheet
    given = Given(
        image=sheet.pictures[0] if form.takes("image") else None,
        second=sheet.anchor if form.takes("second") and _other(sheet) else None,
        mask=sheet.mask if form.takes("mask") else None,
    )
    outcome = make(tool, desk.pair.robust, _settings(form, asked), given)
    desk.made = tuple(image[None] for image in outcome.made.images[:SHOWN].clamp(0, 1))
    return {"said": outcome.said, "pictures": [uri(image) for image in desk.made]}


def taken(desk: Desk, index: int) -> Sheet:
    """Lay a picture that a tool made on the desk; raise `InputError` for one that it did not."""
    if not 0 <= index < len(desk.made):
        raise InputError(f"picture {index}", f"0 to {len(desk.made) - 1}, of what was made last")
    image: Images = desk.made[index]
    return desk.put(sheet_of(desk.pair, image, "taken from what was made"))


def _other(sheet: Sheet) -> bool:
    return sheet.anchor is not sheet.pictures[0]


def _settings(form: Form, asked: Mapping[str, Any]) -> Any:
    known = {field.name for field in form.fields()}
    for name in asked:
        if name not in known:
            raise UnknownName("setting", name, known)
    try:
        return TypeAdapter(form.settings).validate_python(dict(asked))
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"{'.'.join(map(str, first['loc']))} {first['input']!r}", first["msg"]
        ) from error


def _word(kind: Any) -> str:
    """Return a type in a word that a page knows: number, whole, yes, text or list."""
    words = {int: "whole", float: "number", bool: "yes", str: "text"}
    if kind in words:
        return words[kind]
    for one, word in words.items():
        if one in getattr(kind, "__args__", ()):
            return "list" if getattr(kind, "__origin__", None) is tuple else word
    return "text"
