"""An audit counts everything, ends in time, goes on where it was, says what it does not know."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import robustlens as rl
from robustlens.audit import Settings
from robustlens.audit.cell import Cell
from robustlens.audit.clock import Clock
from robustlens.audit.found import HELD, UNDECIDED
from robustlens.audit.plan import Speed, planned
from robustlens.audit.settings import balls_of, named
from robustlens.audit.verdict import Grade, judged
from robustlens.data import Dataset
from robustlens.errors import InputError
from robustlens.rate import Rate

pytestmark = pytest.mark.filterwarnings("ignore::robustlens.errors.Doubtful")
EPS = 0.5


def counts(found: Any) -> None:
    """Every image that was attacked is counted once in every ball."""
    for cell in found.cells:
        fates = [row.fate[cell.ball] for row in found.rows]
        broken = [f for f in fates if f not in (HELD, UNDECIDED)]
        assert len(fates) == cell.n == cell.held + cell.undecided + len(broken)
        assert cell.low.value == cell.held / cell.n
        assert cell.low.value <= cell.high.value
        assert cell.low.low <= cell.low.value
        assert cell.high.value <= cell.high.high


def test_one_call_says_everything(trained: Any, data: Dataset, short: None, tmp_path: Path) -> None:
    found = rl.audit(trained.model, data, norm=["l2", "linf"], eps=[EPS, "8/255"], limit=20)
    counts(found)
    assert found.clean.value == 1
    assert found.clean.n == 60
    assert not found.left_out
    assert not any(cell.undecided for cell in found.cells)
    assert set(found.sections) >= {"masking", "corruptions", "threats", "gradients", "certified"}
    assert [curve.norm for curve in found.curves] == ["l2", "linf"]
    for curve in found.curves:
        values = [rate.value for rate in curve.rates]
        assert values[0] == 1
        assert values == sorted(values, reverse=True)
    said = json.loads(found.write(tmp_path).read_text())
    assert said["robust accuracy"][0]["n"] == 20
    assert "data:image" not in json.dumps(said)
    lines = (tmp_path / "images.jsonl").read_text().splitlines()
    assert len(lines) == 21
    assert json.loads(lines[1])["fate"].keys() == {"l2 0.5", "linf 8/255"}


def test_what_broke_is_wrong_and_inside(trained: Any, data: Dataset, short: None) -> None:
    found = rl.audit(trained.model, data, norm="l2", eps=[0.2, 1.0], limit=20)
    small, large = found.cells
    assert small.held >= large.held
    for row in found.rows:
        if row.fate[small.ball] not in (HELD, UNDECIDED):
            assert row.fate[large.ball] not in (HELD, UNDECIDED)
        for ball, said in row.attacked.items():
            assert said != row.label
            assert row.nearest["l2"] <= float(ball.split()[1]) * (1 + 1e-4)


@pytest.mark.parametrize("seconds", [0.06, 0.12, 0.3, 5.0])
def test_the_time_ends_and_what_is_undecided_is_counted(
    seconds: float, trained: Any, data: Dataset, short: None, passes: Any
) -> None:
    now = passes()
    found = rl.audit(trained.model, data, eps=EPS, limit=20, clock=Clock(seconds, now=now))
    assert now.time <= seconds + 0.02
    counts(found)
    assert bool(found.left_out) == (seconds < 1)
    assert bool(found.cells[0].undecided) == (seconds < 0.1)


def test_too_short_a_time_is_refused(trained: Any, data: Dataset, short: None, passes: Any) -> None:
    with pytest.raises(InputError, match="time to ask the model once"):
        rl.audit(trained.model, data, eps=EPS, clock=Clock(0.005, now=passes()))


def test_the_model_is_left_as_it_was(trained: Any, data: Dataset, short: None, passes: Any) -> None:
    before = {k: v.clone() for k, v in trained.model.state_dict().items()}
    rl.audit(trained.model, data, eps=EPS, limit=4, clock=Clock(0.5, now=passes()))
    assert not trained.model._forward_pre_hooks
    assert all(torch.equal(v, before[k]) for k, v in trained.model.state_dict().items())
    assert not trained.model.training


def test_an_interrupted_audit_goes_on_to_the_same_numbers(
    trained: Any, data: Dataset, short: None, tmp_path: Path
) -> None:
    from robustlens.audit import audited
    from robustlens.subject import Prepared, bring

    settings = Settings(balls=balls_of("l2", EPS), limit=12)
    subject = bring(trained.model)
    ready = Prepared((subject,), data)
    said: list[str] = []

    def told(words: str) -> None:
        said.append(words)
        if len(said) == 4:
            raise KeyboardInterrupt

    save = tmp_path / "steps.jsonl"
    with pytest.raises(KeyboardInterrupt):
        audited(subject, ready, settings, clock=Clock(600), save=save, told=told)
    held = len(save.read_text().splitlines())
    assert held >= 3
    again = audited(subject, ready, settings, clock=Clock(600), save=save)
    assert len(save.read_text().splitlines()) > held
    whole = audited(subject, ready, settings, clock=Clock(600))
    assert again.rows == whole.rows
    assert again.cells == whole.cells


def test_more_time_decides_what_was_undecided(
    trained: Any, data: Dataset, short: None, passes: Any, tmp_path: Path
) -> None:
    save = tmp_path / "steps.jsonl"
    first = rl.audit(
        trained.model, data, eps=EPS, limit=20, save=save, clock=Clock(0.06, now=passes())
    )
    second = rl.audit(trained.model, data, eps=EPS, limit=20, save=save, minutes=5)
    assert first.cells[0].undecided
    assert not second.cells[0].undecided
    assert len(first.rows) == len(second.rows)
    for before, after in zip(first.rows, second.rows, strict=True):
        if before.fate["l2 0.5"] != UNDECIDED:
            assert after.fate == before.fate


def test_another_model_does_not_go_on(
    trained: Any, data: Dataset, short: None, tmp_path: Path, capsys: Any
) -> None:
    save = tmp_path / "steps.jsonl"
    rl.audit(trained.model, data, eps=EPS, limit=4, save=save)
    other = nn.Sequential(trained.model, nn.Identity())
    rl.audit(other, data, eps=EPS, limit=4, save=save)
    assert (tmp_path / "steps.old").exists()
    assert "put aside" in capsys.readouterr().err


class Bright(nn.Module):
    """Two classes by the mean brightness: an image is safe to an exact l-inf distance."""

    def forward(self, x: Tensor) -> Tensor:
        score = 20 * (x.flatten(1).mean(dim=1) - 0.5)
        return torch.stack([-score, score], dim=1)


def test_two_classes_have_the_exact_answer(short: None) -> None:
    levels = torch.linspace(0.1, 0.9, 24)
    images = (levels.view(-1, 1, 1, 1) * 255).round().byte().expand(24, 1, 6, 6).contiguous()
    labels = (levels > 0.5).long()
    found = rl.audit(Bright(), images, labels, norm="linf", eps=0.2, classes=("dark", "light"))
    x = images[:, 0, 0, 0] / 255
    safe = int(((x - 0.5).abs() > 0.2).sum())
    assert found.cells[0].held == safe
    for row in found.rows:
        exact = float((x[row.index] - 0.5).abs())
        assert row.nearest["linf"] == pytest.approx(exact, abs=2e-3)
    assert {pair[:2] for pair in found.confusions(5)} == {("dark", "light"), ("light", "dark")}


def test_a_thousand_classes(short: None) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(48, 1000)).eval()
    images = torch.randint(0, 256, (6, 3, 4, 4), dtype=torch.uint8)
    found = rl.audit(net, images, net(images / 255).argmax(dim=1), eps=0.1)
    counts(found)
    assert found.clean.value == 1
    assert len(found.data.classes) == 1000
    assert found.verdict.grade is Grade.WITHHELD
    assert "too few" in found.verdict.sentences[2]


def test_without_labels_the_models_answers_stand_in(short: None, trained: Any) -> None:
    images = torch.rand(5, 1, 28, 28)
    found = rl.audit(trained.model, images, eps=0.1)
    assert found.clean.value == 1
    assert not found.labelled
    assert "no labels" in found.verdict.sentences[0]
    assert any("has no labels" in note for note in found.notes)


def test_a_function_is_audited_as_a_net_is(short: None, trained: Any, data: Dataset) -> None:
    def mine(x: Tensor) -> Tensor:
        return trained.model(x)  # type: ignore[no-any-return]

    found = rl.audit(mine, data, eps=EPS, limit=6)
    net = rl.audit(trained.model, data, eps=EPS, limit=6)
    assert found.name == "mine"
    assert [row.fate for row in found.rows] == [row.fate for row in net.rows]


class Sharp(nn.Module):
    """Logits so far apart that cross-entropy is flat."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return 1e4 * self.net(x)


