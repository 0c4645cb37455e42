"""Certificates: what they say, that they hold, and that nothing but seed and image moves them."""

import math
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from scipy import stats
from scipy.special import ndtri
from torch import Tensor, nn

from robustlens.bounds import clopper_pearson
from robustlens.data import Dataset
from robustlens.errors import Doubtful, InputError
from robustlens.nets import normalised
from robustlens.smoothing import (
    Certificate,
    Fixed,
    Gaussian,
    Noise,
    Plan,
    Rounded,
    Sequential,
    certify,
    predict,
    tsv,
    under_noise,
    write_tsv,
)
from toys import Halfspace, data, plane

NOISES = [Gaussian(0.25), Rounded(0.25)]
PLANS = [Fixed(n=200), Sequential(n=500), Sequential(n=500, radii=(0.1,), n0=0)]


def rows(
    model: Any, images: Dataset, *, noise: Noise = NOISES[0], plan: Plan, **settings: Any
) -> list[Certificate]:
    return list(certify(model, images, noise, plan, **({"batch_size": 2048} | settings)))


@pytest.mark.parametrize("noise", NOISES, ids=str)
def test_the_radius_goes_to_the_distance_of_a_hyperplane(noise: Noise) -> None:
    model, images = plane(4)
    far = model.distance(images.images / 255)
    gaps = []
    for n in (500, 20_000):
        for row, distance in zip(
            rows(model, images, noise=noise, plan=Fixed(n=n)), far, strict=True
        ):
            assert row.predicted in (row.label, -1)
            assert row.radius <= distance + 1e-3  # false with probability 0.001
            gaps.append(float(distance) - row.radius)
    assert max(gaps[4:]) < 0.03
    assert max(gaps[4:]) < max(gaps[:4])


def test_rows_say_what_was_counted() -> None:
    model, images = plane(4)
    for row in rows(model, images, plan=Fixed(n=300, n0=20), alpha=0.01):
        assert (row.n, row.n0, row.label) == (300, 20, int(images.labels[row.index]))
        low = stats.beta.ppf(0.01, row.votes, row.n - row.votes + 1)
        assert row.low == pytest.approx(low, abs=1e-9)
        assert row.radius == pytest.approx(max(0.25 * ndtri(low), 0), abs=1e-9)
        assert row.predicted == (row.candidate if low > 0.5 else -1)
        assert row.label_votes == (row.votes if row.candidate == row.label else 300 - row.votes)
        assert row.correct == (row.predicted == row.label)


@pytest.mark.parametrize("plan", PLANS, ids=str)
@pytest.mark.parametrize("noise", NOISES, ids=str)
def test_rows_depend_on_nothing_but_seed_and_image(plan: Plan, noise: Noise) -> None:
    model, images = plane(3)
    whole = rows(model, images, noise=noise, plan=plan)
    assert [row.index for row in whole] == list(range(3))
    assert whole == rows(model, images, noise=noise, plan=plan)
    for size in (16, 100):
        assert whole == rows(model, images, noise=noise, plan=plan, batch_size=size)
    parts = [rows(model, images, noise=noise, plan=plan, indices=part) for part in ([2, 1], (0,))]
    assert whole == sorted(parts[0] + parts[1], key=lambda row: row.index)
    other = rows(model, images, noise=noise, plan=plan, seed=1)
    assert whole != other


