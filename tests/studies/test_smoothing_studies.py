"""Studies of smoothing: their rules' branches, and measures whose answer is known."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import ndtr
from torch import nn

from robustlens.errors import InputError
from robustlens.evaluation import Rate
from robustlens.figures import save_pictures
from robustlens.registry import Study, run
from robustlens.result import Number, Verdict
from robustlens.smoothing import (
    Certificate,
    CertifiedCurve,
    Distribution,
    Fixed,
    Sequential,
)
from robustlens.smoothing.sequential import GRID
from robustlens.studies import STUDIES
from robustlens.studies import smoothing_training as training
from robustlens.studies.smoothing_as_prior import measures as prior_measures
from robustlens.studies.smoothing_as_prior import study as prior
from robustlens.studies.smoothing_certify import study as certified
from robustlens.studies.smoothing_sample_saving import measures as saving_measures
from robustlens.studies.smoothing_sample_saving import study as saving
from toys import data, plane

IDS = (
    "smoothing-certify",
    "smoothing-sample-saving",
    "smoothing-training",
    "smoothing-as-prior",
)


def row(index: int, radius: float, *, votes: int = 90, right: bool = True) -> Certificate:
    return Certificate(
        index=index, label=1 if right else 0, candidate=1, votes=votes, label_votes=votes,
        n=100, n0=10, low=0.9 if radius else 0.4, radius=radius,
    )  # fmt: skip


def curve(*values: float) -> CertifiedCurve:
    rates = tuple(Rate.share(round(100 * value), 100) for value in values)
    radii = tuple(float(place) for place in range(len(values)))
    return CertifiedCurve(radii, rates, values, values)


# smoothing-certify


def looked(*values: float, upper: tuple[float, ...] = (), broken: int = 0) -> certified.Seen:
    one = curve(*values)
    above = curve(*(upper or values))
    shares = Distribution((0.5,), (1.0,), 0.1)
    return certified.Seen([], one, above.rates, one.rates, Rate.share(broken, 10), shares)


CALM, LOUD = (0.9, 0.5, 0.0), (0.6, 0.5, 0.4)


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        ({0.12: looked(*CALM), 1.0: looked(*LOUD)}, Verdict.REPRODUCED),
        ({0.12: looked(*LOUD), 1.0: looked(*CALM)}, Verdict.NOT_REPRODUCED),  # no price of noise
        ({0.12: looked(*CALM), 1.0: looked(0.6, 0.3, 0.1)}, Verdict.NOT_REPRODUCED),  # not far
        ({0.12: looked(*CALM), 1.0: looked(*LOUD, broken=1)}, Verdict.NOT_REPRODUCED),
        (
            {0.12: looked(*CALM), 1.0: looked(*LOUD, upper=(0.6, 0.5, 0.3))},
            Verdict.NOT_REPRODUCED,
        ),
        ({0.25: looked(*CALM)}, Verdict.NOT_COMPARABLE),
    ],
)
def test_the_rule_of_certify(seen: dict[float, certified.Seen], verdict: Verdict) -> None:
    assert certified.judge(seen, (0.0, 0.25, 0.5)) is verdict


def test_a_half_space_is_certified_below_what_attacks_leave() -> None:
    model, images = plane(8)
    config = replace(
        certified.STUDY.presets["tiny"], radii=(0.0, 0.25, 0.5), attacked=4, n=500, asked=100
    )
    found = certified.look(model, images, 0.25, config)
    assert found.broken.value == 0
    assert all(low.value <= up.value for low, up in zip(found.lower, found.upper, strict=True))
    assert found.curve.rates[0].n == 8
    assert found.upper[0].n == 4


@pytest.mark.parametrize(
    "change", [{"sigmas": (0.3,)}, {"sigmas": (0.5, 0.25)}, {"radii": (0.5, 1.0)}]
)
def test_levels_and_radii_out_of_range_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(change))):
        replace(certified.STUDY.presets["tiny"], **change).nets()


# smoothing-sample-saving

PLANS = saving_measures.Plans(Sequential(n=20_000, radii=GRID), Fixed(n=20_000), 0.001)


def test_both_plans_on_the_same_votes() -> None:
    """Shares that are 1 take what the sequence first certifies; shares of 0 are given up."""
    shares = np.array([[1.0] * 5, [0.0] * 5])
    found = saving_measures.compared(shares, PLANS, 0)
    assert (found.steps[0] >= 11).all()  # one radius may stay undecided
    assert (found.fixed_steps[0] == 12).all()
    assert found.near.all()
    assert (found.steps[1] == 0).all()
    assert (found.votes[1] < 100).all()
    assert (found.votes[0] < 6000).all()
    again = saving_measures.compared(shares, PLANS, 0)
    assert (again.votes == found.votes).all()


def test_no_more_is_certified_than_the_share_allows_and_votes_grow_beside_a_step() -> None:
    p = np.repeat(ndtr([[0.4], [1.0], [1.12]]), 100, axis=1)
    found = saving_measures.compared(p, PLANS, 1)
    most = np.array([[1], [4], [4]])
    assert (found.steps > most).mean() <= 0.01
    assert (found.fixed_steps > most).mean() <= 0.01
    one = saving_measures.Plans(Sequential(n=20_000, radii=(1.0,)), PLANS.fixed, 0.001)
    votes = saving_measures.compared(p, one, 1).votes.mean(axis=1)
    assert votes[1] > 10 * votes[0]
    assert votes[1] > 3 * votes[2]


def test_likely_shares_have_the_mean_of_their_votes() -> None:
    rows = [row(0, 0.5, votes=100), row(1, 0.5, votes=60)]
    found = saving_measures.likely_shares(rows, 4000, 0)
    assert found.shape == (2, 4000)
    assert found.mean(axis=1) == pytest.approx([100.5 / 101, 60.5 / 101], abs=0.003)
    assert (found < 1).all()


def compared(votes: float, steps: float, fixed: float) -> saving_measures.Compared:
    return saving_measures.Compared(*(np.full((3, 2), value) for value in (votes, steps, fixed)))


@pytest.mark.parametrize(
    ("many", "one", "apart", "verdict"),
    [
        ((5000, 3, 4), (1000, 1, 1), 1.0, Verdict.REPRODUCED),
        ((5100, 3, 4), (1000, 1, 1), 1.0, Verdict.NOT_REPRODUCED),
        ((5000, 2, 4), (1000, 1, 1), 1.0, Verdict.NOT_REPRODUCED),
        ((5000, 3, 4), (1010, 1, 1), 1.0, Verdict.NOT_REPRODUCED),
        ((5000, 3, 4), (1000, 1, 1), 2.0, Verdict.NOT_REPRODUCED),
    ],
)
def test_the_rule_of_sample_saving(many: Any, one: Any, apart: float, verdict: Verdict) -> None:
    drawn = {saving_measures.MANY: compared(*many), saving_measures.ONE: compared(*one)}
    real = saving_measures.Asked(Number(1.0, 1.0, 1.0, 3), 1.0, [0.0, apart])
    assert saving.judge(drawn, real, 100_100) is verdict


# smoothing-training


def test_a_duel_is_an_exact_sign_test_of_what_only_one_certifies() -> None:
    mine = [row(i, 0.5) for i in range(10)]
    theirs = [row(i, 0.5 if i < 4 else 0.0) for i in range(10)]
    found = training.duel(mine, theirs, 0.5)
    assert (found.mine, found.theirs) == (6, 0)
    assert found.p == pytest.approx(2 * 0.5**6)
    assert training.duel(mine, mine, 0.5) == (0, 0, 1.0)
    assert training.duel(mine, theirs, 0.6).p == 1.0


def trained(best: float, p: float, denoised: float) -> tuple[Any, Any]:
    values = {"noise": 0.5, "SmoothAdv": best, "MACER": 0.5, "consistency": 0.5}
    curves = {name: curve(value) for name, value in values.items()}
    curves |= {training.DENOISED: curve(denoised), training.BARE: curve(0.1)}
    won = training.Duel(12, 2, p)
    duels = {name: won if name == "SmoothAdv" else training.Duel(2, 2, 1.0) for name in values}
    del duels["noise"]
    return curves, duels


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (trained(0.7, 0.01, 0.5), Verdict.REPRODUCED),
        (trained(0.55, 0.01, 0.5), Verdict.NOT_REPRODUCED),  # within noise's interval
        (trained(0.7, 0.03, 0.5), Verdict.NOT_REPRODUCED),  # one of three comparisons
        (trained(0.7, 0.01, 0.15), Verdict.NOT_REPRODUCED),  # the denoiser does not help
    ],
)
def test_the_rule_of_training(found: Any, verdict: Verdict) -> None:
    assert training.judge(*found, 0) is verdict


# smoothing-as-prior


def test_what_is_kept_is_a_ratio_of_means() -> None:
    kept = prior_measures.Kept(torch.tensor([[0.5, 0.7, 0.6, 0.6], [0.25, 0.35, 0.3, 0.3]]))
    share = kept.share(1)
    assert share.value == pytest.approx(0.5)
    assert share.low == pytest.approx(0.5, abs=1e-6)  # all features keep a half
    assert kept.share(0).value == 1
    assert kept.mean(0).value == pytest.approx(0.6)
    uneven = prior_measures.Kept(torch.tensor([[0.5, 0.7, 0.6, 0.6], [0.1, 0.5, 0.3, 0.3]]))
    assert uneven.share(1).low < 0.5 < uneven.share(1).high


class Mean(nn.Module):
    """Two logits: the mean of the pixels and its negative; one parameter, for a device."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Parameter(torch.ones(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        value: torch.Tensor = self.one * (x.flatten(1).mean(dim=1) - 0.5)
        return torch.stack([-value, value], dim=1)


