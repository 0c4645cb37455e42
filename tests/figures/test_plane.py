"""Planes drawn: exact ellipses, common ranges, one legend, labels that stay apart."""

import io
import math

import numpy as np
import pytest
from matplotlib.text import Annotation
from PIL import Image

from robustlens.errors import InputError, UnknownName
from robustlens.figures import LIGHT, THEMES, Theme, draw, save_pictures
from robustlens.figures.canvas import width_of
from robustlens.figures.labels import place
from robustlens.figures.shapes import outline
from robustlens.figures.theme import Looks
from robustlens.pictures import Arrow, Dots, Ellipse, Line, Plane, Sheet

SLANTED = ((9.0, 2.0), (2.0, 1.0))


def plane(*sheets: Sheet, **options) -> Plane:
    return Plane("plane", "A plane.", "x1", "x2", sheets, **options)


def classes(eps: float = 0) -> Sheet:
    return Sheet(
        f"eps {eps}",
        (
            Ellipse("class +1", (4, 1.5), SLANTED, 1 + eps, "good"),
            Ellipse("class -1", (-4, -1.5), SLANTED, 1 + eps, "bad"),
            Line("boundary", (-10, 10), (3, -3)),
            Arrow("weights", (0, 0), (1, 3)),
        ),
    )


def crowd(count: int = 40) -> Dots:
    spread = np.random.default_rng(0).normal(size=(2, count)).tolist()
    return Dots("features", *spread, "good", [f"feature {i}" for i in range(count)])


def pixels(picture: Plane, theme: Theme = LIGHT) -> np.ndarray:
    content = io.BytesIO()
    draw(picture, theme).savefig(content, format="png", dpi="figure")
    return np.asarray(Image.open(content).convert("RGB"))


def colour(text: str) -> tuple[int, ...]:
    return tuple(int(text[i : i + 2], 16) for i in (1, 3, 5))


def count(drawn: np.ndarray, text: str) -> int:
    return int((drawn == colour(text)).all(axis=2).sum())


def words(axes) -> list:
    """Return where the words of labels are, without their leaders."""
    axes.figure.draw_without_rendering()
    found = [child for child in axes.get_children() if isinstance(child, Annotation)]
    return [super(Annotation, a).get_window_extent() for a in found if a.get_text()]


@pytest.mark.parametrize("covariance", [SLANTED, ((1, 0), (0, 1)), ((1e-4, 0), (0, 1e4))])
def test_every_point_of_an_ellipse_has_the_mahalanobis_distance_of_its_radius(covariance):
    points = outline(Ellipse("a", (3, -2), covariance, 2.5))
    away = points - [3, -2]
    squared = np.einsum("ni,ij,nj->n", away, np.linalg.inv(covariance), away)
    assert np.allclose(np.sqrt(squared), 2.5, rtol=1e-9)
    assert np.allclose(points[0], points[-1])
    reach = 2.5 * np.sqrt(np.diag(covariance))
    assert np.allclose(away.max(axis=0), reach, rtol=1e-4)
    assert np.allclose(away.min(axis=0), -reach, rtol=1e-4)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_shapes_are_there_in_the_colours_of_their_tones(theme):
    drawn = pixels(plane(classes(), classes(1)), theme)
    assert tuple(drawn[0, 0]) == colour(theme.background)
    for tone in (
        theme.tone("good"),
        theme.tone("bad"),
        theme.tone("plain"),
        theme.tone("plain", 1),
    ):
        assert count(drawn, tone) > 300


def test_every_kind_of_shape_leaves_its_mark():
    def square(*shapes) -> np.ndarray:
        return pixels(plane(Sheet("", shapes), x_range=(-2, 2), y_range=(-2, 2)))

    empty = square()
    for shape in (
        Ellipse("", (0, 0), SLANTED, 0.3, "bad"),
        Arrow("", (0, 0), (1, 1), "bad"),
        Line("", (-1, 1), (0, 0), "bad"),
        Dots("", (0,), (0,), "bad"),
        Dots("", [i / 50 - 2 for i in range(200)], [0.0] * 200, "bad"),
        Dots("", (0,), (0,), "bad", ("word",)),
    ):
        assert (empty != square(shape)).any(axis=2).sum() > 50
    nothing = plane(Sheet("", (Arrow("", (1, 1), (1, 1)), Dots("", (), ()), Line("", (), ()))))
    assert count(pixels(nothing), LIGHT.tone("plain")) == 0


def test_an_arrow_ends_where_it_says():
    picture = plane(
        Sheet("", (Arrow("", (0, 0), (1, 0), "bad"),)), x_range=(-2, 2), y_range=(-2, 2)
    )
    figure = draw(picture, LIGHT)
    figure.draw_without_rendering()
    start, end = figure.axes[0].transData.transform([(0, 0), (1, 0)])
    drawn = (pixels(picture) == colour(LIGHT.tone("bad"))).all(axis=2)
    columns = np.flatnonzero(drawn.any(axis=0))
    assert columns[0] == pytest.approx(start[0], abs=3)
    assert columns[-1] == pytest.approx(end[0], abs=3)
    head = drawn[:, columns[-1] - 12 :].any(axis=1).sum()
    assert head > 2 * drawn[:, columns[0] + 10 : columns[0] + 20].any(axis=1).sum()


