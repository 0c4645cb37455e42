"""Dead units, and engines to compare with: a prior on pictures, a net under noise."""

import pytest
import torch
from torch import Tensor, nn

from robustlens.balls import L2, Box
from robustlens.errors import InputError, UnknownName
from robustlens.nets import preact_resnet
from robustlens.rules import Adam, Steepest
from robustlens.smoothing import smoothed
from robustlens.streams import initialised, stream
from robustlens.vision import (
    MultiResolution,
    Walk,
    ablation,
    generate_with_prior,
    straight_through,
    translate,
    visualize_feature,
    with_prior,
)

WALK = Walk(L2(2.0), Steepest(0.2), steps=6)


class Gated(nn.Module):
    """R = relu(W x + b) with unit 0 on and unit 1 off at grey; the gate may be used before."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=inplace)
        self.body, self.head = nn.Linear(4, 2), nn.Linear(2, 2)
        with torch.no_grad():
            self.body.weight.copy_(torch.tensor([[1.0, 0, 0, 0], [0, 1.0, 0, 0]]))
            self.body.bias.copy_(torch.tensor([0.0, -0.7]))

    def forward(self, x: Tensor) -> Tensor:
        first = self.relu(x.flatten(1) - 0.2)
        return self.head(self.relu(self.body(first + 0.2)))  # type: ignore[no-any-return]


GREY = torch.full((1, 1, 2, 2), 0.5)


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("layer", [None, "relu"])
def test_a_dead_unit_moves_only_with_the_identity_backward(
    inplace: bool, layer: str | None
) -> None:
    model = Gated(inplace)
    plain = visualize_feature(model, GREY, 1, walk=WALK)
    assert torch.equal(plain.images, GREY)
    before = model(GREY.repeat(2, 1, 1, 1))
    with straight_through(model, layer):
        assert torch.equal(model(GREY.repeat(2, 1, 1, 1)), before)
        made = visualize_feature(model, GREY, 1, walk=WALK)
    assert float(made.numbers["before"]) == 0.0
    assert float(made.numbers["after"]) == pytest.approx(0.3, abs=1e-6)
    assert torch.equal(visualize_feature(model, GREY, 1, walk=WALK).images, GREY)


def test_only_the_last_use_of_a_gate_is_opened() -> None:
    model, x = Gated(), torch.zeros(1, 1, 2, 2, requires_grad=True)  # the first use is off
    with straight_through(model):
        (gradient,) = torch.autograd.grad(model(x).sum(), x)
    assert torch.equal(gradient, torch.zeros_like(gradient))


def test_the_ablation_says_where_it_matters() -> None:
    found = ablation(Gated(), GREY.repeat(2, 1, 1, 1), torch.tensor([0, 1]), walk=WALK)
    assert found.dead.tolist() == [False, True]
    assert found.gain.tolist() == pytest.approx([0.0, 0.3], abs=1e-6)


def test_answers_of_a_residual_net_stay_bit_for_bit() -> None:
    model = initialised(0, lambda: preact_resnet(8, 4)).eval()
    x = torch.rand(2, 3, 8, 8, generator=stream(0, "x"))
    before = model(x)
    with straight_through(model):
        assert torch.equal(model(x), before)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_nets_without_a_relu_and_layers_that_are_none_are_refused() -> None:
    smooth = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.GELU(), nn.Linear(3, 2))
    with pytest.raises(InputError, match=r"no nn\.ReLU ran"), straight_through(smooth):
        smooth(GREY)
    with pytest.raises(InputError, match="a GELU"), straight_through(smooth, "2"):
        pass
    with pytest.raises(UnknownName, match="unknown layer"), straight_through(smooth, "relu9"):
        pass


def test_a_prior_begins_at_its_image_and_climbs_in_all_resolutions() -> None:
    target = torch.rand(1, 1, 8, 8, generator=stream(0, "t")) / 2 + 0.25
    start = torch.full((1, 1, 8, 8), 0.5)
    prior = MultiResolution((1, 2, 4, 8), gain=4.0, jitter=0, noise=0.0)

    def near(x: Tensor) -> Tensor:
        return -(x - target).square().flatten(1).sum(dim=1)

    walk = Walk(Box(), Adam(0.02), steps=200)
    made = with_prior(nn.Identity(), near, start, prior, walk=walk, generator=stream(0, "j"))
    torch.testing.assert_close(made.images, target, atol=0.02, rtol=0)
    assert float(made.trace[0, 0]) == pytest.approx(float(near(start)[0]), abs=1e-4)
    assert made.settings["control"] is True
    assert prior.parts(start).shape == (1, 1 + 4 + 16 + 64)


def test_a_prior_is_the_same_for_the_same_seed() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 3))
    x = torch.rand(2, 3, 8, 8, generator=stream(0, "x"))
    walk = Walk(Box(), Adam(0.02), steps=5, frames=3)
    made, again = (
        generate_with_prior(model, x, 1, walk=walk, generator=stream(0, "j")) for _ in range(2)
    )
    assert torch.equal(made.images, again.images)
    assert made.frames is not None
    assert torch.equal(made.frames[-1], made.images)
    assert float(made.numbers["probability"].min()) > 0


@pytest.mark.parametrize(
    "settings",
    [{"resolutions": ()}, {"resolutions": (0,)}, {"gain": 0.0}, {"jitter": -1}, {"noise": -1.0}],
)
def test_priors_that_are_none_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(InputError):
        MultiResolution(**settings)  # type: ignore[arg-type]


def test_a_smoothed_model_is_the_mean_over_its_noise_and_an_engine() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    x = torch.rand(4, 3, 2, 2, generator=stream(0, "x"))
    model = smoothed(net, 0.25, m=2000, seed=0)
    other = smoothed(net, 0.25, m=2000, seed=1)
    with torch.no_grad():
        p = model(x).exp()
        torch.testing.assert_close(p.sum(dim=1), torch.ones(4))
        torch.testing.assert_close(p, other(x).exp(), atol=0.01, rtol=0)
        torch.testing.assert_close(model(x[1:2]), model(x)[1:2])
        still = smoothed(net, 1e-7, m=1)
        torch.testing.assert_close(still(x), net(x).log_softmax(dim=1))
    made = translate(model, x, 2, walk=WALK)
    assert bool((made.trace[-1] > made.trace[0]).all())
    with pytest.raises(InputError, match="sigma"):
        smoothed(net, -1.0)
