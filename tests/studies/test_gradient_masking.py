"""The study of gradient masking: its rule, its masked net, and the picture of surfaces."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from robustlens.errors import InputError
from robustlens.evaluation import Rate
from robustlens.figures import DARK, LIGHT, Theme, draw, save_pictures
from robustlens.pictures import Curves, Panel, Surfaces
from robustlens.sanity import Check, Outcome
from robustlens.studies import PRESETS, Verdict, run
from robustlens.studies.gradient_masking import STUDY, Seen, Sharpened, verdict


def rate(value: float, n: int = 1000) -> Rate:
    return Rate.of(torch.arange(n) < round(value * n))


def seen(loss: float, margin: float, *outcomes: Outcome) -> Seen:
    checks = tuple(Check("c", outcome, {}, "m", "a") for outcome in outcomes)
    return Seen([rate(1.0), rate(loss)], [rate(1.0), rate(margin)], checks)


FINE, BAD, NONE = Outcome.PASSED, Outcome.WARNED, Outcome.SKIPPED
HONEST = seen(0.7, 0.69, FINE, FINE)


@pytest.mark.parametrize(
    ("masked", "honest", "expected"),
    [
        (seen(0.8, 0.1, FINE, BAD), HONEST, Verdict.REPRODUCED),
        (seen(0.8, 0.6, FINE, BAD), HONEST, Verdict.NOT_REPRODUCED),  # hardly masked
        (seen(0.8, 0.1, FINE, NONE), HONEST, Verdict.NOT_REPRODUCED),  # nobody saw it
        (seen(0.8, 0.1, BAD), seen(0.7, 0.69, BAD), Verdict.NOT_REPRODUCED),  # a false alarm
        (seen(0.8, 0.1, BAD), seen(0.7, 0.6, FINE), Verdict.NOT_REPRODUCED),  # control disagrees
    ],
)
def test_the_rule(masked: Seen, honest: Seen, expected: Verdict) -> None:
    assert verdict(masked, honest) is expected


def test_it_states_its_rule_and_has_all_presets() -> None:
    assert STUDY.rule.startswith("Reproduced if")
    assert STUDY.claim.endswith(".")
    assert tuple(STUDY.presets) == PRESETS


@pytest.mark.slow
def test_the_same_config_gives_the_same_numbers(tmp_path: Path) -> None:
    config = STUDY.presets["tiny"]
    first, second = (run(STUDY, "tiny", config, folder=tmp_path) for _ in range(2))
    assert first.numbers == second.numbers
    assert next(iter(first.numbers)).startswith("masked net, PGD-")
    surfaces, curves = first.figures
    assert isinstance(surfaces, Surfaces)
    assert isinstance(curves, Curves)
    assert len(surfaces.panels) == 2
    save_pictures(first.figures, tmp_path)
    assert len(list(tmp_path.glob("*.png"))) == 4
    assert first.numbers["masked net, checks that warn, of 18"].value > 0


def test_the_masked_net_decides_as_before(trained) -> None:
    masked = Sharpened(trained.model, 1e4).eval()
    assert torch.equal(masked(trained.x).argmax(dim=1), trained.model(trained.x).argmax(dim=1))


def pixels(picture: Surfaces, theme: Theme) -> np.ndarray:
    content = io.BytesIO()
    draw(picture, theme).savefig(content, format="png", dpi="figure")
    return np.asarray(Image.open(content).convert("RGB"))


def surfaces(*heights: torch.Tensor) -> Surfaces:
    steps = (-1.0, 0.0, 1.0)
    panels = tuple(Panel(f"net {i}", steps, steps, z) for i, z in enumerate(heights))
    return Surfaces("loss", "Two.", "along", "across", panels)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_surfaces_are_drawn_alike_each_time(theme: Theme) -> None:
    slope = torch.arange(9.0).view(3, 3)
    picture = surfaces(slope, torch.zeros(3, 3))
    first = pixels(picture, theme)
    assert np.array_equal(first, pixels(picture, theme))
    half = first.shape[1] // 2
    left, right = (len(np.unique(p.reshape(-1, 3), axis=0)) for p in (first[:, :half], first))
    assert left > 50  # a slope has many colours
    assert right >= left


def test_surfaces_refuse_what_cannot_be_drawn() -> None:
    with pytest.raises(InputError, match=r"finite heights of shape \(3, 3\)"):
        surfaces(torch.zeros(3, 2))
    with pytest.raises(InputError, match="finite heights"):
        surfaces(torch.full((3, 3), torch.nan))
    with pytest.raises(InputError, match="at least one"):
        draw(surfaces(), LIGHT)