def test_all_sheets_have_the_same_ranges_and_all_shapes_fit():
    figure = draw(plane(classes(), classes(1), classes(2)), LIGHT)
    ranges = {(axes.get_xlim(), axes.get_ylim()) for axes in figure.axes}
    assert len(ranges) == 1
    (((left, right), (bottom, top)),) = ranges
    points = np.concatenate([outline(shape) for shape in classes(2).shapes])
    assert (points > [left, bottom]).all()
    assert (points < [right, top]).all()


@pytest.mark.parametrize("sheets", [1, 2, 3, 4, 5])
def test_a_unit_is_as_long_across_as_up(sheets):
    shapes = [Sheet(str(i), (Ellipse("ball", (0, 0), ((1, 0), (0, 1))),)) for i in range(sheets)]
    figure = draw(plane(*shapes, x_range=(-2, 2), y_range=(-1, 1)), LIGHT)
    figure.draw_without_rendering()
    for axes in figure.axes:
        assert (axes.get_xlim(), axes.get_ylim()) == ((-2, 2), (-1, 1))
        box = axes.get_window_extent()
        assert box.width / box.height == pytest.approx(2, rel=0.01)
    named = [axes for axes in figure.axes if axes.get_xlabel()]
    assert len(named) == min(sheets, {4: 2}.get(sheets, 3))


def test_units_may_differ_and_a_strip_grows_where_its_range_is_free():
    long = Sheet("", (Line("a", (0, 1000), (0, 1)),))
    box = draw(plane(long, equal=False), LIGHT).axes[0].get_window_extent()
    assert box.height > 0.7 * box.width
    for shape in (Line("a", (0, 1000), (0, 1)), Line("a", (0, 1), (0, 1000))):
        box = draw(plane(Sheet("", (shape,))), LIGHT).axes[0].get_window_extent()
        assert 0.35 < box.height / box.width < 1.2
    (axes,) = draw(plane(Sheet("", (Dots("", (3,), (4,)),))), LIGHT).axes
    assert axes.get_xlim()[0] < 3 < axes.get_xlim()[1]


def test_one_legend_names_every_look_once():
    figure = draw(plane(classes(), classes(1)), LIGHT)
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["class +1", "class -1", "boundary", "weights"]
    assert draw(plane(Sheet("", (Line("", (0, 1), (0, 1)),))), LIGHT).legends == []


def test_names_differ_by_colour_and_by_dashes_or_marks():
    looks = Looks(LIGHT)
    a, b = looks.take("a", "plain", "line"), looks.take("b", "plain", "line")
    assert a.colour != b.colour
    assert a.style != b.style
    c, d = looks.take("c", "good", "dots"), looks.take("d", "bad", "dots")
    assert c.marker != d.marker
    e, f = looks.take("e", "good", "arrow"), looks.take("f", "bad", "arrow")
    assert e.shaft != f.shaft
    assert looks.take("a", "plain", "line") == a
    assert looks.take("a", "plain", "dots").colour == a.colour


@pytest.mark.parametrize("count", [1, 3, 9])
def test_the_legend_fits_below_the_sheets_and_long_names_stay_whole(count: int) -> None:
    names = [f"name {i} of what is drawn" for i in range(count - 1)]
    names.append("a name that is far too long for one line " * 4)
    lines = [Line(name.strip(), (0, 1), (i, 0)) for i, name in enumerate(names)]
    figure = draw(plane(Sheet("", (*lines, Dots("$x$", (0,), (0,))))), LIGHT)
    figure.draw_without_rendering()
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert 0 <= box.x0 < box.x1 <= figure.bbox.width
    assert 0 <= box.y0 < box.y1 <= figure.axes[0].get_tightbbox().y0
    found = [text.get_text().split() for text in legend.get_texts()]
    assert found == [name.split() for name in (*names, "$x$")]


def test_the_sample_of_an_arrow_is_an_arrow_in_its_colour() -> None:
    outside = Sheet("", (Arrow("one", (9, 9), (10, 9), "bad"),))
    drawn = pixels(plane(outside, x_range=(0, 1), y_range=(0, 1)))
    rows = np.flatnonzero((drawn == colour(LIGHT.tone("bad"))).all(axis=2).any(axis=1))
    assert len(rows) > 8
    assert rows[0] > 0.8 * len(drawn)


