"""Pictures drawn: pixels that stay sharp, words that stay apart, bytes that stay the same."""

import io
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.text import Annotation
from PIL import Image

from robustlens.errors import InputError, UnknownName
from robustlens.figures import DARK, LIGHT, THEMES, Theme, draw, save_pictures
from robustlens.figures.canvas import width_of, wrap
from robustlens.figures.labels import apart
from robustlens.figures.scales import log_ticks
from robustlens.pictures import Bar, Bars, Cell, Curves, Gallery, Series


def gallery(*cells: Cell) -> Gallery:
    return Gallery(
        "cells", "Some cells.", tuple(f"column {i}" for i in range(len(cells))), (cells,)
    )


def curves(*series: Series, y_label: str = "accuracy", marks=()) -> Curves:
    return Curves("lines", "Some lines.", "eps", y_label, series, marks)


def line(name: str = "robust net", y=(0.9, 0.5, 0.1), **options) -> Series:
    return Series(name, (0.0, 1.0, 2.0), y, **options)


def pixels(picture, theme: Theme = LIGHT) -> np.ndarray:
    content = io.BytesIO()
    draw(picture, theme).savefig(content, format="png", dpi="figure")
    return np.asarray(Image.open(content).convert("RGB"))


def annotations(picture) -> list[Annotation]:
    (axes,) = draw(picture, LIGHT).axes
    return [child for child in axes.get_children() if isinstance(child, Annotation)]


def boxes(picture) -> list:
    """Return where the words of all annotations are, without their leader lines."""
    figure = draw(picture, LIGHT)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    found = [child for child in axes.get_children() if isinstance(child, Annotation)]
    return [super(Annotation, child).get_window_extent() for child in found]


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_every_colour_of_words_is_legible(theme):
    back = luminance(theme.background)
    for colour in (theme.text, theme.muted, *theme.good, *theme.bad, *theme.plain):
        low, high = sorted((back, luminance(colour)))
        assert (high + 0.05) / (low + 0.05) >= 4.5, colour


def test_shades_repeat_and_unknown_tones_are_refused():
    assert LIGHT.tone("good", 0) == LIGHT.tone("good", len(LIGHT.good))
    with pytest.raises(UnknownName, match="bad, good, plain"):
        LIGHT.tone("ugly")
    with pytest.raises(UnknownName, match="tone 'ugly'"):
        draw(gallery(Cell(torch.zeros(1, 8, 8), "words", "ugly")), LIGHT)


def test_small_images_are_enlarged_a_whole_number_of_times():
    image = torch.rand(3, 28, 28, generator=torch.Generator().manual_seed(0))
    drawn = pixels(gallery(Cell(image)))
    expected = (image * 255).round().byte().permute(1, 2, 0).numpy()
    expected = expected.repeat(8, axis=0).repeat(8, axis=1)
    x = (drawn.shape[1] - 224) // 2
    inner = expected[4:220, 4:220]  # without the frame
    found = [
        np.array_equal(drawn[top : top + 216, x + 4 : x + 220], inner)
        for top in range(drawn.shape[0] - 215)
    ]
    assert sum(found) == 1


def test_grey_images_are_grey_and_large_ones_are_shrunk():
    wide = draw(gallery(*[Cell(torch.full((1, 50, 400), 0.5))] * 3), LIGHT)
    assert len(wide.axes) == 3
    drawn = pixels(gallery(Cell(torch.full((1, 300, 400), 0.5))))
    assert (drawn == 128).all(axis=2).mean() > 0.3
    assert drawn.shape[1] <= 300


def test_a_bad_cell_differs_without_colour():
    figure = draw(gallery(*(Cell(torch.zeros(1, 8, 8), "a", t) for t in ("bad", "good"))), LIGHT)
    weights = {text.get_text(): text.get_fontweight() for text in figure.texts}
    assert weights["a"] == "normal"
    assert figure.texts[-2].get_fontweight() == "bold"
    frames = [axes.spines["top"].get_linewidth() for axes in figure.axes]
    assert frames[0] > frames[1]


def test_words_under_a_row_make_room_and_empty_galleries_are_drawn():
    image = torch.zeros(1, 8, 8)
    heights = [pixels(gallery(Cell(image, text))).shape[0] for text in ("", "a", "a\nb")]
    assert heights == sorted(set(heights))
    assert draw(Gallery("none", "Nothing.", ("image",), ()), LIGHT).axes == []
    assert draw(Gallery("none", "Nothing.", (), ()), DARK).axes == []


