"""A second look: what is doubted, what is not, and that looking changes nothing."""

import random
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from robustlens.doubts import (
    AT_RANDOM,
    PROBABILITIES,
    TOGETHER,
    TRAINING,
    doubt,
    doubts,
    probabilities,
    quiet,
    watched,
)
from robustlens.errors import Doubtful


@pytest.fixture
def x() -> Tensor:
    return torch.rand(20, 1, 6, 6, generator=torch.Generator().manual_seed(1))


def linear(x: Tensor) -> Tensor:
    return x.flatten(1)[:, :5] * 3


class Noisy(nn.Module):
    """Draws from the global numbers, from numpy's or from its own generator."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source, self.own = source, torch.Generator().manual_seed(3)

    def forward(self, x: Tensor) -> Tensor:
        z = linear(x)
        noise = {
            "torch": lambda: torch.randn_like(z),
            "numpy": lambda: torch.from_numpy(np.random.randn(*z.shape)),  # noqa: NPY002
            "python": lambda: random.random(),
            "own": lambda: torch.randn(z.shape, generator=self.own),
        }[self.source]()
        return z + 0.1 * noise


def with_norm(**settings: Any) -> nn.Module:
    net = nn.Sequential(nn.Flatten(), nn.Linear(36, 5), nn.BatchNorm1d(5, **settings))
    return net.eval()


SOUND: dict[str, Callable[[Tensor], Tensor] | nn.Module] = {
    "linear": linear,
    "a net": with_norm(),
    "half precision": lambda x: linear(x).bfloat16(),
    "a large constant": lambda x: linear(x) + 1e5,
    "a large constant in half precision": lambda x: (linear(x) + 100).half(),
    "all alike": lambda x: 0 * linear(x),
    "one class in [0, 1]": lambda x: linear(x)[:, :1].sigmoid(),
    "training mode without effect": nn.Sequential(nn.Flatten(), nn.Linear(36, 5)).train(),
    "a batch of fixed noise": lambda x: linear(x) + torch.randn(
        1, 5, generator=torch.Generator().manual_seed(0)),
    "not our business: no matrix": lambda x: x,
    "not our business: not finite": lambda x: linear(x) * torch.nan,
}  # fmt: skip
DOUBTFUL: dict[str, tuple[str, Callable[[Tensor], Tensor] | nn.Module]] = {
    **{f"noise of {source}": (AT_RANDOM, Noisy(source)) for source in ("torch", "numpy", "python",
                                                                       "own")},
    "dropout that stays": (AT_RANDOM, lambda x: nn.functional.dropout(linear(x), 0.5)),
    "batch statistics": (TOGETHER, with_norm(track_running_stats=False)),
    "less the mean": (TOGETHER, lambda x: linear(x) - linear(x).mean(dim=0)),
    "less the first": (TOGETHER, lambda x: linear(x) - linear(x)[:1]),
    "less the one before": (TOGETHER, lambda x: linear(x) - linear(x).roll(1, dims=0)),
    "softmax": (PROBABILITIES, lambda x: linear(x).softmax(dim=1)),
    "softmax in half precision": (PROBABILITIES, lambda x: linear(x).softmax(dim=1).half()),
    "dropout in training": (TRAINING, nn.Sequential(nn.Flatten(), nn.Dropout(0.5))),
    "batch norm in training": (TRAINING, with_norm().train()),
    "a part in training": (TRAINING, nn.Sequential(with_norm(), nn.Dropout(0.5).train())),
}  # fmt: skip


@pytest.mark.parametrize("model", SOUND.values(), ids=SOUND)
def test_an_ordinary_model_is_not_doubted(model: Any, x: Tensor) -> None:
    assert doubts(model, x) == ()


@pytest.mark.parametrize(("said", "model"), DOUBTFUL.values(), ids=DOUBTFUL)
def test_each_doubt_is_told_by_its_name(said: str, model: Any, x: Tensor) -> None:
    assert doubts(model, x) == (said,)
    assert doubts(model, x, expected=(said,)) == ()


def test_several_doubts_are_one_warning(x: Tensor) -> None:
    def model(x: Tensor) -> Tensor:
        return (linear(x) - linear(x).mean(dim=0)).softmax(dim=1)

    with pytest.warns(Doubtful) as caught, watched(model, x):
        assert doubts(model, x) == (TOGETHER, PROBABILITIES)
    assert [str(one.message) for one in caught] == [f"{TOGETHER}; {PROBABILITIES}"]


def test_who_has_looked_is_not_told_again(x: Tensor) -> None:
    with warnings.catch_warnings(record=True) as heard, quiet(), watched(Noisy("torch"), x):
        doubt("nobody hears this")
    assert not heard


def test_looking_changes_nothing_and_asks_little(x: Tensor) -> None:
    model = nn.Sequential(with_norm().train(), Noisy("own"), nn.Dropout(0.5))
    model[1].forward = lambda z: z + torch.randn(z.shape, generator=model[1].own)  # type: ignore
    sizes: list[int] = []
    model.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    before = {name: t.clone() for name, t in model.state_dict().items()}
    states = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    own = model[1].own.get_state()
    assert doubts(model, x)
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1] == np.random.get_state()[1].tolist()  # noqa: NPY002
    assert torch.equal(own, model[1].own.get_state())
    assert all(part.training for part in model.modules())
    assert len(sizes) <= 4
    assert max(sizes) <= 16


def test_a_model_that_writes_into_its_input_does_not_reach_the_images(x: Tensor) -> None:
    before = x.clone()
    assert doubts(lambda x: linear(x.sub_(0.5)), x) == ()
    assert torch.equal(x, before)


def test_rows_of_probabilities() -> None:
    assert probabilities(torch.tensor([[0.25, 0.75], [1.0, 0.0]]))
    assert not probabilities(torch.tensor([[0.25, 0.75], [1.0, 0.1]]))
    assert not probabilities(torch.tensor([[-0.25, 1.25]]))


def test_the_category_can_be_silenced(x: Tensor) -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("ignore", Doubtful)
        with watched(Noisy("torch"), x):
            pass
    assert not heard


def test_a_class_that_is_ruled_out_hides_no_doubt() -> None:
    x = torch.rand(20, 1, 6, 6, generator=torch.Generator().manual_seed(1))

    def ruled(f: Any) -> Any:
        def model(x: Tensor) -> Tensor:
            z = f(x)
            return torch.cat([z, torch.full_like(z[:, :1], -torch.inf)], dim=1)

        return model

    def hole(x: Tensor) -> Tensor:
        return torch.where((torch.arange(len(x)) == 1)[:, None], torch.nan, linear(x))

    noisy = lambda x: linear(x) + torch.randn(len(x), 1)  # noqa: E731
    assert doubts(ruled(linear), x) == ()
    assert doubts(ruled(noisy), x) == (AT_RANDOM,)
    assert doubts(ruled(lambda x: linear(x) + x.mean()), x) == (TOGETHER,)
    assert doubts(lambda x: hole(x).softmax(dim=1), x) == (PROBABILITIES,)
