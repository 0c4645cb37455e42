"""Studies: the registry's promises, and that the same config gives the same numbers."""

import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch

import robustlens
from robustlens.data import Dataset
from robustlens.errors import InputError, UnknownName
from robustlens.evaluation import Curve, Rate
from robustlens.files import read_json
from robustlens.provenance import commit, hardware, provenance
from robustlens.registry import trains, what_decides
from robustlens.studies import (
    CLAIMS,
    PRESETS,
    STUDIES,
    Cell,
    Curves,
    Gallery,
    Number,
    Result,
    Study,
    Verdict,
    preset,
    run,
)
from robustlens.studies import adversarial_perturbations as perturbations
from robustlens.studies import perception_alignment as alignment
from robustlens.studies import robust_erm as erm
from robustlens.studies.kit.words import SHARE, above, dots, first_of_each, mean, sampled, says
from robustlens.theory.sampling import Sampled

OF_THEORY = {
    "aberration-view",
    "computational-barrier",
    "gaussian-sample-complexity",
    "gaussian-theory",
    "gradient-alignment-theory",
    "linear-vs-threshold",
    "tension-theorem",
}
"""These look at distributions, not at a data set."""


def test_the_claims_are_the_forty_of_the_talk_and_two_on_how_it_is_measured() -> None:
    assert len(CLAIMS) == 42
    assert all(claim.sentence.endswith(".") for claim in CLAIMS.values())
    assert all(1 <= claim.section <= 19 for claim in CLAIMS.values())


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_every_study_states_its_rule_and_has_all_presets(study: Study) -> None:
    assert study.id in CLAIMS
    own = {"simple-experiment": ("dogs-and-cats",), "generation": ("training-set-size",)}
    assert tuple(study.presets) == (*PRESETS, *own.get(study.id, ()))
    assert study.rule.startswith("Reproduced if")
    assert study.claim.endswith(".")
    assert len({type(config) for config in study.presets.values()}) == 1
    with pytest.raises(UnknownName, match="full, quick, tiny"):
        preset(study, "slow")


def test_a_study_imports_no_other_study() -> None:
    home = Path(robustlens.studies.__file__).parent
    for path in home.rglob("*.py"):
        own = path.relative_to(home).parts[0].removesuffix(".py")
        if own in ("__init__", "claims", "listed", "table", "every"):
            continue
        allowed = {"kit"} if own == "kit" else {"kit", own}
        found = re.findall(r"robustlens\.studies\.(\w+)", path.read_text(encoding="utf-8"))
        assert set(found) <= allowed, f"{path} imports another study: what two share is in kit"


def test_a_study_lies_where_its_id_says() -> None:
    for study in STUDIES.values():
        name = study.id.replace("-", "_")
        assert study.function.__module__ in (
            f"robustlens.studies.{name}",
            f"robustlens.studies.{name}.study",
        )


@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_the_same_config_gives_the_same_numbers_elsewhere(
    study: Study, talk: Path, tmp_path: Path
) -> None:
    first = read_json(talk / study.id / "tiny" / "result.json")
    again = run(study, "tiny", study.presets["tiny"], folder=tmp_path)
    assert first["numbers"] == again.as_dict()["numbers"]
    assert again.verdict in Verdict
    assert again.figures
    assert again.provenance.data or study.id in OF_THEORY
    assert again.provenance.seed == again.provenance.config["seed"]


def test_a_changed_config_is_in_the_command(tmp_path: Path) -> None:
    study = STUDIES["adversarial-perturbations"]
    config = replace(study.presets["tiny"], images=20, eps="2")
    result = run(study, "tiny", config, folder=tmp_path)
    assert result.provenance.command == (
        "robustlens run adversarial-perturbations --preset tiny --eps 2 --images 20"
    )
    assert {n.n for n in result.numbers.values()} == {20}


def rate(value: float, n: int = 1000) -> Rate:
    return Rate.of(torch.arange(n) < round(value * n))


def curve(*values: float) -> Curve:
    rates = tuple(rate(v) for v in values)
    radii = tuple(float(i) for i in range(len(values)))
    return Curve("PGD-20 accuracy, l2", radii, rates, torch.ones(1000))


