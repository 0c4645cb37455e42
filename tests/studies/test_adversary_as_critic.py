"""The study adversary-as-critic: its rule, its reuse of models, the same numbers again."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from robustlens.evaluation import Rate
from robustlens.nets import Checkpoint, load
from robustlens.recipes import Recipe
from robustlens.recipes.fit import plan
from robustlens.studies import CLAIMS, PRESETS, Gallery, Verdict, run
from robustlens.studies import adversary_as_critic as critic
from robustlens.types import Attack, Loss

STUDY = critic.STUDY


def rate(value: float, n: int = 1000) -> Rate:
    return Rate.of(torch.arange(n) < round(value * n))


def test_it_states_its_rule_and_has_all_presets() -> None:
    assert STUDY.id in CLAIMS
    assert tuple(STUDY.presets) == PRESETS
    assert STUDY.rule.startswith("Reproduced if")
    assert STUDY.claim.endswith(".")
    quick = STUDY.presets["quick"]
    assert list(quick.critics()) == ["l2", "spatial", "l-inf", "colour"]


@pytest.mark.slow
def test_the_same_config_gives_the_same_numbers_and_trains_once(tmp_path: Path) -> None:
    config = STUDY.presets["tiny"]
    first = run(STUDY, "tiny", config, folder=tmp_path)
    weights = sorted((tmp_path / "models").glob("*/*.safetensors"))
    assert len(weights) == 3
    cards = [load(path).card["recipe"] for path in weights]
    assert sum(card["loss"].startswith("adversarial (transform_search") for card in cards) == 1
    stamps = [path.stat().st_mtime_ns for path in weights]
    second = run(STUDY, "tiny", config, folder=tmp_path)
    assert stamps == [path.stat().st_mtime_ns for path in weights]
    assert first.numbers == second.numbers
    assert len(first.numbers) == 3 * 4 + 3
    assert next(iter(first.numbers)).startswith("l2-trained net, accuracy under transform_search")
    assert {number.n for number in first.numbers.values()} == {40}
    worst, gradients, *curves = first.figures
    assert isinstance(worst, Gallery)
    assert isinstance(gradients, Gallery)
    assert len(worst.rows) in (0, 3)
    assert [c.name for c in curves] == ["accuracy-under-l2", "accuracy-under-spatial"]
    assert first.verdict in Verdict
    assert first.provenance.data


def test_other_spatial_training_is_another_training(monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []

    def remember(recipe: Recipe, *_: object, loss: Loss, attack: Attack) -> Checkpoint:
        names.append(plan(recipe, loss, attack).name)
        return Checkpoint(torch.nn.Identity(), {})

    monkeypatch.setattr(critic, "fit", remember)
    bench = critic.Bench(Path("nowhere"), torch.device("cpu"))
    config = STUDY.presets["tiny"]
    for other in (config, replace(config, tries=3), replace(config, degrees=20.0), config):
        critic.fit_spatial(other, bench)
    assert len(set(names)) == 3
    assert names[0] == names[3]
    assert all(name.startswith("fashion-adversarial-") for name in names)


@pytest.mark.parametrize(
    ("l2", "spatial", "reproduced"),  # of the standard, the l2-trained, the spatially trained net
    [
        ((0.0, 0.6, 0.0), (0.05, 0.05, 0.6), True),
        ((0.0, 0.6, 0.1), (0.05, 0.1, 0.6), True),  # a little carries over
        ((0.0, 0.6, 0.0), (0.05, 0.3, 0.6), False),  # much carries over from l2 to spatial
        ((0.0, 0.6, 0.2), (0.05, 0.05, 0.6), False),  # and from spatial to l2
        ((0.0, 0.6, 0.0), (0.05, 0.0, 0.06), False),  # spatial training did nothing
        ((0.3, 0.31, 0.0), (0.05, 0.05, 0.6), False),  # l2 training did nothing
    ],
)
def test_the_rule(l2: tuple[float, ...], spatial: tuple[float, ...], reproduced: bool) -> None:
    nets = ("standard", "l2-trained", "spatially trained")
    found = {
        (net, name): rate(value)
        for name, values in (("l2", l2), ("spatial", spatial))
        for net, value in zip(nets, values, strict=True)
    }
    assert critic.holds(found, "l2") == reproduced