class Quantised(Sharp):
    """Pixels in a few steps: no gradient comes through."""

    def forward(self, x: Tensor) -> Tensor:
        return self.net((x * 8).round() / 8 + 0 * x)


class Straight(Sharp):
    """The same with a gradient that is made up."""

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x + ((x * 8).round() / 8 - x).detach())


class LeftOn(Sharp):
    """Dropout that stays on."""

    def forward(self, x: Tensor) -> Tensor:
        return self.net(nn.functional.dropout(x, 0.2, training=True))


class Soft(Sharp):
    """Probabilities for logits."""

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x).softmax(dim=1)


@pytest.mark.parametrize("hide", [Sharp, Quantised, Straight, LeftOn, Soft])
def test_masked_gradients_get_no_verdict(
    hide: type[Sharp], trained: Any, data: Dataset, short: None
) -> None:
    found = rl.audit(hide(trained.model), data, eps=0.3, limit=12)
    assert found.verdict.grade is Grade.WITHHELD
    assert "withheld" in found.verdict.sentences[2]
    assert found.verdict.why


def test_no_time_for_the_checks_gets_no_verdict() -> None:
    rate, cell = Rate.share(90, 100), Cell("l2 0.5", "", "", 80, 0, 100)
    assert judged("net", "data", rate, [cell], None).grade is Grade.WITHHELD