def test_labels_cover_neither_each_other_nor_marks():
    dots = crowd()
    (axes,) = draw(plane(Sheet("", (dots,)), equal=False), LIGHT).axes
    found = words(axes)
    assert len(found) == 40
    frame = axes.get_window_extent()
    for i, a in enumerate(found):
        assert frame.x0 <= a.x0
        assert a.x1 <= frame.x1
        assert not any(a.overlaps(b) for b in found[:i])
    marks = axes.transData.transform(np.stack([dots.x, dots.y], axis=1))
    assert not any(a.contains(*mark) for a in found for mark in marks)


def test_a_label_alone_stands_right_of_its_mark():
    where = np.array([[100.0, 100.0]])
    none, frame = np.zeros((0, 2)), np.array([0.0, 0.0, 400.0, 400.0])
    size = np.array([[60.0, 20.0]])
    ((x, y),) = place(where, size, where, none, frame)
    assert x - 30 == pytest.approx(109)
    assert y == pytest.approx(100)
    edge = np.array([[390.0, 100.0]])
    ((x, _),) = place(edge, size, edge, none, frame)
    assert x < 390  # at the right edge it turns left
    wall = np.stack([np.full(40, 130.0), np.arange(80.0, 120.0)], axis=1)
    ((x, _),) = place(where, size, where, wall, frame)
    assert x < 100


def test_labels_outside_the_ranges_and_empty_ones_are_left_out():
    dots = Dots("a", (0, 1, 5), (0, 1, 5), labels=("one $x$", " ", "outside"))
    (axes,) = draw(plane(Sheet("", (dots,)), x_range=(-2, 2), y_range=(-2, 2)), LIGHT).axes
    found = [a.get_text() for a in axes.get_children() if isinstance(a, Annotation)]
    assert found == ["one $x$"]


def test_few_points_are_large_and_many_are_faint():
    def drawn(count: int):
        dots = Dots("a", range(count), range(count))
        return draw(plane(Sheet("", (dots,))), LIGHT).axes[0].get_lines()[0]

    few, some, many = drawn(5), drawn(100), drawn(10_000)
    assert few.get_markersize() > some.get_markersize() > many.get_markersize()
    assert few.get_alpha() is None
    assert some.get_alpha() > many.get_alpha()


def test_bytes_are_a_function_of_the_picture(tmp_path):
    picture = plane(Sheet("points", (crowd(6), *classes().shapes)))
    for run in ("one", "two"):
        save_pictures([picture], tmp_path / run)
    for name in ("plane-light.png", "plane-dark.png"):
        content = (tmp_path / "one" / name).read_bytes()
        assert content == (tmp_path / "two" / name).read_bytes()
    light, dark = (
        np.asarray(Image.open(tmp_path / "one" / f"plane-{name}.png").convert("RGB"))
        for name in ("light", "dark")
    )
    assert light.shape == dark.shape
    assert light.mean() > 200 > 60 > dark.mean()


def test_names_fit_into_the_figure():
    long = "a very long name of a sheet that says what was done and to what extent"
    figure = draw(plane(Sheet(long, classes().shapes), classes(), classes()), LIGHT)
    title = figure.axes[0].get_title(loc="left")
    assert max(width_of(part) for part in title.splitlines()) <= 1560 / 3
    assert title.replace("\n", " ") == long


BALL = ((1, 0), (0, 1))


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (Line("p", (0, 1), (0,)), "as many y as x"),
        (Dots("p", (0, 1), (0, 1), labels=("one",)), "one label for each point"),
        (Line("p", (0, math.nan), (0, 1)), "finite"),
        (Arrow("p", (0, 0), (math.inf, 0)), "finite"),
        (Ellipse("p", (0, math.nan), BALL), "finite"),
        (Ellipse("p", (0, 0), BALL, -1), "a finite number >= 0"),
        (Ellipse("p", (0, 0), ((1, 2), (2, 1))), "positive definite"),
        (Ellipse("p", (0, 0), ((-1, 0), (0, -1))), "positive definite"),
        (Ellipse("p", (0, 0), ((1, 0.5), (0, 1))), "symmetric"),
        (Ellipse("p", (0, 0), ((1, math.nan), (math.nan, 1))), "positive definite"),
    ],
)
def test_shapes_that_are_not_whole_are_refused(shape, words):
    with pytest.raises(InputError, match=words):
        draw(plane(Sheet("", (shape,))), LIGHT)


def test_planes_that_make_no_sense_are_refused():
    with pytest.raises(InputError, match="no sheet"):
        draw(plane(), LIGHT)
    for limits in ((1, 1), (2, 1), (0, math.inf), (math.nan, 1)):
        with pytest.raises(InputError, match="y_range"):
            draw(plane(classes(), y_range=limits), LIGHT)
    with pytest.raises(UnknownName, match="tone 'ugly'"):
        draw(plane(Sheet("", (Arrow("a", (0, 0), (1, 1), "ugly"),))), LIGHT)
    with pytest.raises(InputError, match="one tone for a name"):
        draw(plane(Sheet("", tuple(Arrow("a", (0, 0), (1, 1), t) for t in ("good", "bad")))), LIGHT)
