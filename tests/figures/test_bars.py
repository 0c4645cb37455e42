"""Bars: drawn in order, in per cent where they are shares, refused where they make no sense."""

from dataclasses import replace

import pytest

from robustlens.errors import InputError
from robustlens.figures import DARK, LIGHT, draw
from robustlens.pictures import Bar, Bars

BARS = Bars(
    "bars",
    "Some bars.",
    "accuracy",
    (Bar("first", 0.6, 0.5, 0.7, "good"), Bar("second", 0.1, 0.0, 0.2, "bad")),
    ((0.1, "chance"),),
)


def words(bars: Bars) -> list[str]:
    (axes,) = draw(bars, LIGHT).axes
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_a_row_for_each_bar_the_first_on_top(theme) -> None:
    (axes,) = draw(BARS, theme).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["first", "second"]
    assert [patch.get_width() for patch in axes.patches] == [0.6, 0.1]
    bottom, top = axes.get_ylim()
    assert bottom > top


def test_shares_are_in_per_cent_and_other_values_are_not() -> None:
    assert words(BARS) == ["60.0%", "10.0%", "chance"]
    assert words(replace(BARS, label="cosine"))[0] == "0.6"


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(InputError, match="add a bar"):
        draw(replace(BARS, bars=()), LIGHT)
    with pytest.raises(InputError, match="change the bar"):
        draw(replace(BARS, bars=(Bar("odd", 2, 0, 1),)), LIGHT)