@pytest.mark.parametrize(
    ("standard", "robust", "verdict"),
    [
        ((0.9, 0.0), (0.8, 0.6), Verdict.REPRODUCED),
        ((0.9, 0.4), (0.8, 0.6), Verdict.NOT_REPRODUCED),  # too little gained
        ((0.7, 0.0), (0.8, 0.6), Verdict.NOT_REPRODUCED),  # no price paid
    ],
)
def test_the_rule_of_robust_erm(
    standard: tuple, robust: tuple, verdict: Verdict, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    curves = itertools.cycle([curve(*[clean] * erm.POINTS, low)._replace(
        rates=tuple(rate(clean if i == 0 else low) for i in range(erm.POINTS + 1))
    ) for clean, low in (standard, robust)])  # fmt: skip
    monkeypatch.setattr(erm, "_curve", lambda *_: next(curves))
    study = STUDIES["robust-erm"]
    assert run(study, "quick", study.presets["tiny"], folder=tmp_path).verdict == verdict
    tiny = run(study, "tiny", study.presets["tiny"], folder=tmp_path)
    assert tiny.verdict is Verdict.TOO_SMALL


@pytest.mark.parametrize(
    ("robust", "verdict"),
    [((0.5, 0.9), Verdict.REPRODUCED), ((0.1, 0.1), Verdict.NOT_REPRODUCED)],
)
def test_the_rule_of_perception_alignment(
    robust: tuple, verdict: Verdict, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    jitter = torch.linspace(-0.01, 0.01, 50)
    measured = itertools.cycle(
        [(jitter + a, jitter + h) for a, h in (robust, (0.1, 0.6), (0.0, 0.8))]
    )
    monkeypatch.setattr(alignment, "_measure", lambda *_: next(measured))
    study = STUDIES["perception-alignment"]
    assert run(study, "quick", study.presets["tiny"], folder=tmp_path).verdict == verdict
    tiny = run(study, "tiny", study.presets["tiny"], folder=tmp_path)
    assert tiny.verdict is Verdict.TOO_SMALL


@pytest.mark.parametrize(
    ("attacked", "noisy", "verdict"),
    [
        (0.0, 0.9, Verdict.REPRODUCED),
        (0.3, 0.9, Verdict.NOT_REPRODUCED),  # the attack does too little
        (0.0, 0.6, Verdict.NOT_REPRODUCED),  # noise does a third of it
    ],
)
def test_the_rule_of_adversarial_perturbations(
    attacked: float, noisy: float, verdict: Verdict, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    found = curve(0.9, attacked)._replace(smallest=torch.full((40,), torch.inf))
    noise = type("Found", (), {"rate": rate(noisy)})
    monkeypatch.setattr(perturbations, "pgd_curve", lambda *_, **__: found)
    monkeypatch.setattr(perturbations, "attacked_accuracy", lambda *_, **__: noise)
    study = STUDIES["adversarial-perturbations"]
    assert run(study, "quick", study.presets["tiny"], folder=tmp_path).verdict == verdict
    tiny = run(study, "tiny", study.presets["tiny"], folder=tmp_path)
    assert tiny.verdict is Verdict.TOO_SMALL


@pytest.mark.parametrize(
    ("name", "number", "line", "radius"),
    [
        ("robust-erm", "robust net, PGD-3 accuracy at l2 1.5", "robust training", 1.5),
        ("robust-erm", "standard net, PGD-3 accuracy at l2 1.5", "standard training", 1.5),
        ("robust-erm", "standard net, clean accuracy", "standard training", 0.0),
        ("adversarial-perturbations", "PGD-5 accuracy at l2 1.5", "chosen change (PGD)", 1.5),
        ("adversarial-perturbations", "clean accuracy", "chosen change (PGD)", 0.0),
        ("adversarial-perturbations", "accuracy at a random point of l2 1.5 (control)",
         "random change", 1.5),
    ],
)  # fmt: skip
def test_a_picture_says_what_its_table_says(
    name: str, number: str, line: str, radius: float, tiny: Callable[[str], Result]
) -> None:
    result = tiny(name)
    (picture,) = (f for f in result.figures if isinstance(f, Curves))
    (drawn,) = (series for series in picture.series if series.name == line)
    assert drawn.y[list(drawn.x).index(radius)] == result.numbers[number].value


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Result]:
    """Return a study's run in the preset tiny, run once."""
    folder = tmp_path_factory.mktemp("tiny")

    @cache
    def found(name: str) -> Result:
        study = STUDIES[name]
        return run(study, "tiny", study.presets["tiny"], folder=folder)

    return found


def test_a_run_of_a_few_images_is_too_small_to_tell(tiny: Callable[[str], Result]) -> None:
    result = tiny("robust-erm")
    assert result.verdict is Verdict.TOO_SMALL
    assert result.as_dict()["verdict"] == "too small to tell"
    assert "robustlens run robust-erm --preset quick" in what_decides(
        result.study, result.as_dict()["verdict"]
    )
    assert not what_decides("robust-erm", Verdict.NOT_REPRODUCED)


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_a_formula_is_exact_in_every_size_and_a_net_is_not(study: Study) -> None:
    assert trains(study.presets["tiny"]) == (study.id not in OF_THEORY | {"features-model"})


def test_magnification_is_round_and_fits() -> None:
    assert perturbations._magnification(0.04) == 10
    assert perturbations._magnification(0.9) == 1
    assert perturbations._magnification(0.005) == 100


def test_numbers_refuse_a_value_outside_its_interval() -> None:
    with pytest.raises(InputError, match="low <= value <= high"):
        Number(0.5, 0.6, 0.7, 10)
    with pytest.raises(InputError, match="no width"):
        Number(0.5, 0.4, 0.7, 0)
    assert Number.exact(0.5).n == 0
    assert Number.of(rate(0.5), "1", "paper").published == "1"
    assert above(Number(0.5, 0.4, 0.6, 9), Number(0.2, 0.1, 0.3, 9))
    assert not above(Number(0.5, 0.4, 0.6, 9), Number(0.3, 0.1, 0.45, 9))


def test_galleries_refuse_ragged_rows() -> None:
    with pytest.raises(InputError, match="2, one for each column"):
        Gallery("g", "c", ("a", "b"), ((Cell(torch.zeros(1, 2, 2)),),))


def test_samples_become_numbers_and_points() -> None:
    found = sampled(Sampled(0.5, 0.1, 100))
    assert (found.low, found.high) == pytest.approx((0.304, 0.696))
    alike = sampled(Sampled(1.0, 0.0, 100), *SHARE)  # no spread seen: one more could be other
    assert (alike.low, alike.high) == pytest.approx((1 - 0.0196, 1.0))
    points = dots("x", (0.0, 1.0), [found, alike], "good")
    assert not points.line
    assert points.y == (0.5, 1.0)
    assert points.low == (found.low, alike.low)


def test_mean_has_students_interval() -> None:
    number = mean(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert number.value == 2.5
    assert number.high - 2.5 == pytest.approx(3.182446 * (5 / 3) ** 0.5 / 2, rel=1e-5)


def test_the_first_of_each_class_is_chosen_by_position() -> None:
    labels = torch.tensor([2, 0, 0, 1, 2, 1])
    among = torch.tensor([True, False, True, True, True, True])
    assert first_of_each(labels, among, 5).tolist() == [2, 3, 0]
    assert first_of_each(labels, among, 2).tolist() == [2, 3]


def test_says_names_the_class_with_its_confidence() -> None:
    z = torch.tensor([[0.0, 10.0], [5.0, 5.0 - 1.0986123]])
    got = says(lambda x: z, torch.zeros(2, 1, 1, 1), ("T-shirt/top", "garbage truck"))
    assert [guess.text for guess in got] == ["garbage truck 100%", "T-shirt/top 75%"]
    assert [guess.label for guess in got] == [1, 0]


def test_provenance_says_where_a_number_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    origin = provenance("cmd", {"a": 1}, seed=3, seconds=1.23456, data={"d": "x"})
    assert origin.seconds == 1.235
    assert set(origin.versions) == {"robustlens", "python", "torch"}
    assert origin.threads == torch.get_num_threads()
    assert origin.as_dict()["config"] == {"a": 1}
    assert hardware(torch.device("cpu")).endswith("threads")
    assert len(commit()) >= 4

    def absent(*_: object, **__: object) -> None:
        raise OSError

    commit.cache_clear()
    monkeypatch.setattr("subprocess.run", absent)
    assert commit() == "none"
    commit.cache_clear()


def test_measured_gradients_agree_with_the_parts(trained) -> None:
    data = Dataset((trained.x * 255).round().to(torch.uint8), trained.y, tuple("0123456789"), "p")
    means = torch.rand(10, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    angle, share = alignment._measure(trained.model, data, means)
    assert angle.shape == share.shape == (len(data),)
    assert float(angle.abs().max()) <= 1
    assert 0 <= float(share.min()) <= float(share.max()) <= 1