def test_noise_leaves_of_a_logit_what_the_closed_form_says() -> None:
    """Black and white images: the mean of 16 noisy pixels has variance 1/4 + sigma^2 / 16."""
    labels = torch.arange(4000) // 2 % 2
    pixels = (255 * labels).view(-1, 1, 1, 1).expand(-1, 1, 4, 4)
    found = prior_measures.labels_under_noise(Mean(), data(pixels, labels), (0.0, 1.0, 4.0), 0)
    assert found.rho[0].tolist() == pytest.approx([1.0, 1.0], abs=1e-6)
    for level, sigma in ((1, 1.0), (2, 4.0)):
        expected = 0.5 / (0.25 + sigma**2 / 16) ** 0.5
        assert found.rho[level].tolist() == pytest.approx([expected] * 2, abs=0.03)


def number(value: float, half: float = 0.05) -> Number:
    return Number(value, value - half, value + half, 10)


def kept(share: float) -> prior_measures.Kept:
    rho = torch.linspace(0.5, 0.7, 20)
    return prior_measures.Kept(torch.stack([rho, share * rho]))


def seen(
    fragile: float = 0.2,
    written: float = 0.2,
    shaken: float = 0.1,
    noisy: float = 0.4,
) -> prior.Seen:
    return prior.Seen(
        {prior.FRAGILE: kept(fragile), prior.STURDY: kept(0.8)},
        {prior.WRITTEN: kept(written), prior.TRUE: kept(0.8)},
        {prior.CALM: number(0.4), prior.SHAKEN: number(shaken)},
        {
            "standard net": number(0.1),
            "noise-trained net": number(noisy),
            "untrained net (control)": number(0.0),
        },
    )


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (seen(), Verdict.REPRODUCED),
        (seen(fragile=0.9), Verdict.NOT_REPRODUCED),
        (seen(written=0.9), Verdict.NOT_REPRODUCED),
        (seen(shaken=0.35), Verdict.NOT_REPRODUCED),
        (seen(noisy=0.15), Verdict.NOT_REPRODUCED),
    ],
)
def test_the_rule_of_as_prior(found: prior.Seen, verdict: Verdict) -> None:
    assert prior.judge(found) is verdict


@pytest.mark.parametrize("change", [{"sigmas": (0.25, 0.5)}, {"units": 2}])
def test_values_out_of_range_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(change))):
        prior.check(replace(prior.STUDY.presets["tiny"], **change))


# All


@pytest.mark.parametrize("study", [STUDIES[id] for id in IDS], ids=IDS)
def test_quick_takes_shipped_nets(study: Study) -> None:
    config = study.presets["quick"]
    recipes = [value for value in vars(config).values() if hasattr(value, "weights")]
    assert any(recipe.weights.startswith("fashion-") for recipe in recipes)
    assert all(recipe.weights for recipe in recipes if recipe is not prior.LEARNER)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::robustlens.errors.Doubtful")
@pytest.mark.parametrize("study", [STUDIES[id] for id in IDS], ids=IDS)
def test_a_tiny_run_is_whole_and_can_be_drawn(study: Study, tmp_path: Path) -> None:
    result = run(study, "tiny", study.presets["tiny"], folder=tmp_path)
    assert result.verdict is Verdict.TOO_SMALL
    assert result.numbers
    save_pictures(result.figures, tmp_path / "pictures")
    drawn = list((tmp_path / "pictures").glob("*-light.png"))
    assert len(drawn) == len(result.figures)