@pytest.mark.parametrize(
    ("held", "undecided", "grade"),
    [(80, 0, Grade.ROBUST), (5, 0, Grade.FRAGILE), (45, 0, Grade.OPEN), (5, 80, Grade.OPEN)],
)
def test_the_rule_of_the_verdict(held: int, undecided: int, grade: Grade) -> None:
    contest = {"name": "more steps are no weaker", "outcome": "passed"}
    cell = Cell("l2 0.5", "", "", held, undecided, 100)
    found = judged("net", "data", Rate.share(90, 100), [cell], {"checks": [contest]})
    assert found.grade is grade
    assert ("between" in found.sentences[1]) == bool(undecided)


def test_the_plan_takes_images_first_then_strength(data: Dataset) -> None:
    settings = Settings(balls=balls_of("linf", "8/255"))
    plans = [
        planned(Speed(1e-3, 3e-3, 60), data, settings, seconds=s, gradient=True)
        for s in (10, 60, 600, 6000)
    ]
    assert [p.strength for p in plans] == ["least", "least", "short", "standard"]
    assert [p.n for p in plans] == sorted(p.n for p in plans)
    assert all(p.price <= p.seconds / 2 + 1 for p in plans[1:])
    words = plans[1].words(10, settings.balls)
    assert "APGD-20 first" in words
    assert "expected interval" in words
    assert "the end after 60 s" in words
    slow = planned(Speed(1.0, 3.0, 1), data, settings, seconds=60, gradient=True)
    assert slow.n == 16  # some of them will be undecided
    black = planned(Speed(1e-3, 1e-3, 60), data, settings, seconds=60, gradient=False)
    assert black.strength.startswith("asking")


def test_balls_of_norms_and_radii() -> None:
    assert balls_of("l2", [0.5, 1.0]) == (rl.L2(0.5), rl.L2(1.0))
    assert balls_of(("l2", "linf"), (0.5, "8/255")) == (rl.L2(0.5), rl.Linf(8 / 255))
    assert named(rl.Linf(8 / 255)) == "linf 8/255"
    with pytest.raises(InputError, match="2 norms and 3 radii"):
        balls_of(("l2", "linf"), (1, 2, 3))
    with pytest.raises(InputError, match="each once"):
        Settings(balls=balls_of("l2", [1, 1]))
    with pytest.raises(InputError, match="minutes 0"):
        replace(Settings(balls=balls_of("l2", 1)), minutes=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fashion-l2-1.5", "fashion-standard"])
def test_a_shipped_net_agrees_with_its_card(name: str) -> None:
    found = rl.audit(name, "fashion", norm="l2", eps=1.5, minutes=1.5)
    clean, _, ensemble, *_ = rl.zoo.entry(name).tested.numbers
    assert clean.agrees(found.clean)
    cell = found.cells[0]
    assert cell.high.high >= ensemble.rate.low  # ours is no stronger than the card's attack
    if not cell.undecided:
        assert found.verdict.grade in (Grade.ROBUST, Grade.FRAGILE, Grade.OPEN)
