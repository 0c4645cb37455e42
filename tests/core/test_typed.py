"""Numbers as people type them."""

import pytest

from robustlens.typed import number


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.25", 0.25), ("64/255", 64 / 255), ("1e-3", 0.001), ("-3", -3.0), ("12.75/255", 0.05),
     (" 8 / 255 ", 8 / 255)],
)  # fmt: skip
def test_numbers_and_fractions(text: str, value: float) -> None:
    assert number(text) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize("text", ["", "a", "1/0", "1/2/3", "/", "8/", "/255", "0,5", "8:255"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no number, such as 0\.25, and no fraction"):
        number(text)
