"""A desk: floats that nothing rounds, a way back to the same bits, pushes that are walks."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from robustlens.balls import L2, Linf
from robustlens.errors import InputError
from robustlens.nets import SmallCNN
from robustlens.rules import Steepest
from robustlens.streams import initialised, stream
from robustlens.vision import Walk, translate, unit_shares
from robustlens.web.desk import Desk, Pair
from robustlens.web.features import Bench
from robustlens.web.steps import Push


@pytest.fixture
def desk(pair: Pair) -> Desk:
    return Desk(pair, 10_000_000)


def strokes(seed: int = 0) -> torch.Tensor:
    return torch.rand(4, 12, 12, generator=stream(seed, "strokes"))


def pushed(desk: Desk, **ask: Any) -> list[Any]:
    return list(desk.pushes(Push(**ask)))


@pytest.mark.parametrize("ball", [L2(1.5), Linf(0.2)], ids=str)
def test_pushes_are_the_walk_of_translate(desk: Desk, ball: Any) -> None:
    desk.put(desk.sheet.painted(strokes()))
    norm, eps = ("l2", 1.5) if isinstance(ball, L2) else ("linf", 0.2)
    x = desk.sheet.pictures[0]
    pushed(desk, label=1, steps=6, strength=0.3, eps=eps, norm=norm)
    for net, picture in zip(desk.pair.nets, desk.sheet.pictures, strict=True):
        walk = Walk(ball, Steepest(0.3), steps=6)
        torch.testing.assert_close(
            picture, translate(net.model, x, 1, walk=walk).images, rtol=0, atol=1e-6
        )
        assert float(ball.distance(picture, x)) <= eps + 1e-5


def test_ten_times_undo_and_redo_lead_to_the_same_bits(desk: Desk) -> None:
    desk.put(desk.sheet.painted(strokes()))
    pushed(desk, label=0, steps=10, strength=0.1)
    reached = desk.sheet
    levels = reached.pictures[0] * 255
    assert not torch.equal(levels, levels.round())  # floats, not the 256 levels of a PNG
    for _ in range(10):
        desk.undo()
    straight = Desk(desk.pair, 10_000_000)
    straight.put(straight.sheet.painted(strokes()))
    assert all(map(torch.equal, desk.sheet.pictures, straight.sheet.pictures))
    for _ in range(10):
        desk.redo()
    assert desk.sheet is reached
    (further,) = pushed(desk, label=0, strength=0.1)
    pushed(straight, label=0, steps=11, strength=0.1)
    assert all(map(torch.equal, further.pictures, straight.sheet.pictures))


def test_the_bars_are_what_each_net_says_of_its_own_picture(desk: Desk) -> None:
    desk.put(desk.sheet.painted(strokes()))
    for ask in ({"label": 2}, {"unit": 3}):
        (sheet,) = pushed(desk, **ask)
        for said, net, x in zip(desk.chances(sheet), desk.pair.nets, sheet.pictures, strict=True):
            torch.testing.assert_close(said, net.probabilities(x)[0])


def test_strokes_lie_on_both_pictures_and_cover_as_they_are_opaque(desk: Desk) -> None:
    pushed(desk, label=0, steps=2)
    before, drawn = desk.sheet.pictures, strokes()
    drawn[3, :, :6], drawn[3, :, 6:] = 1.0, 0.0
    desk.put(desk.sheet.painted(drawn))
    for old, new in zip(before, desk.sheet.pictures, strict=True):
        assert torch.equal(new[0, :, :, :6], drawn[:3, :, :6])
        assert torch.equal(new[0, :, :, 6:], old[0, :, :, 6:])


def test_only_the_masked_pixels_change(desk: Desk) -> None:
    mask = torch.zeros(12, 12, dtype=torch.bool)
    mask[2:5, 3:9] = True
    before = desk.sheet.pictures
    desk.put(desk.sheet.masked(mask))
    for ask in ({"label": 1}, {"unit": 0}):
        pushed(desk, steps=3, **ask)
    for old, new in zip(before, desk.sheet.pictures, strict=True):
        assert torch.equal(old[..., ~mask], new[..., ~mask])
        assert not torch.equal(old[..., mask], new[..., mask])
    assert desk.sheet.masked(torch.zeros_like(mask)).mask is None


def test_a_pinned_ball_stays_and_another_begins_at_what_is_painted(desk: Desk) -> None:
    first = desk.sheet.pictures[0]
    desk.put(desk.sheet.anchored(True))
    desk.put(desk.sheet.painted(strokes()))
    assert torch.equal(desk.sheet.anchor, first)
    pushed(desk, label=0, steps=2, eps=0.5, strength=0.2)
    assert float((desk.sheet.pictures[0] - first).norm()) <= 0.5 + 1e-5
    desk.put(desk.sheet.anchored(False))
    desk.put(desk.sheet.painted(strokes(1)))
    assert torch.equal(desk.sheet.anchor, desk.sheet.pictures[0])


def test_a_step_to_a_unit_raises_it(desk: Desk) -> None:
    desk.put(desk.sheet.painted(strokes()))
    for unit in (0, 3):
        read = desk.heard[0].reader(desk.sheet.pictures[0])
        before = read(desk.sheet.pictures[0])[0, unit]
        pushed(desk, unit=unit, steps=5, strength=0.3)
        assert read(desk.sheet.pictures[0])[0, unit] > before


def test_a_desk_keeps_as_many_steps_as_it_may(pair: Pair) -> None:
    desk = Desk(pair, limit=10 * 2 * 3 * 12 * 12 * 4)
    pushed(desk, label=0, steps=30)
    assert len(desk.sheets) == 10
    assert desk.place == 9


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        ({"norm": "l7"}, "l2 or linf"),
        ({"eps": 0.0}, "eps > 0"),
        ({"strength": -1.0}, "strength > 0"),
        ({"steps": 0}, "1 to 1000"),
    ],
)
def test_a_push_that_there_is_not_is_refused(desk: Desk, ask: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        pushed(desk, **{"label": 0, **ask})
    assert len(desk.sheets) == 1


def test_unknown_classes_units_and_sizes_are_refused(desk: Desk) -> None:
    with pytest.raises(InputError, match="class 3"):
        pushed(desk, label=3)
    with pytest.raises(InputError, match="unit 999"):
        pushed(desk, unit=999)
    for wrong in (
        lambda: desk.sheet.painted(torch.zeros(4, 3, 3)),
        lambda: desk.sheet.masked(torch.zeros(3, 3, dtype=torch.bool)),
        lambda: desk.sheet.started(torch.zeros(1, 1, 12, 12), "x"),
    ):
        with pytest.raises(InputError, match="shape"):
            wrong()


def test_reasons_are_shares_of_the_gap(desk: Desk) -> None:
    desk.put(desk.sheet.painted(strokes()))
    net, x = desk.pair.robust.model, desk.sheet.pictures[0]
    z = net(x)[0]
    first, second = z.topk(2).indices
    shares = unit_shares(net, x, first[None], second[None])
    head = [m for m in net.modules() if isinstance(m, torch.nn.Linear)][-1]
    gap = z[first] - z[second] - (head.bias[first] - head.bias[second])
    torch.testing.assert_close(shares.sum(), gap, rtol=1e-4, atol=1e-5)
    said = Bench(desk.pair).why(desk.sheet)
    assert said["first"] == desk.pair.robust.classes[int(first)]
    assert said["units"][0]["value"] == pytest.approx(float(shares.max()))


def test_the_images_of_a_unit_are_the_ones_that_raise_it(pair: Pair) -> None:
    bench = Bench(pair)
    found = bench.unit(2)
    assert pair.images is not None
    values = (
        Desk(pair, 1)
        .heard[0]
        .reader(pair.images().images[:1] / 255)(pair.images().images / 255)[:, 2]
    )
    assert found["most"][0]["value"] == pytest.approx(float(values.max()), abs=1e-6)
    assert found["least"][0]["value"] == pytest.approx(float(values.min()), abs=1e-6)
    assert found["value"] >= 0
    nothing = Bench(Pair(pair.robust, None)).unit(2)
    assert nothing["most"] == []
    assert "no images" in nothing["images"]


def test_a_net_that_is_being_trained_is_not_touched(pair: Pair) -> None:
    model = initialised(3, lambda: SmallCNN(3, 3, width=4)).train()
    robust = replace(pair.robust, model=model)
    desk = Desk(Pair(robust, None), 10**6)
    for ask in ({"label": 0}, {"unit": 1}):
        pushed(desk, steps=2, **ask)
    assert model.training
    assert all(one.requires_grad and one.grad is None for one in model.parameters())
    model.eval()
    torch.testing.assert_close(
        desk.chances(desk.sheet)[0], robust.probabilities(desk.sheet.pictures[0])[0]
    )