def test_images_of_another_shape_are_refused():
    for shape in ((2, 8, 8), (8, 8)):
        with pytest.raises(InputError, match="image of shape"):
            draw(gallery(Cell(torch.zeros(shape))), LIGHT)


def test_wrapped_lines_fit_and_break_evenly():
    assert wrap("robust net, l2 0.5", 170) == "robust net,\nl2 0.5"
    assert all(width_of(part) <= 150 for part in wrap("misclassification", 150).splitlines())
    assert wrap("one", 1000) == "one"
    assert wrap("wide", 1) == "wide"
    assert wrap("", 100) == ""


FASHION = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Sneaker",
    "Ankle boot",
    "a\nb",
    "Bag",
    "",
    "x",
    "y",
)
HEADS = [
    ("standard",),
    FASHION,
    ("misclassification", "change x 10", "adversarially-perturbed image"),
    ("n01440764_tench_supercalifragilisticexpialidocious_of_the_deep", "b"),
    tuple(f"standard-{'x' * i}" for i in range(0, 60, 6)),
    ("W" * 40, "i" * 80, "standard", "robust"),
]


@pytest.mark.parametrize("heads", HEADS, ids=len)
@pytest.mark.parametrize("size", [8, 28, 300])
def test_no_word_of_a_gallery_is_cut(heads: tuple[str, ...], size: int) -> None:
    """Of a heading, and of what stands below an image, bold or not: whole, apart, and inside."""
    cells = tuple(
        Cell(torch.zeros(1, size, size), head, tone)
        for head, tone in zip(heads, ("plain", "good", "bad") * 4, strict=False)
    )
    figure = draw(Gallery("heads", "", heads, (cells,)), LIGHT)
    figure.draw_without_rendering()
    lines = [text.get_text() for text in figure.texts if text.get_text()]
    assert sorted(word for line in lines for word in line.split()) == sorted(
        word for head in (*heads, *heads) for word in head.split()
    )
    spots = [text.get_window_extent() for text in figure.texts if text.get_text().strip()]
    for i, a in enumerate(spots):
        assert figure.bbox.x0 <= a.x0 + 1
        assert a.x1 <= figure.bbox.x1 + 1
        near = [b for b in spots[:i] if min(a.y1, b.y1) - max(a.y0, b.y0) > 8]
        assert not any(a.x0 < b.x1 and b.x0 < a.x1 for b in near)


def test_lines_end_between_words_where_they_can() -> None:
    assert wrap("robust T-shirt", 130) == "robust\nT-shirt"
    assert wrap("l-inf 8/255 and l2", 90).splitlines() == ["l-inf", "8/255", "and l2"]


def test_names_of_lines_and_bars_are_not_cut_either() -> None:
    name = "misclassification_rate_of_the_whole_ensemble robust"
    assert name.split() == annotations(curves(line(name)))[0].get_text().split()
    figure = draw(Bars("bars", "", "loss", (Bar(name, 2.0, 1.0, 3.0),)), LIGHT)
    (label,) = figure.axes[0].get_yticklabels()
    assert label.get_text().split() == name.split()
    assert label.get_window_extent().x0 >= 0


def test_accuracies_are_shown_in_per_cent_from_nothing_to_all():
    (axes,) = draw(curves(line(low=(0.8, 0.4, 0.0), high=(1.0, 0.6, 0.2))), LIGHT).axes
    assert axes.get_ylim() == (0, 1)
    assert axes.yaxis.get_major_formatter()(0.5) == "50%"
    (axes,) = draw(curves(line(), y_label="cross-entropy"), LIGHT).axes
    assert axes.get_ylim() != (0, 1)
    (axes,) = draw(curves(line(y=(2, 1, 1)), y_label="accuracy ratio"), LIGHT).axes
    assert axes.get_ylim() != (0, 1)


def test_series_of_one_tone_differ_by_colour_marker_and_dashes():
    (axes,) = draw(curves(line("a", tone="good"), line("b", tone="good")), LIGHT).axes
    a, b = axes.get_lines()
    for get in ("get_color", "get_marker", "get_linestyle"):
        assert getattr(a, get)() != getattr(b, get)()


def test_names_at_the_ends_never_touch():
    names = ("standard training", "robust training against l2 1.5 and l-inf 8/255", "c", "d")
    picture = curves(*(line(name, y=(0.9, 0.5, 0.02 * i)) for i, name in enumerate(names)))
    spots = sorted(boxes(picture), key=lambda box: box.y0)
    assert all(a.y1 <= b.y0 + 1 for a, b in pairwise(spots))
    assert all(box.x0 >= 0 and box.x1 <= 992 and box.y0 >= 0 for box in spots)


