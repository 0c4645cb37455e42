"""Robustified sets as studies: what gives robustness, and what does not."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from robustlens.data import load
from robustlens.errors import UnknownName
from robustlens.evaluation import Rate
from robustlens.figures import save_pictures
from robustlens.registry import Bench, run
from robustlens.result import Verdict
from robustlens.studies import not_batchnorm_alone as alone
from robustlens.studies import robustification as study
from robustlens.studies.kit.attacked import AttackedWithin
from robustlens.studies.kit.distilled import Distilling, Held, distilled, hold, part
from robustlens.studies.kit.families import FAMILIES
from robustlens.studies.kit.presets import TINY, TINY_ROBUST


def held(clean: float, pgd: float, autoattack: float, n: int = 1000) -> Held:
    return Held(*(Rate.share(round(value * n), n) for value in (clean, pgd, autoattack)))


GOOD = held(0.8, 0.5, 0.4)
BAD = held(0.8, 0.02, 0.0)


@pytest.mark.parametrize(
    ("robustified", "otherwise", "original", "verdict"),
    [
        (GOOD, BAD, BAD, Verdict.REPRODUCED),
        (BAD, BAD, BAD, Verdict.NOT_REPRODUCED),
        (GOOD, held(0.8, 0.45, 0.0), BAD, Verdict.NOT_REPRODUCED),  # any rebuilding does it
        (GOOD, BAD, held(0.8, 0.02, 0.32), Verdict.NOT_REPRODUCED),  # nothing under AutoAttack
        (GOOD, held(0.2, 0.02, 0.0), BAD, Verdict.NOT_REPRODUCED),  # a control learned nothing
    ],
)
def test_the_rule_of_robustification(
    robustified: Held, otherwise: Held, original: Held, verdict: Verdict
) -> None:
    found = {study.ROBUSTIFIED: robustified, study.OTHERWISE: otherwise, study.ORIGINAL: original}
    assert study.judge(found, 0.1) is verdict


@pytest.mark.parametrize(
    ("robustified", "original", "verdict"),
    [
        (GOOD, BAD, Verdict.REPRODUCED),
        (held(0.8, 0.08, 0.4), BAD, Verdict.NOT_REPRODUCED),  # too little
        (held(0.8, 0.5, 0.05), BAD, Verdict.NOT_REPRODUCED),  # not under AutoAttack
        (held(0.8, 0.5, 0.4, 10), held(0.8, 0.3, 0.0, 10), Verdict.NOT_REPRODUCED),  # unsure
    ],
)
def test_the_rule_of_not_batchnorm_alone(
    robustified: Held, original: Held, verdict: Verdict
) -> None:
    good = alone.Both(GOOD, BAD)
    assert alone.judge([good, alone.Both(robustified, original), good]) is verdict


def test_there_are_nets_without_batch_norm_and_settings_change_one_thing() -> None:
    config = alone.Config()
    lines = alone._lines(config)
    assert len(lines) == len(FAMILIES) + len(alone.SETTINGS)
    assert {"mlp (no norm)", "vgg-gn (group norm)", "vgg-bn (batch norm)"} <= set(lines)
    base = lines["resnet (batch norm)"]
    for name in alone.SETTINGS:
        other = lines[f"resnet, {name}"]
        changed = [k for k, v in vars(other.training).items() if v != vars(base.training)[k]]
        assert len(changed) == (2 if name == "adam" else 1)  # and its own learning rate
        assert replace(other, training=base.training) == base
    with pytest.raises(UnknownName, match="unknown setting 'luck'"):
        alone._lines(replace(config, settings=("luck",)))


def test_a_set_has_a_place_of_its_own_and_is_found_again(tmp_path: Path) -> None:
    from robustlens.recipes import fit

    bench = Bench(tmp_path / "models", torch.device("cpu"))
    source, distilling = TINY.dataset(), Distilling(images=200, steps=1)
    places = []
    for recipe in (TINY, TINY_ROBUST):
        net = fit(recipe, bench.folder)
        places += [distilled(source, net, recipe, distilling, 0, bench) for _ in range(2)]
        more = replace(distilling, steps=2)
        places.append(distilled(source, net, recipe, more, 0, bench))
    assert places[0] == places[1]
    assert len(set(places)) == 4
    made = load(str(places[0]))
    assert torch.equal(made.labels, part(source, distilling).labels)
    assert len(part(source, replace(distilling, images=0))) == len(source)


@pytest.mark.slow  # AutoAttack takes its steps for two images as for many
def test_a_net_is_held_against_both_attacks(trained) -> None:
    test = load("fashion", "test")
    attacked = AttackedWithin(eps="0.1", steps=3, images=50, version="adaptive", few=2)
    found = hold(trained.model, test, attacked, seed=0)
    assert (found.clean.n, found.pgd.n, found.autoattack.n) == (50, 50, 2)
    assert found.clean.value >= found.pgd.value


@pytest.mark.slow
@pytest.mark.parametrize("module", [study, alone], ids=["robustification", "not-batchnorm-alone"])
def test_the_studies_repeat_themselves(module, tmp_path: Path) -> None:
    config = module.STUDY.presets["tiny"]
    first = run(module.STUDY, "tiny", config, folder=tmp_path)
    second = run(module.STUDY, "tiny", config, folder=tmp_path)
    assert first.numbers == second.numbers
    save_pictures(first.figures, tmp_path / "pictures")
    assert list((tmp_path / "pictures").glob("*.png"))
