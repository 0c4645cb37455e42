"""What can be typed after `robustlens make`: a command for each form of `vision.forms`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, make_dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, ClassVar

from tyro.conf import Positional, arg

from robustlens.cli.command import Answer, Command
from robustlens.vision.forms import FORMS, Form, Input
from robustlens.vision.settings import Field

# Help stands beside the types here: the commands are made from forms, and have no source to read.
SHORT = {"n": ("-n",)}


@dataclass(frozen=True, kw_only=True)
class MakeHelp(Command):
    """Pictures by gradient ascent with one robust net: robustlens make TOOL (make TOOL --help).

    Example: robustlens make generate --class ship -n 25
    """

    def run(self) -> Answer:
        """List the tools."""
        width = max(map(len, FORMS))
        rows = [{"tool": form.id, "title": form.title, "about": form.about} for form in
                FORMS.values()]  # fmt: skip
        lines = [f"{form.id:<{width}}  {form.about}" for form in FORMS.values()]
        foot = "\nrobustlens make TOOL --help says what a tool takes; make seeds fits seeds."
        return Answer({"tools": rows}, "\n".join(lines) + "\n" + foot)


@dataclass(frozen=True, kw_only=True)
class Make(Command):
    """What the tools share."""

    json: Annotated[bool, arg(help="print exactly one JSON object on standard output")] = False
    out: Annotated[
        Path | None,
        arg(help="a picture, by its suffix, or a folder of them; default: named after the tool"),
    ] = None
    gif: Annotated[
        Path | None, arg(help="also the walk, as an animation that ends in .gif or .webp")
    ] = None
    model: Annotated[
        str | None,
        arg(help='a name from "models list", or module:function that returns your own model for '
            "[0, 1] images; default: a shipped one that fits"),
    ] = None  # fmt: skip
    weights: Annotated[
        Path | None, arg(help='a .safetensors file, or a name from "robustlens models list"')
    ] = None
    size: Annotated[
        int | None, arg(help="pixels a side that your own model takes; default: as its card says")
    ] = None
    device: Annotated[str, arg(help="auto, cpu or cuda")] = "auto"

    form: ClassVar[Form]

    def run(self) -> Answer:
        """Make it."""
        answer: Answer = import_module("robustlens.cli.make").made(self)
        return answer


def command_of(form: Form) -> type[Make]:
    """Return the command of a form: its pictures first, then its settings."""
    own: list[tuple[str, Any, Any]] = [_picture(one) for one in form.inputs]
    own += [_setting(one) for one in form.fields()]
    if form.tiles:
        words = "work on a large picture tile by tile, instead of resizing it to the net's size"
        own.append(("tiles", Annotated[bool, arg(help=words)], field(default=False)))
    if form.back == "sheet":
        words = "a file of robustlens make seeds; default: what is shipped with the model"
        own.append(("seeds", Annotated[Path | None, arg(help=words)],
                    field(default=None)))  # fmt: skip
    made = make_dataclass(
        form.id.capitalize(), own, bases=(Make,), frozen=True, kw_only=True,
        namespace={"form": form, "__doc__": f"{form.about}\n\nExample: robustlens {form.example}"},
    )  # fmt: skip
    found: type[Make] = made
    return found


def _picture(one: Input) -> tuple[str, Any, Any]:
    if one.name == "mask":
        return "mask", Annotated[Path | None, arg(help=one.help)], field(default=None)
    placed = arg(help=one.help)
    if one.required:
        return one.name, Annotated[Path, Positional, placed], field()
    return one.name, Annotated[Path | None, Positional, placed], field(default=None)


def _setting(one: Field) -> tuple[str, Any, Any]:
    bounds = [f"{word} {bound:g}" for word, bound in (("from", one.low), ("to", one.high))
              if bound is not None and one.kind == "number"]  # fmt: skip
    words = f"{one.help} ({' '.join(bounds)})" if bounds else one.help
    told = arg(help=words, name=one.flag, aliases=SHORT.get(one.name))
    return one.name, Annotated[one.type, told], field(default=one.default)


@dataclass(frozen=True, kw_only=True)
class SeedsMake(Command):
    """Fit what generated pictures begin at: a Gaussian for each class, a file of some 500 kB.

    Example: robustlens make seeds --data cifar10 --out seeds.safetensors
    """

    data: str  # a name from "robustlens data list", or a path
    out: Path  # a .safetensors file
    size: int | None = None  # crop and resize images of different sizes to this side
    rank: int = 24  # directions kept of each class
    down: int = 2  # images are averaged over blocks of so many pixels a side
    images: int = 1000  # the first so many of each class

    def run(self) -> Answer:
        """Fit them."""
        answer: Answer = import_module("robustlens.cli.make").fitted(self)
        return answer


TOOLS: Mapping[str, type[Command]] = {
    **{name: command_of(form) for name, form in FORMS.items()},
    "seeds": SeedsMake,
}
"""The commands of the group, in the order of the help."""
