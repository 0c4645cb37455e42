"""The five studies of representations: rules, measures against known answers, tiny runs."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from robustlens.data import Dataset
from robustlens.errors import InputError, UnknownName
from robustlens.figures import save_pictures
from robustlens.rate import Rate
from robustlens.registry import Bench, run
from robustlens.result import Verdict
from robustlens.streams import stream
from robustlens.studies import STUDIES, feature_manipulation, feature_sensitivity, interpolation
from robustlens.studies import representation_inversion as inversion
from robustlens.studies.feature_visualization import measures as drawing
from robustlens.studies.feature_visualization import study as visualization
from robustlens.studies.kit.representations import (
    FASHION,
    SHIPPED,
    TUNED,
    Twins,
    alike,
    chance,
    even,
    measured,
    partners,
    said,
)
from robustlens.studies.kit.units import TOP, Known

NAMES = (
    "representation-inversion",
    "interpolation",
    "feature-visualization",
    "feature-manipulation",
    "feature-sensitivity",
)
WOBBLE = torch.linspace(-0.01, 0.01, 40)


class Straight(nn.Module):
    """R(x) = the pixels, and logits = V R(x): what a net sees is the image itself."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.head = nn.Linear(weights.shape[1], weights.shape[0], bias=False)
        self.head.weight = nn.Parameter(weights)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(x.flatten(1))
        return logits


class Bent(Straight):
    """The same of the squares of the pixels: a straight line of pixels is none for it."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.square())


def toy(n: int = 60, side: int = 12, classes: int = 3) -> Dataset:
    pixels = torch.randint(0, 256, (n, 1, side, side), generator=stream(0, "toy"))
    names = tuple(f"class {k}" for k in range(classes))
    return Dataset(pixels.to(torch.uint8), torch.arange(n) % classes, names, "toy")


def pair(kind: type[Straight] = Straight) -> Twins:
    data = toy()
    size = 144
    nets = [kind(torch.randn(3, size, generator=stream(k, "net")) / 12) for k in range(2)]
    return Twins("toy", nets[0].eval(), nets[1].eval(), data)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the tiny nets lie: trained once for all five."""
    return tmp_path_factory.mktemp("tiny")


@pytest.mark.parametrize("name", NAMES)
def test_a_tiny_run_has_a_verdict_and_pictures_that_can_be_drawn(
    name: str, folder: Path, tmp_path: Path
) -> None:
    study = STUDIES[name]
    result = run(study, "tiny", study.presets["tiny"], folder=folder)
    assert result.verdict is Verdict.TOO_SMALL
    assert result.numbers
    assert "%" in result.summary or "dB" in result.summary
    save_pictures(result.figures, tmp_path / "pictures")
    drawn = {path.name for path in (tmp_path / "pictures").glob("*-light.png")}
    assert drawn == {f"{figure.name}-light.png" for figure in result.figures}
    assert len(drawn) >= 2


@pytest.mark.parametrize("name", NAMES)
def test_quick_trains_nothing_and_full_takes_the_best_shipped_nets(name: str) -> None:
    quick, full = (STUDIES[name].presets[preset] for preset in ("quick", "full"))
    assert (quick.standard, quick.robust) == SHIPPED["fashion"]
    assert (full.standard, full.robust) == SHIPPED["cifar10"]
    assert full.also == ("imagenette64",)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_pair_is_what_its_recipes_say(name: str) -> None:
    from robustlens.zoo import entry

    for recipe in SHIPPED[name]:
        card = entry(recipe.weights).card
        for word in ("net", "width", "stem_stride", "loss", "size"):
            assert card["recipe"].get(word, 0) == getattr(recipe, word), word
        assert card["evaluation"]["data"] == recipe.data


def test_no_image_that_a_default_was_chosen_on_is_measured() -> None:
    data = replace(toy(600), name="cifar10")
    one = pair()._replace(test=data)
    places = one.places(90)
    assert len(places) == 90
    assert int(places.min()) >= 500
    assert not TUNED["cifar10"] & set(places.tolist())
    assert torch.bincount(data.labels[places]).tolist() == [30, 30, 30]


