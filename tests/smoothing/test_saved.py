"""Certificates on disk: group by group, resumed to the same rows, another run's refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtri

from robustlens.errors import AnotherRun, InputError
from robustlens.smoothing import Certificate, Fixed, Gaussian, Plan, Rounded, Sequential, certify
from robustlens.smoothing.saved import CERTIFICATES, certificates, so_far
from robustlens.smoothing.speed import MOST, largest_radius, votes_for, votes_per_second
from toys import plane

NOISE = Gaussian(0.25)
MODEL, IMAGES = plane(7)
SETTINGS: dict[str, Any] = {"noise": NOISE, "plan": Fixed(n=50, n0=16), "batch_size": 128}


def certified(save: Path | None = None, **changes: Any) -> list[Certificate]:
    settings = SETTINGS | changes
    return certificates(MODEL, IMAGES, settings.pop("noise"), settings.pop("plan"), save=save,
                        **settings)  # fmt: skip


@pytest.mark.parametrize("plan", [Fixed(n=50, n0=16), Fixed(n=200), Sequential(n=200)], ids=str)
def test_a_file_that_is_torn_anywhere_is_finished_to_the_same_rows(
    tmp_path: Path, plan: Plan
) -> None:
    path = tmp_path / "rows.jsonl"
    whole = certified(path, plan=plan)
    assert whole == list(certify(MODEL, IMAGES, NOISE, plan, batch_size=128))
    assert whole == certified(plan=plan)
    text = path.read_text()
    rows = text.splitlines(keepends=True)
    assert len(rows) == 8
    for torn in range(8):
        path.write_text("".join(rows[: torn + 1]) + (rows[torn][:20] if torn else ""))
        assert certified(path, plan=plan) == whole
        assert CERTIFICATES.read(path)[1] == whole
    path.write_text(text)
    certified(path, plan=plan)
    assert path.read_text() == text  # finished: read, not made again


def test_another_run_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    certified(path)
    before = path.read_bytes()
    changed: list[tuple[dict[str, Any], str]] = [
        ({"seed": 1}, "its seed differ"),
        ({"batch_size": 64}, r"its batch size differ \(there 128\)"),
        ({"alpha": 0.01}, r"its name differ \(there certificates under gaussian noise"),
        ({"noise": Gaussian(0.5)}, "its name differ"),
        ({"noise": Gaussian(0.25 + 1e-12)}, "settings of the noise differ"),
        ({"noise": Rounded(0.25)}, "its name differ"),
        ({"plan": Fixed(n=51, n0=16)}, "its name differ"),
        ({"plan": Sequential(n=50)}, "its name differ"),
    ]
    for changes, words in changed:
        with pytest.raises(AnotherRun, match=words):
            certified(path, **changes)
        assert path.read_bytes() == before
    with pytest.raises(AnotherRun, match="its data"):
        certificates(MODEL, IMAGES.take(3), NOISE, Fixed(n=50, n0=16), batch_size=128, save=path)
    other = plane(7)[0]
    other.b += 1.0
    with pytest.raises(AnotherRun, match="its model"):
        certificates(other, IMAGES, NOISE, Fixed(n=50, n0=16), batch_size=128, save=path)


def test_rows_of_an_evaluation_are_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"header": {"name": "accuracy"}}\n{"index": 0, "label": 1, "by": "pgd"}\n')
    before = path.read_text()
    with pytest.raises(
        InputError, match=r"a row that has by.*certificates of `robustlens certify`"
    ):
        certified(path)
    assert path.read_text() == before


def test_the_header_says_what_is_certified(tmp_path: Path) -> None:
    certified(tmp_path / "rows.jsonl")
    header = json.loads((tmp_path / "rows.jsonl").read_text().splitlines()[0])["header"]
    assert header["name"] == (
        "certificates under gaussian noise, sigma 0.25: 50 votes, 16 to choose the class, "
        "alpha 0.001"
    )
    assert (header["batch_size"], header["n"], header["alpha"]) == (128, 50, 0.001)
    assert (header["seed"], header["device"], header["data"]) == (0, "cpu", IMAGES.digest)


@pytest.mark.parametrize("size", [0, -3])
def test_batches_of_nothing_are_refused(size: int) -> None:
    with pytest.raises(InputError, match=f"batch size {size}; expected at least 1"):
        certified(batch_size=size)


def test_what_stands_under_the_bar() -> None:
    assert so_far([], 0.25) == {}
    row = certified()[0]
    right, left = (
        replace(row, candidate=row.label, low=low, radius=radius)
        for low, radius in ((0.99, 0.3), (0.4, 0.0))
    )
    note = so_far([right, left], 0.25)
    assert isinstance(note, dict)
    assert (note["images"], note["abstained"]) == ("2", "1")
    assert note["certified at 0.25"].startswith("50.0% [")


def test_votes_for_a_time() -> None:
    assert votes_for(100_000, images=10, n0=100) == 8900
    assert votes_for(101_234, images=10, n0=16) == 9000
    assert votes_for(1_000, images=10, n0=30) == 60
    assert votes_for(1_000, images=10, n0=90) == 0
    assert votes_for(50, images=100, n0=0) == 0
    assert votes_for(1e12, images=2, n0=100) == MOST


def test_the_largest_radius_is_that_of_the_published_numbers() -> None:
    for n, largest in ((100, 1.5005), (1000, 2.4633), (10_000, 3.1986), (100_000, 3.8115)):
        assert largest_radius(Fixed(n=n), alpha=0.001, sigma=1.0) == pytest.approx(
            ndtri(0.001 ** (1 / n)), abs=1e-9
        )
        found = largest_radius(Fixed(n=n), alpha=0.001, sigma=0.5)
        assert found == pytest.approx(largest / 2, abs=1e-4)
    anytime = largest_radius(Sequential(n=10_000), alpha=0.001, sigma=1.0)
    assert anytime == pytest.approx(3.1534, abs=1e-4)
    assert largest_radius(Fixed(n=5), alpha=0.001, sigma=1.0) == 0.0
    rows = certified(plan=Fixed(n=100))
    bound = largest_radius(Fixed(n=100), alpha=0.001, sigma=0.25)
    assert max(row.radius for row in rows) <= bound + 1e-12
    assert np.isclose(max(row.radius for row in rows), bound)


def test_speed_is_measured_and_nothing_is_changed() -> None:
    rate = votes_per_second(MODEL, IMAGES, NOISE, batch_size=32, seconds=0.05)
    assert rate > 100
