"""The tools of `vision` on a desk: their forms as JSON, and what they make of the sheet."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from robustlens.errors import InputError, UnknownName
from robustlens.types import Images
from robustlens.vision.forms import FORMS, Form
from robustlens.vision.makers import make
from robustlens.vision.outcome import Given
from robustlens.vision.painter import Painter
from robustlens.web.desk import Desk, Sheet
from robustlens.web.wire import uri

SHOWN = 36
"""Pictures of one tool at most."""
WORK = 20_000
"""Steps times pictures of one tool at most, a picture counted by its pixels over the net's."""
USUAL = 100
"""Steps of a tool that are counted where none were asked for."""


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
            "row": form.back == "row",
        }
        for form in FORMS.values()
    ]


@dataclass(frozen=True, eq=False)
class Job:
    """A tool that was asked for, its settings checked, and the sheet that it works on."""

    form: Form
    settings: Any
    given: Given

    @classmethod
    def of(cls, tool: str, asked: Mapping[str, Any], sheet: Sheet) -> "Job":
        """Return it: the sheet's picture is the tool's picture, its mask the mask.

        Raises:
            UnknownName: no such tool or setting.
            InputError: a setting that is no such value, or more work than a page may ask for.
        """
        if tool not in FORMS:
            raise UnknownName("tool", tool, FORMS)
        form = FORMS[tool]
        given = Given(
            image=sheet.pictures[0] if form.takes("image") and _needs(form, asked) else None,
            second=sheet.second if form.takes("second") else None,
            mask=sheet.mask if form.takes("mask") else None,
        )
        settings = _settings(form, asked)
        _bounded(settings)
        return cls(form, settings, given)

    def done(self, painter: Painter, desk: Desk) -> dict[str, Any]:
        """Return what the tool makes, pictures and words; the desk keeps the pictures.

        Raises:
            UnknownName: no such class.
            InputError: as `makers.make`.
        """
        outcome = make(self.form.id, painter, self.settings, self.given)
        desk.made = tuple(image[None] for image in outcome.made.images[:SHOWN].clamp(0, 1))
        fits = [image.shape == desk.sheet.anchor.shape for image in desk.made]
        return {"said": outcome.said, "pictures": [uri(image) for image in desk.made], "fits": fits}


def taken(desk: Desk, index: int) -> Sheet:
    """Lay a picture that a tool made on the desk; raise `InputError` for one that it did not."""
    if not 0 <= index < len(desk.made):
        raise InputError(
            f"picture {index}", f"one of the {len(desk.made)} that were made last", "change index"
        )
    image: Images = desk.made[index]
    return desk.put(desk.sheet.started(image, "taken from what was made"))


def _needs(form: Form, asked: Mapping[str, Any]) -> bool:
    """Say whether the sheet is what a tool should begin with: `n` asks for pictures from noise."""
    return any(one.required for one in form.inputs if one.name == "image") or "n" not in asked


def _bounded(settings: Any) -> None:
    many = max(
        int(getattr(settings, "n", 1)),
        int(getattr(settings, "points", 1)),
        len(getattr(settings, "levels", ())),
    )
    if many > SHOWN:
        raise InputError(f"{many} pictures", f"at most {SHOWN} on a page", "robustlens make")
    work = (settings.steps or USUAL) * many * float(getattr(settings, "factor", 1.0)) ** 2
    if work > WORK:
        raise InputError(
            f"{settings.steps or USUAL} steps of so many pixels",
            f"at most {WORK} steps in all, a picture of the net's size each",
            "fewer steps or pictures, or robustlens make",
        )


def _settings(form: Form, asked: Mapping[str, Any]) -> Any:
    known = {field.name for field in form.fields()}
    for name in asked:
        if name not in known:
            raise UnknownName("setting", name, known)
    try:
        return TypeAdapter(form.settings).validate_python(dict(asked))
    except ValidationError as error:
        first = error.errors()[0]
        words = f"{'.'.join(map(str, first['loc']))} {first['input']!r}"
        raise InputError(words[:200], first["msg"], "change it") from error
    except OverflowError as error:
        raise InputError("a number out of bounds", "a smaller one", "change it") from error


def _word(kind: Any) -> str:
    """Return a type in a word that a page knows: number, whole, yes, text or list."""
    words = {int: "whole", float: "number", bool: "yes", str: "text"}
    if kind in words:
        return words[kind]
    for one, word in words.items():
        if one in getattr(kind, "__args__", ()):
            return "list" if getattr(kind, "__origin__", None) is tuple else word
    return "text"