def test_places_are_even_in_order_and_among_what_is_asked_for() -> None:
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2])
    assert even(labels, 4).tolist() == [0, 1, 3, 5]
    assert even(labels, 3, frozenset({0})).tolist() == [1, 3, 5]
    assert even(labels, 9, among=labels == 2).tolist() == [5, 6]
    with pytest.raises(InputError, match="at least one"):
        even(labels, 2, among=labels == 3)


def test_partners_are_of_another_class_and_twins_of_ones_own() -> None:
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    assert all(labels[partners(labels)] != labels)
    assert partners(torch.zeros(3, dtype=torch.int64)).tolist() == [0, 1, 2]
    assert alike(labels, torch.tensor([0, 1, 3, 4])).tolist() == [1, 0, 2, 5]


def test_chance_is_the_softmax_of_one_class_in_any_batch() -> None:
    net, x = Straight(torch.eye(4)[:3]), torch.rand(300, 1, 2, 2, generator=stream(0, "x"))
    y = torch.arange(300) % 3
    expected = x.flatten(1)[:, :3].softmax(dim=1).gather(1, y[:, None]).squeeze(1)
    torch.testing.assert_close(chance(net, x, y), expected)


def test_what_is_not_there_is_left_out_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, torch.device("cpu"))
    config = replace(STUDIES["interpolation"].presets["quick"], also=("nowhere",))
    with pytest.raises(UnknownName, match="nowhere"):
        measured(config, bench)
    lost = replace(FASHION, data=str(tmp_path / "no such folder"))
    monkeypatch.setitem(SHIPPED, "lost", (lost, lost))
    found, words = measured(replace(config, also=("lost",)), bench)
    assert [one.name for one in found] == ["fashion"]
    assert "Left out: lost (" in words


def test_one_table_names_its_data_sets_where_there_are_several() -> None:
    one = {"n": inversion.Number.exact(1.0)}
    assert list(said({"a": one})) == ["n"]
    assert list(said({"a": one, "b": one})) == ["a: n", "b: n"]


def test_units_are_known_by_the_images_they_answer_to() -> None:
    data = toy(90)
    known = Known.of(Straight(torch.eye(144)[:3]), data)  # unit k is pixel k
    pixel = data.images.flatten(1)[:, 5].float() / 255
    assert known.most(5, 3).tolist() == pixel.argsort(descending=True, stable=True)[:3].tolist()
    assert float(pixel[known.least(5, 1)]) == float(pixel.min())
    strongest = data.labels[pixel.argsort(descending=True, stable=True)[:TOP]]
    assert int(known.label[5]) == int(strongest.mode().values)
    assert known.level(5, 1.0) == float(pixel.max())
    assert known.units(3).tolist() == [0, 48, 96]


def test_a_unit_that_never_answers_is_not_drawn() -> None:
    data = toy(30)
    data.images[:, :, 0] = 0
    known = Known.of(Straight(torch.eye(144)[:3]), data)
    assert known.units(1000).tolist() == list(range(12, 144))
    with pytest.raises(InputError, match="units"):
        known.units(0)


def test_inversion_of_pixels_gives_the_image_and_is_measured_so() -> None:
    one = pair()
    config = inversion.Config(images=6, steps=400, shown=2)
    found = inversion.measure(one, config)
    for each in found.by.values():  # R is the image itself: both come to it, up to a step
        assert float(each.distance.max()) < 0.02
        assert float(each.ssim.min()) > 0.9
        assert each.own.value == 1.0
    assert float(found.start.max()) < 0.3
    assert inversion.holds(found) is False  # no net of the two is better


def test_the_nearest_picture_is_found_by_correlation_whatever_its_light() -> None:
    x = torch.rand(5, 1, 12, 12, generator=stream(0, "x"))
    order = torch.tensor([3, 1, 4, 0, 2])
    assert inversion.nearest(0.3 * x[order] + 0.4, x).tolist() == order.tolist()


def inverted(far: float, ssim: float, psnr: float, own: float) -> inversion.Found:
    made = inversion.Made(torch.zeros(0), torch.zeros(0), torch.zeros(0), {}, {})
    rate = Rate.share(round(own * 100), 100)
    return inversion.Found(made, WOBBLE * 0.1 + far, WOBBLE + ssim, WOBBLE + psnr, rate)