def test_names_of_marks_never_touch():
    marks = ((1.0, "training eps"), (1.1, "published"), (0.0, "none"), (2.0, "twice that"))
    found = boxes(curves(marks=marks))
    for i, a in enumerate(found):
        assert not any(a.overlaps(b) for b in found[:i])


def test_names_move_as_little_as_possible():
    assert apart([], [], 0, 100) == []
    assert apart([20, 60], [10, 10], 0, 100) == [20, 60]
    assert apart([50, 50], [10, 10], 0, 100) == [45, 55]
    assert apart([0, 0, 0], [10, 10, 10], 0, 100) == [0, 10, 20]
    assert apart([100, 100], [10, 20], 0, 100) == [85, 100]


def test_dollars_are_dollars():
    texts = [a.get_text() for a in annotations(curves(line("$x$"), marks=((1.0, "$y$"),)))]
    assert texts == ["$x$", "$y$"]
    assert pixels(curves(line("$\\broken"))).shape == (600, 992, 3)


def ticks(axes, which: str) -> list[str]:
    low, high = getattr(axes, f"get_{which}lim")()
    axis = getattr(axes, f"{which}axis")
    shown = [low <= at <= high for at in axis.get_majorticklocs()]
    assert all(shown)
    assert len(axis.get_minorticklocs()) == 0
    return [label.get_text() for label in axis.get_majorticklabels()]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((1, 10_000), ["1", "10", "100", "1,000", "10,000"]),
        ((0.01, 1), ["0.01", "0.1", "1"]),
        ((2, 80), ["2", "5", "10", "20", "50"]),
        ((100, 130), ["100", "110", "120", "130"]),
        ((1e-9, 1), ["10⁻⁸", "10⁻⁶", "10⁻⁴", "10⁻²", "1"]),
        ((1, 1e6), ["1", "10", "10²", "10³", "10⁴", "10⁵", "10⁶"]),
        ((7, 7), ["5", "10", "20"]),
    ],
)
def test_logarithmic_axes_have_few_ticks_with_round_names(values, words):
    picture = replace(curves(Series("a", values, values), y_label="n"), log="xy")
    (axes,) = draw(picture, LIGHT).axes
    assert axes.get_xscale() == axes.get_yscale() == "log"
    for which in "xy":
        assert ticks(axes, which) == words
        low, high = getattr(axes, f"get_{which}lim")()
        assert 0 < low < values[0] <= values[1] < high


@given(st.floats(-12, 12), st.floats(0.01, 20))
def test_every_logarithmic_axis_has_ticks(power, span):
    low, high = 10**power, 10 ** (power + span)
    found = log_ticks(low, high)
    assert 2 <= len(found) <= 8
    assert all(low <= tick <= high for tick in found)
    assert found == sorted(set(found))


def test_accuracies_on_a_logarithmic_axis_are_shown_in_per_cent():
    picture = replace(curves(line(y=(0.001, 0.02, 0.9), low=(0,) * 3, high=(1,) * 3)), log="y")
    (axes,) = draw(picture, LIGHT).axes
    assert ticks(axes, "y") == ["0.1%", "1%", "10%", "100%"]


def test_names_stand_where_they_belong_on_logarithmic_axes():
    several = tuple(
        Series(f"series {i}", (1.0, 100.0), (1.0, 10.0**i), tone="good") for i in (0, 0.1, 2, 4)
    )
    picture = replace(curves(*several, y_label="n", marks=((10.0, "ten"),)), log="xy")
    figure = draw(picture, LIGHT)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    *ends, mark = (child for child in axes.get_children() if isinstance(child, Annotation))
    middle = super(Annotation, mark).get_window_extent()
    assert (middle.x0 + middle.x1) / 2 == pytest.approx(axes.transData.transform((10, 1))[0], abs=3)
    spots = [super(Annotation, end).get_window_extent() for end in ends]
    assert all(a.y1 <= b.y0 + 1 for a, b in pairwise(spots))
    lowest, highest = axes.transData.transform([(1, 1), (1, 1e4)])[:, 1]
    assert abs((spots[0].y0 + spots[0].y1) / 2 - lowest) < 20
    assert abs((spots[-1].y0 + spots[-1].y1) / 2 - highest) < 5