def test_votes_for_the_choice_are_not_those_that_certify(monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module("robustlens.smoothing.certify")
    seen: list[tuple[str, int]] = []
    tally = module.tally

    def watched(*args: Any, **named: Any) -> Tensor:
        seen.append(
            (named["purpose"], named["n"] if isinstance(named["n"], int) else sum(named["n"]))
        )
        counted: Tensor = tally(*args, **named)
        return counted

    monkeypatch.setattr(module, "tally", watched)
    model, images = plane(1)
    rows(model, images, plan=Fixed(n=300, n0=20))
    assert seen == [("select", 20), ("certify", 300)]
    seen.clear()
    (row,) = rows(model, images, plan=PLANS[2])
    assert {purpose for purpose, _ in seen} == {"certify"}  # the noiseless answer is the candidate
    assert sum(n for _, n in seen) == row.n


def test_noise_goes_in_before_the_models_own_normalisation() -> None:
    """The same net for images in [-1, 1], behind its normalisation, has the same radii."""
    model, images = plane(3)
    inner = Halfspace(model.w / 2, model.b - float(model.w.sum()) / 2)
    wrapped = normalised(inner, mean=(0.5,), std=(0.5,))
    pairs = zip(*(rows(net, images, plan=Fixed(n=400)) for net in (model, wrapped)), strict=True)
    for one, other in pairs:
        assert other.candidate == one.candidate
        assert abs(other.votes - one.votes) <= 1  # rounding on the boundary
        assert other.radius == pytest.approx(one.radius, abs=0.01)


def test_memory_does_not_grow_with_n() -> None:
    sizes = []

    def model(x: Tensor) -> Tensor:
        sizes.append(len(x))
        return torch.stack([x.flatten(1).sum(dim=1), torch.zeros(len(x))], dim=1)

    images = data(torch.full((1, 1, 2, 2), 200), torch.tensor([0]))
    rows(model, images, plan=Fixed(n=5000), batch_size=64)
    assert max(sizes) == 64


def test_a_vote_without_an_answer_counts_against_the_candidate() -> None:
    def model(x: Tensor) -> Tensor:
        z = torch.tensor([[3.0, 0.0]]).expand(len(x), -1)
        return torch.where(x.flatten(1)[:, :1] > 0.75, torch.nan, z)

    images = data(torch.full((1, 1, 1, 1), 128), torch.tensor([0]))
    (row,) = rows(model, images, plan=Fixed(n=1000), noise=Gaussian(0.5))
    assert 500 < row.votes < 800
    assert row.candidate == 0


def test_predict_abstains_where_votes_do_not_tell() -> None:
    model, images = plane(4)
    found = list(predict(model, images, Gaussian(0.25), n=500, batch_size=512))
    assert [row.predicted for row in found] == [row.label for row in found]
    edge = replace(images, images=images.images[:1], labels=images.labels[:1])
    on = Halfspace(model.w, float(edge.images[0].float().flatten() @ model.w / 255))
    answers = [row.predicted for row in predict(on, edge, Gaussian(0.25), n=100, alpha=0.001)]
    assert answers == [-1]
    assert list(predict(model, images, Gaussian(0.25), n=100)) == list(
        predict(model, images, Gaussian(0.25), n=100, batch_size=4096)
    )


def many(margin: float) -> tuple[nn.Module, Dataset]:
    """Return 600 equal images at a margin from a half-space of one pixel."""
    images = data(torch.full((600, 1, 1, 1), 51), torch.ones(600, dtype=torch.int64))
    return Halfspace(torch.ones(1), 51 / 255 - margin), images


Cheat = Callable[[pytest.MonkeyPatch], None]


def honest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave all as it is."""


def reuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Choose the candidate by the very votes that certify it."""
    module = import_module("robustlens.smoothing.certify")
    monkeypatch.setattr(module, "SELECT", module.CERTIFY)


def freeze(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the first two blocks of noise again and again."""
    module = import_module("robustlens.smoothing.votes")
    fill = module.fill
    monkeypatch.setattr(
        module,
        "fill",
        lambda bits, seed, purpose, image, block: fill(bits, seed, purpose, image, block % 2),
    )


FEW: dict[str, Plan] = {
    "fixed": Fixed(n=160, n0=160),
    "sequential": Sequential(n=160, n0=16, radii=(0.0625,)),
}


@pytest.mark.parametrize(
    ("plan", "cheat", "margins"),
    [
        ("fixed", honest, (0.0, 0.0625)),
        ("sequential", honest, (0.0, 0.0625)),
        ("fixed", reuse, (0.0,)),
        ("fixed", freeze, (0.0625,)),
        ("sequential", freeze, (0.0625,)),
    ],
)
def test_false_certificates_are_as_rare_as_promised(
    plan: str, cheat: Cheat, margins: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the edge of a radius every certificate of it is false; two shortcuts must show."""
    cheat(monkeypatch)
    alpha = 0.05
    for margin in margins:
        model, images = many(margin)
        noise, size = Gaussian(0.25), 16_384
        found = rows(model, images, noise=noise, plan=FEW[plan], alpha=alpha, batch_size=size)
        false = sum(row.predicted == 0 or row.radius > margin for row in found)
        assert (clopper_pearson(false, len(found), 1e-4).low > alpha) == (cheat is not honest)


def test_a_model_that_does_not_know_noise_is_warned_of(trained: Any) -> None:
    pixels = (trained.x * 255).round()
    images = data(pixels, trained.y, 10)
    assert under_noise(trained.model, images, Gaussian(0.01)).trained
    found = under_noise(trained.model, images, Gaussian(3.0))
    assert found.clean.value > 0.95
    assert not found.trained
    few = {"plan": Fixed(n=20), "indices": [0], "alpha": 0.01}
    with pytest.warns(Doubtful, match=r"on .*% of them under gaussian noise, sigma 3: .*denoised"):
        rows(trained.model, images, noise=Gaussian(3.0), **few)


def test_nothing_of_the_model_is_left_changed(trained: Any) -> None:
    model = trained.model.train()
    try:
        with pytest.warns(Doubtful, match="training mode"):
            rows(
                model,
                data((trained.x * 255).round(), trained.y, 10),
                plan=Fixed(n=20),
                indices=[0],
                noise=Gaussian(0.01),
                alpha=0.01,
            )
        assert all(part.training for part in model.modules())
        assert all(p.requires_grad and p.grad is None for p in model.parameters())
    finally:
        model.eval()


BAD: list[tuple[dict[str, Any], str]] = [
    ({"alpha": 0.0}, "alpha is 0"),
    ({"alpha": 1.0}, "alpha is 1"),
    ({"alpha": math.nan}, "alpha is nan"),
    ({"plan": Fixed(n=9)}, r"n = 9 votes at alpha = 0.001.*n >= 10"),
    ({"plan": Sequential(n=11, radii=(1e-9,))}, "n >= 12"),
    ({"plan": Sequential(n=100, radii=(0.5,))}, "n >= 351"),
    ({"plan": Sequential(radii=(64.0,))}, "radii from 64"),
    ({"indices": [0, 7]}, "index 7 for 4 images"),
]


@pytest.mark.parametrize(("settings", "words"), BAD)
def test_what_cannot_be_certified_is_refused(settings: dict[str, Any], words: str) -> None:
    model, images = plane(4)
    with pytest.raises(InputError, match=words):
        certify(model, images, Gaussian(0.25), **settings)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (Fixed, {"n": 0}), (Fixed, {"n0": 0}), (Sequential, {"n": 0}), (Sequential, {"n0": -1}),
        (Sequential, {"radii": (0.5, 0.25)}), (Sequential, {"radii": (0.0,)}),
        (Sequential, {"beta": 0.0}), (Sequential, {"spare": -1}),
    ],
)  # fmt: skip
def test_plans_that_make_no_sense_are_refused(kind: Any, settings: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        kind(**settings)
    with pytest.raises(InputError, match=r"n is 0.*change n\)"):
        predict(*plane(4), Gaussian(0.25), n=0)
    with pytest.raises(InputError, match=r"n = 10 votes at alpha = 0.001.*n >= 11"):
        predict(*plane(4), Gaussian(0.25), n=10)


def test_classes_that_do_not_fit_are_refused() -> None:
    model, images = plane(4)
    wrong = replace(images, labels=torch.full((4,), 2), classes=("a", "b", "c"))
    with pytest.raises(InputError, match="label 2 for a model with 2 classes"):
        rows(model, wrong, plan=Fixed(n=20), alpha=0.01)
    with pytest.raises(InputError, match="at least two classes"):
        rows(lambda x: model(x)[:, :1], images, plan=Fixed(n=20), alpha=0.01)


def test_the_table_is_that_of_the_original_code(tmp_path: Path) -> None:
    one = Certificate(
        index=3, label=1, candidate=1, votes=95, label_votes=95, n=100, n0=10, low=0.86,
        radius=0.270083, seconds=1.5,
    )  # fmt: skip
    none = replace(one, index=0, low=0.4, radius=0.0, seconds=0.0)
    assert tsv([one, none]) == (
        "idx\tlabel\tpredict\tradius\tcorrect\ttime\n"
        "0\t1\t-1\t0.0\t0\t0:00:00\n"
        "3\t1\t1\t0.27\t1\t0:00:01.500000\n"
    )
    write_tsv(tmp_path / "rows.tsv", [one, none])
    assert (tmp_path / "rows.tsv").read_text() == tsv([one, none])
    assert one == replace(one, seconds=9.0)
    assert Certificate(**one.as_dict()) == one