GOOD = {"robust": (0.05, 0.5, 18.0, 0.9), "standard": (0.05, 0.1, 12.0, 0.2)}


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        ({}, True),
        ({"robust": (0.15, 0.5, 18.0, 0.9)}, False),  # the robust net is not matched
        ({"standard": (0.15, 0.1, 12.0, 0.2)}, False),  # the standard one is not
        ({"robust": (0.05, 0.15, 18.0, 0.9)}, False),  # hardly more like
        ({"robust": (0.05, 0.5, 12.0, 0.9)}, False),
        ({"robust": (0.05, 0.5, 18.0, 0.25)}, False),  # it could be any image
    ],
)
def test_the_rule_of_inversion(change: dict, holds: bool) -> None:
    by = {name: inverted(*row) for name, row in (GOOD | change).items()}
    found = inversion.Measured(torch.zeros(0), by, WOBBLE, WOBBLE, ())
    assert inversion.holds(found) is holds


def test_a_blend_is_straight_for_pixels_and_not_for_their_squares() -> None:
    one, other = pair(), pair(Bent)
    (a, _), (b, _) = (one.images(torch.arange(k, k + 4)) for k in (0, 4))
    mixed = interpolation.blended(a, b, 5)
    assert torch.equal(mixed[:, 0], a)
    way = interpolation.seen(one.robust, mixed, a, b)
    torch.testing.assert_close(way.off, torch.zeros(4, 5), atol=1e-6, rtol=0)
    torch.testing.assert_close(way.from_a[:, 2], way.length / 2)
    assert bool(way.steady().all())
    bent = interpolation.seen(other.robust, mixed, a, b)
    middle = ((a + b) / 2).square().flatten(1) - (a.square() + b.square()).flatten(1) / 2
    line = (a.square() + b.square()).flatten(1) / 2
    torch.testing.assert_close(bent.off[:, 2], middle.norm(dim=1) / line.norm(dim=1))


def test_a_way_that_goes_back_is_not_steady() -> None:
    from_a = torch.tensor([[0.0, 1, 2, 3], [0, 2, 1, 3], [0, 1.5, 1.48, 3]])
    way = interpolation.Way(from_a, from_a, 3 - from_a, torch.full((3,), 3.0))
    assert way.steady().tolist() == [True, False, True]  # the last within a hundredth


def test_ways_through_a_net_that_is_not_straight_come_nearer_than_the_blend() -> None:
    config = interpolation.Config(pairs=4, points=5, steps=150, shown=1)
    for found in interpolation.measure(pair(Bent), config).by.values():
        assert float(found.own.inner().max()) < float(found.blend.inner().min()) / 3
        assert bool(found.own.steady().all())
        assert float(found.share.max()) < 0.5  # R is the same in both: it sees what was done


def ways(off: float, blend: float, share: float, steady: int) -> interpolation.Found:
    n, line = 40, torch.linspace(0.0, 1.0, 4).expand(40, 4).clone()
    from_a = line.clone()
    from_a[steady:, 2] = 0.0
    own, mixed = (
        interpolation.Way((WOBBLE * 0.1 + v)[:, None].expand(n, 4), from_a, 1 - line, torch.ones(n))
        for v in (off, blend)
    )
    return interpolation.Found(torch.zeros(0), own, mixed, WOBBLE + share)


STRAIGHT = {"robust": (0.05, 0.3, 0.8, 40), "standard": (0.05, 0.3, 1.0, 40)}


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        ({}, True),
        ({"robust": (0.15, 0.3, 0.8, 40)}, False),  # off the line
        ({"robust": (0.05, 0.05, 0.8, 40)}, False),  # no nearer than the blend
        ({"robust": (0.05, 0.3, 0.8, 35)}, False),  # too many turn
        ({"robust": (0.05, 0.3, 1.0, 40)}, False),  # nobody else sees it
        ({"standard": (0.05, 0.3, 0.8, 40)}, False),  # the standard net's are seen as well
    ],
)
def test_the_rule_of_interpolation(change: dict, holds: bool) -> None:
    assert interpolation.holds({k: ways(*v) for k, v in (STRAIGHT | change).items()}) is holds