@pytest.mark.parametrize("log", ["x", "y"])
def test_what_is_not_positive_has_no_place_on_a_logarithmic_axis(log):
    with pytest.raises(InputError, match=f"{log} = 0.0 on a logarithmic axis"):
        draw(replace(curves(line(y=(0.0, 1.0, 2.0))), log=log), LIGHT)
    late = Series("late", (1.0, 2.0), (1.0, 2.0))
    with pytest.raises(InputError, match="x = 0 on a logarithmic axis"):
        draw(replace(curves(late, marks=((0, "none"),)), log="x"), LIGHT)


def test_points_alone_have_bars_and_lines_alone_have_no_markers():
    bounds = {"low": (0.8, 0.4, 0.0), "high": (1.0, 0.6, 0.2)}
    (axes,) = draw(curves(line(line=False, **bounds)), LIGHT).axes
    *caps, points = axes.get_lines()
    assert (points.get_linestyle(), points.get_marker()) == ("None", "o")
    ((bars, band),) = [(axes.collections[0], axes.collections[1:])]
    assert not band
    ends = [segment[:, 1] for segment in bars.get_segments()]
    assert np.allclose(ends, list(zip(*bounds.values(), strict=True)))
    assert len(caps) == 2
    (axes,) = draw(curves(line(dots=False, **bounds)), LIGHT).axes
    (bare,) = axes.get_lines()
    assert (bare.get_linestyle(), bare.get_marker()) == ("-", "none")
    assert [type(band).__name__ for band in axes.collections] == ["FillBetweenPolyCollection"]
    with pytest.raises(InputError, match="neither line nor dots"):
        draw(curves(line(line=False, dots=False)), LIGHT)


def test_a_bar_down_to_nothing_is_cut_on_a_logarithmic_axis():
    some = line(y=(1.0, 2.0, 4.0), low=(0.0, 0.0, 3.0), high=(2.0, 3.0, 5.0), line=False)
    picture = replace(curves(some, y_label="n"), log="y")
    (axes,) = draw(picture, LIGHT).axes
    assert axes.get_ylim()[0] == pytest.approx(1 / 5**0.05)
    below = pixels(picture)[-60:, 200:800]  # numbers and name of the axis are grey
    assert np.ptp(below.reshape(-1, 3).astype(int), axis=1).max() < 40


def test_a_curve_and_measurements_of_one_name_look_the_same_and_are_named_once():
    picture = curves(
        line("rule", tone="good", dots=False),
        line("other", tone="good", dots=False),
        line("rule", tone="good", line=False),
    )
    assert [a.get_text() for a in annotations(picture)] == ["rule", "other"]
    rule, other, dots = draw(picture, LIGHT).axes[0].get_lines()
    assert rule.get_color() == dots.get_color() != other.get_color()
    with pytest.raises(InputError, match="one tone for a name"):
        draw(curves(line("rule", tone="good"), line("rule", tone="bad")), LIGHT)


def test_points_are_named_at_the_one_furthest_right():
    one = Series("points", (3.0, 1.0, 2.0), (0.1, 0.2, 0.3), line=False)
    (label,) = annotations(curves(one))
    assert label.xy == (3.0, 0.1)


@pytest.mark.parametrize(
    "series",
    [
        Series("empty", (), ()),
        Series("short", (0.0, 1.0), (0.5,)),
        line(low=(0.1, 0.1, 0.1)),
        line(low=(0.1,), high=(0.9,)),
    ],
)
def test_series_that_do_not_fit_are_refused(series):
    with pytest.raises(InputError, match="as many y as x"):
        draw(curves(series), LIGHT)


def test_files_come_in_both_themes_and_their_bytes_are_a_function_of_the_picture(tmp_path: Path):
    pictures = (gallery(Cell(torch.zeros(1, 8, 8), "a", "bad")), curves(line()))
    for run in ("one", "two"):
        save_pictures(pictures, tmp_path / run)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == ["cells-dark.png", "cells-light.png", "lines-dark.png", "lines-light.png"]
    for name in names:
        content = (tmp_path / "one" / name).read_bytes()
        assert content == (tmp_path / "two" / name).read_bytes()
        assert b"Software" not in content
        theme = THEMES[name.split("-")[1].removesuffix(".png")]
        corner = Image.open(io.BytesIO(content)).convert("RGB").getpixel((0, 0))
        assert "#{:02x}{:02x}{:02x}".format(*corner) == theme.background


def test_names_that_clash_or_lead_elsewhere_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="2 pictures named 'lines'"):
        save_pictures([curves(line())] * 2, tmp_path)
    with pytest.raises(InputError, match="plain file name"):
        save_pictures([replace(curves(line()), name="../lines")], tmp_path)
    assert list(tmp_path.iterdir()) == []
