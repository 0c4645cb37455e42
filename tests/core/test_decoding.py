"""JSON becomes the dataclass it was, or the refusal names the place."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Literal, NamedTuple

import pytest

from robustlens.decoding import WHOLE, decode, decode_fields, encode
from robustlens.errors import InputError, UnknownName


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Inner:
    share: float
    count: int = 3

    def __post_init__(self) -> None:
        if self.share > 1:
            raise InputError(f"share {self.share}", "at most 1")


@dataclass(frozen=True)
class Outer:
    name: str
    colour: Colour
    parts: tuple[Inner, ...]
    table: Mapping[str, Inner]
    free: Mapping[str, Any]
    sure: bool = True
    note: str | None = None
    listed: list[int] = field(default_factory=list)


WHOLE_ONE = {
    "name": "a",
    "colour": "blue",
    "parts": [{"share": 0.5}, {"share": 1, "count": 4}],
    "table": {"x": {"share": 0.25}},
    "free": {"deep": [1, {"er": None}]},
    "note": None,
    "of a newer version": 1,
}


def test_each_field_has_the_type_that_the_class_says() -> None:
    found = decode(Outer, WHOLE_ONE, "it")
    assert found == Outer(
        "a", Colour.BLUE, (Inner(0.5), Inner(1.0, 4)), {"x": Inner(0.25)}, WHOLE_ONE["free"]
    )
    assert type(found.parts[1].share) is float
    assert decode(Outer, {**WHOLE_ONE, "note": "n", "sure": False}, "it").note == "n"


def test_what_is_written_is_read_as_it_was() -> None:
    one = Inner(0.125, 7)
    assert decode(Inner, asdict(one), "it") == one


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"name": 3}, "it.name is a int; expected a str"),
        ({"sure": 1}, "it.sure is a int; expected a bool"),
        ({"note": 1.5}, "it.note is a float"),
        ({"parts": {}}, "it.parts is a dict; expected a list"),
        ({"parts": [{"share": 0.5}, {}]}, r"it.parts\[1\] has no share"),
        ({"parts": [{"share": True}]}, r"it.parts\[0\].share is a bool"),
        ({"parts": [{"share": 0.5, "count": 1.0}]}, r"it.parts\[0\].count is a float"),
        ({"table": {"x": 1}}, "it.table.x is a int; expected a dict"),
        ({"table": [1]}, "it.table is a list"),
        ({"parts": [{"share": 2}]}, r"it.parts\[0\]: share 2.0; expected at most 1"),
    ],
)
def test_a_refusal_names_the_place(changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        decode(Outer, {**WHOLE_ONE, **changes}, "it")


def test_an_unknown_member_lists_those_there_are() -> None:
    with pytest.raises(UnknownName, match="unknown colour 'green'; expected one of blue, red"):
        decode(Outer, {**WHOLE_ONE, "colour": "green"}, "it")
    with pytest.raises(UnknownName, match="unknown colour '3'"):
        decode(Colour, 3, "it")


def test_fields_that_are_optional_may_be_missing() -> None:
    hints = {"a": int, "b": str}
    assert decode_fields(hints, {"a": 1}, "it", frozenset("b")) == {"a": 1}
    with pytest.raises(InputError, match="it has no b; expected the fields a, b"):
        decode_fields(hints, {"a": 1}, "it")
    with pytest.raises(InputError, match="it is a list"):
        decode_fields(hints, [], "it")


class Pair(NamedTuple):
    a: float
    b: int = 2


@dataclass(frozen=True)
class Grown:
    LATER: ClassVar[frozenset[str]] = frozenset({"side", "kinds"})
    pair: Pair
    ends: tuple[int, str]
    side: Literal["left", "right"] = "left"
    kinds: list[Colour] = field(default_factory=list)


def test_what_is_encoded_is_decoded_again() -> None:
    for one in (
        Grown(Pair(0.5), (1, "x")),
        Grown(Pair(0.5, 3), (1, "x"), "right", [Colour.RED, Colour.BLUE]),
    ):
        assert decode(Grown, json.loads(json.dumps(encode(one))), "it") == one
    whole = decode(Outer, WHOLE_ONE, "it")
    assert decode(Outer, json.loads(json.dumps(encode(whole))), "it") == whole


def test_a_later_field_is_written_only_where_it_differs() -> None:
    assert encode(Grown(Pair(1, 2), (1, "x"))) == {"pair": {"a": 1, "b": 2}, "ends": (1, "x")}
    assert encode(Grown(Pair(1, 2), (1, "x"), "right"))["side"] == "right"
    assert encode({"one": (Colour.RED, Inner(0.5))}) == {"one": ("red", {"share": 0.5, "count": 3})}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"ends": [1]}, "it.ends has 1 entries; expected 2"),
        ({"ends": [1, 2]}, r"it.ends\[1\] is a int; expected a str"),
        ({"side": "up"}, "it.side is 'up'; expected 'left' or 'right'"),
        ({"pair": {"b": 1}}, "it.pair has no a; expected the fields a, b"),
        ({"pair": [0.5, 1]}, "it.pair is a list"),
        ({"kinds": ["green"]}, "unknown colour 'green'"),
        ({"sise": "left"}, r"unknown key 'it.sise'; .*did you mean 'it.side'"),
        ({"pair": {"a": 1, "c": 1}}, "unknown key 'it.pair.c'"),
    ],
)
def test_a_file_that_must_say_nothing_else(changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        decode(Grown, {"pair": {"a": 1}, "ends": [1, "x"], **changes}, "it", WHOLE)