def test_a_picture_of_a_pixel_goes_the_way_of_the_images_that_have_it() -> None:
    one = pair()
    known = Known.of(one.robust, one.test)
    units = torch.tensor([3, 7])
    at = known.order[0, units]
    x, _ = one.images(at)
    rank, others = drawing.ranks(one.robust, x, known, units, 0)
    assert rank.shape == others.shape == (2,)
    exact = [float(torch.corrcoef(_ranks(x[i], known, units[i])).mean(dim=0)[0]) for i in (0, 1)]
    assert bool((rank > others).all()), exact  # one of the five is the image itself


def _ranks(image: Tensor, known: Known, unit: Tensor) -> Tensor:
    rows = [image.flatten(), *known.values[known.order[: drawing.CLOSEST, unit]]]
    return torch.stack([row.argsort().argsort().float() for row in rows])


def drawn(rank: float, others: float, named: float) -> drawing.Drawn:
    made = drawing.Made(torch.zeros(0), torch.zeros(0), torch.zeros(0), {}, {})
    by_twin, off = Rate.share(round(100 * named), 100), Rate.share(0, 100)
    return drawing.Drawn(made, WOBBLE + rank, WOBBLE + others, by_twin, off)


UNITS = {"robust": (0.6, 0.2, 0.8), "standard": (0.3, 0.2, 0.1)}


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        ({}, True),
        ({"standard": (0.6, 0.2, 0.1)}, False),  # the standard net's go the natural way too
        ({"robust": (0.6, 0.6, 0.8)}, False),  # any image would do
        ({"robust": (0.6, 0.2, 0.15)}, False),  # nobody else sees what it is
    ],
)
def test_the_rule_of_visualization(change: dict, holds: bool) -> None:
    known = Known(torch.zeros(1, 1), torch.zeros(1, 1, dtype=torch.int64), torch.zeros(1))
    by = {
        name: drawing.Found(known, torch.zeros(1), {drawing.NOISE: drawn(*row)})
        for name, row in (UNITS | change).items()
    }
    assert visualization.holds(by) is holds


def test_a_change_keeps_its_size_when_its_pixels_are_shuffled() -> None:
    x = torch.full((2, 3, 4, 4), 0.5)
    moved = x + torch.linspace(-0.4, 0.4, 96).view(2, 3, 4, 4)
    mixed = feature_manipulation.shuffled(x, moved, 0)
    torch.testing.assert_close((mixed - x).norm(), (moved - x).norm())
    assert not torch.allclose(mixed, moved)
    own = (moved - x).flatten(2)[0].T.tolist()  # colours of a pixel stay together
    kept = {tuple(round(v, 4) for v in pixel) for pixel in own}
    found = {tuple(round(v, 4) for v in p) for p in (mixed - x).flatten(2)[0].T.tolist()}
    assert found == kept


def test_a_pixel_is_added_up_to_its_levels() -> None:
    config = feature_manipulation.Config(units=3, images=2, degrees=(0.75, 1.0), steps=300)
    added = feature_manipulation.add(pair(), "robust", config)
    assert float(added.reached.min()) == 1.0
    for i, unit in enumerate(added.units.tolist()):
        value = added.images[i].flatten(1)[:, unit]
        for k, share in enumerate(config.degrees):
            level = added.known.level(unit, share)
            assert level - 0.02 <= float(value[k]) <= level + 0.15  # no farther than a step


def test_a_unit_that_is_off_is_raised_only_through_the_last_relu() -> None:
    class Gated(Straight):
        """R(x) = relu(x - 1/2): the unit of a dark pixel is off, and no gradient leads there."""

        def __init__(self, weights: Tensor) -> None:
            super().__init__(weights)
            self.gate = nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.head(self.gate(x.flatten(1) - 0.5))
            return logits

    config = feature_manipulation.Config(units=3, images=2, degrees=(1.0,), steps=300)
    stays, rises = (
        feature_manipulation.add(pair(Gated), "robust", replace(config, through=through))
        for through in (False, True)
    )
    assert float(stays.off.min()) == float(rises.off.min()) == 1.0
    assert float(stays.reached.max()) == 0.0
    assert float(rises.reached.min()) == 1.0


