"""The settings of each tool: frozen, typed, with help and bounds that a page or a command can read.

    Inpaint(label="ship", steps=200)      # checked
    described(Inpaint)                    # name, flag, type, default, help, bounds of each field

Needs no torch.
"""

from dataclasses import MISSING, dataclass, fields
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from typing_extensions import Doc

from robustlens.errors import InputError

Kind = Literal["number", "word", "class", "unit", "layer", "seed"]


class Entry(Doc):
    """The help of a field, the bounds of its value, what it names, and its flag if that differs."""

    def __init__(
        self,
        help: str,
        low: float | None = None,
        high: float | None = None,
        kind: Kind = "number",
        flag: str = "",
    ) -> None:
        super().__init__(help)
        self.low, self.high, self.kind, self.flag = low, high, kind, flag

    def __eq__(self, other: object) -> bool:
        """Say whether all is the same: types with equal metadata are one type to Python."""
        return isinstance(other, Entry) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.documentation, self.low, self.high, self.kind, self.flag))

    def check(self, name: str, value: Any) -> None:
        """Raise `InputError` for a number out of bounds, or one of several."""
        for one in value if isinstance(value, tuple) else (value,):
            if one is None or isinstance(one, str | bool):
                continue
            under = self.low is not None and not one >= self.low
            if under or (self.high is not None and not one <= self.high):
                bounds = " and ".join(
                    word + f" {bound:g}"
                    for word, bound in (("at least", self.low), ("at most", self.high))
                    if bound is not None
                )
                raise InputError(f"{name} {one}", bounds, f"change {name}")


class Field(NamedTuple):
    """One field of a form, as a page or a command shows it."""

    name: str
    flag: str
    type: Any
    default: Any
    help: str
    low: float | None
    high: float | None
    kind: Kind


Label = Annotated[str, Entry("a class of the model, by name or index", kind="class", flag="class")]
Decided = Annotated[
    str, Entry("a class by name or index; default: what the net sees", kind="class", flag="class")
]
Unit = Annotated[int, Entry("of the layer, counted from 0", 0, kind="unit")]
Layer = Annotated[str, Entry("a module by name; default: what the head reads", kind="layer")]
Points = Annotated[int, Entry("pictures on the way, the ends among them", 2, 64)]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every tool can be told."""

    steps: Annotated[
        int | None, Entry("of the walk; default: as many as the tool takes", 1, 20000)
    ] = None
    seed: Annotated[int, Entry("of all that is drawn: the same seed, the same bits", 0)] = 0

    def __post_init__(self) -> None:
        for asked in described(type(self)):
            value = getattr(self, asked.name)
            Entry(asked.help, asked.low, asked.high).check(asked.flag, value)


@dataclass(frozen=True, kw_only=True)
class Within(Settings):
    """Settings of a tool that stays in an l2 ball."""

    rms: Annotated[
        float | None,
        Entry("how far pixels may change, in the root mean square; default: the tool's", 1e-4, 1),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Generate(Within):
    """Settings of `generate`."""

    label: Annotated[
        str,
        Entry("by name or index; default: all classes in turn", kind="class", flag="class"),
    ] = ""
    n: Annotated[int, Entry("pictures", 1, 400)] = 25


@dataclass(frozen=True, kw_only=True)
class Translate(Within):
    """Settings of `translate`."""

    to: Annotated[str, Entry("a class of the model, by name or index", kind="class")] = ""


@dataclass(frozen=True, kw_only=True)
class Sketch(Within):
    """Settings of `sketch`."""

    label: Label = ""


@dataclass(frozen=True, kw_only=True)
class Inpaint(Within):
    """Settings of `inpaint`."""

    label: Decided = ""


@dataclass(frozen=True, kw_only=True)
class Upscale(Within):
    """Settings of `upscale`."""

    factor: Annotated[float, Entry("as many times as high and as wide", 1.01, 32)] = 4.0
    label: Decided = ""


@dataclass(frozen=True, kw_only=True)
class Invert(Settings):
    """Settings of `invert`."""

    layer: Layer = ""


@dataclass(frozen=True, kw_only=True)
class Interpolate(Settings):
    """Settings of `interpolate`."""

    points: Points = 8
    layer: Layer = ""


@dataclass(frozen=True, kw_only=True)
class Morph(Within):
    """Settings of `morph`."""

    first: Annotated[
        str, Entry("class at the first end; default: what the net sees", kind="class", flag="from")
    ] = ""
    to: Annotated[
        str, Entry("class at the other end; default: what the net sees there", kind="class")
    ] = ""
    points: Points = 8


@dataclass(frozen=True, kw_only=True)
class Feature(Within):
    """Settings of `feature`."""

    unit: Unit = 0
    n: Annotated[int, Entry("pictures, where they begin at noise", 1, 100)] = 4
    layer: Layer = ""
    straight: Annotated[
        bool, Entry("let the last ReLU pass gradients, for a unit that is off everywhere")
    ] = False


@dataclass(frozen=True, kw_only=True)
class Add(Within):
    """Settings of `add`."""

    unit: Unit = 0
    levels: Annotated[
        tuple[float, ...], Entry("activations to reach, a picture each", -1e6, 1e6)
    ] = (0.5, 1.0, 2.0)
    layer: Layer = ""


@dataclass(frozen=True, kw_only=True)
class Paint(Within):
    """Settings of `paint`."""

    unit: Unit = 0
    layer: Layer = ""


@dataclass(frozen=True, kw_only=True)
class Sensitivity(Within):
    """Settings of `sensitivity`."""

    truth: Annotated[
        str, Entry("what it really is: a class by name or index", kind="class", flag="true")
    ] = ""


def described(settings: type[Settings]) -> tuple[Field, ...]:
    """Return the fields of settings with their help and bounds."""
    hints = get_type_hints(settings, include_extras=True)
    found = []
    for one in fields(settings):
        assert get_origin(hints[one.name]) is Annotated
        assert one.default is not MISSING
        kind, entry = get_args(hints[one.name])
        flag = entry.flag or one.name
        found.append(
            Field(one.name, flag, kind, one.default, entry.documentation, entry.low, entry.high,
                  entry.kind)
        )  # fmt: skip
    return tuple(found)