def test_images_that_lack_a_unit_are_of_other_classes_and_below_its_median() -> None:
    one = pair()
    known = Known.of(one.robust, one.test)
    places = feature_manipulation.lacking(one, known, 9, 4)
    assert len(set(places.tolist())) == 4
    assert all(one.test.labels[places] != known.label[9])
    assert bool((known.values[places, 9] <= known.values[:, 9].median()).all())


def added(gains: tuple[float, float], mixed: float, reached: float) -> feature_manipulation.Added:
    base = WOBBLE + 0.1
    seen = torch.stack([base, base + gains[0] + WOBBLE / 2, base + sum(gains) - WOBBLE / 2], dim=1)
    known = Known(torch.zeros(1, 1), torch.zeros(1, 1, dtype=torch.int64), torch.zeros(1))
    share, moved = torch.full((40, 2), reached), torch.ones(40, 2)
    blank = torch.zeros(0)
    return feature_manipulation.Added(
        torch.arange(40), blank, blank, share, moved, seen, base + mixed, share[:, 0], known
    )


DEGREES = {"robust": ((0.2, 0.2), 0.0, 1.0), "standard": ((0.0, 0.0), 0.0, 1.0)}


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        ({}, True),
        ({"robust": ((0.4, 0.0), 0.0, 1.0)}, False),  # no growth by degrees
        ({"robust": ((0.2, 0.2), 0.4, 1.0)}, False),  # any change as large
        ({"robust": ((0.2, 0.2), 0.0, 0.8)}, False),  # levels are not reached
        ({"standard": ((0.2, 0.2), 0.0, 1.0)}, False),
    ],
)
def test_the_rule_of_manipulation(change: dict, holds: bool) -> None:
    by = {name: added(*row) for name, row in (DEGREES | change).items()}
    assert feature_manipulation.holds(by) is holds


def test_a_mistake_of_one_pixel_is_traced_to_it() -> None:
    """Logits are three pixels: a mistake hangs on the brightest, and changes without it."""
    data = toy()
    data.images[:, :, 0, :3] = torch.tensor([10, 20, 250], dtype=torch.uint8)
    nets = [Straight(torch.eye(144)[:3]) for _ in range(2)]
    one = Twins("toy", nets[0], nets[1], data)
    wrong = feature_sensitivity.wrong(nets[0], one)
    assert torch.equal(wrong, data.labels != 2)
    config = feature_sensitivity.Config(mistakes=10, steps=10, shown=1)
    traced = feature_sensitivity.trace(one, "robust", config)
    assert traced.found.unit.tolist() == [2] * 10
    assert traced.changed.value == 1.0
    assert traced.control.value == 0.0
    assert traced.mended.value == 0.5  # the next brightest is class 1
    assert bool((traced.grown > 0).all())


def traced(changed: int, control: int, grown: float) -> feature_sensitivity.Traced:
    n = 100
    none, ones = torch.zeros(n, dtype=torch.int64), torch.ones(n)
    made = drawing.Made(torch.zeros(0), torch.zeros(0), torch.zeros(0), {}, {})
    without, other = ((torch.arange(n) < k).long() for k in (changed, control))
    found = feature_sensitivity.Sensitivity(none, none, ones, ones, without, none, other, made)
    known = Known(torch.zeros(1, 1), torch.zeros(1, 1, dtype=torch.int64), torch.zeros(1))
    return feature_sensitivity.Traced(none, torch.zeros(0), none, found, WOBBLE + grown, known)


MISTAKES = {"robust": (40, 5, 0.3), "standard": (10, 5, 0.0)}


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        ({}, True),
        ({"robust": (40, 35, 0.3)}, False),  # any unit would do
        ({"robust": (12, 0, 0.3)}, False),  # too few change
        ({"standard": (10, 5, 0.3)}, False),  # the standard net's are seen as well
    ],
)
def test_the_rule_of_sensitivity(change: dict, holds: bool) -> None:
    by = {name: traced(*row) for name, row in (MISTAKES | change).items()}
    assert feature_sensitivity.holds(by) is holds
