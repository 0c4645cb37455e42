"""Attacks by way of surrogates."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from robustlens.attacks import mi_fgsm, pgd
from robustlens.attacks.transfer import ensemble, transfer
from robustlens.balls import L2, Ball, Linf
from robustlens.errors import InputError
from robustlens.streams import stream


def images(b: int, c: int = 3, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(b, c, 4, 4, generator=stream(1, "x"), dtype=dtype)


class Steady(nn.Module):
    """A linear model whose arithmetic for an image does not depend on the batch."""

    def __init__(self, name: str, classes: int, inputs: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(classes, inputs, generator=stream(2, name)))

    def forward(self, x: Tensor) -> Tensor:
        w = self.w.to(x.dtype)
        return ((x.flatten(1) - 0.5)[:, None] * w).sum(-1)


@pytest.mark.parametrize("ball", [Linf(0.1), L2(0.7)], ids=str)
@pytest.mark.parametrize(("classes", "channels"), [(2, 1), (3, 3), (10, 3)])
@pytest.mark.parametrize("attack", [mi_fgsm, pgd])
def test_it_keeps_the_contract_of_attacks(
    ball: Ball, classes: int, channels: int, attack: Any
) -> None:
    x = images(7, channels)
    model = Steady("model", classes, channels * 16)
    surrogates = [Steady(name, classes, channels * 16) for name in ("model", "other")]
    y = model(x).argmax(dim=1)
    y = torch.where(torch.arange(7) == 3, (y + 1) % classes, y)
    before = x.clone()

    def found(rows: slice) -> Any:
        return transfer.found(
            model, x[rows], y[rows], ball, surrogates=surrogates, attack=attack, steps=6,
            generator=stream(0, "t"),
        )  # fmt: skip

    all_ = found(slice(None))
    assert torch.equal(x, before)
    assert torch.equal(all_.done, model(all_.images).argmax(dim=1) != y)
    assert torch.equal(all_.images[~all_.done], x[~all_.done])
    assert torch.equal(all_.images[3], x[3])
    assert all_.step[3] == 0
    others = torch.arange(7) != 3
    assert (all_.step[all_.done & others] == 6).all()
    assert (all_.step[~all_.done] == -1).all()
    assert (ball.distance(all_.images, x) <= ball.eps + 1e-6).all()  # type: ignore[attr-defined]
    assert not all_.images.requires_grad
    for i in (0, 5):
        alone = found(slice(i, i + 1))
        assert torch.allclose(alone.images[0], all_.images[i], atol=1e-6)
    for surrogate in surrogates:
        assert surrogate.training
        assert surrogate.w.requires_grad
        assert surrogate.w.grad is None


@pytest.mark.parametrize("size", [0, 1, 64])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_any_batch_and_number_format(size: int, dtype: torch.dtype) -> None:
    x = images(size, dtype=dtype)
    model = Steady("model", 3, 48)
    y = model(x).argmax(dim=1)
    moved = transfer(model, x, y, Linf(0.2), surrogates=[model], generator=stream(0, "t"))
    assert moved.shape == x.shape
    assert moved.dtype == dtype


def test_a_surrogate_like_the_model_finds_what_the_attack_finds(trained: Any) -> None:
    x, y, ball = trained.x[:20], trained.y[:20], L2(0.5)
    made = transfer.found(
        trained.model, x, y, ball, surrogates=[trained.model], generator=stream(0, "t")
    )
    direct = mi_fgsm.found(trained.model, x, y, ball)
    assert made.done.any()
    assert torch.equal(made.done, direct.done)


def test_success_is_counted_on_the_model_alone() -> None:
    x, y = torch.full((4, 1, 4, 4), 0.5), torch.zeros(4, dtype=torch.int64)

    def deaf(x: Tensor) -> Tensor:
        return torch.stack([x.flatten(1)[:, 0] * 0 + 1, x.flatten(1)[:, 0] * 0], dim=1)

    surrogate = Steady("other", 2, 16)
    found = transfer.found(deaf, x, y, Linf(0.5), surrogates=[surrogate], generator=stream(0, "t"))
    assert not found.done.any()
    assert torch.equal(found.images, x)


def test_an_ensemble_is_the_mean_of_logits_and_of_log_probabilities() -> None:
    x, y = images(5), torch.arange(5) % 3
    models = [Steady(name, 3, 48) for name in ("a", "b")]
    z = ensemble(models)(x)
    mean = torch.stack([model(x).log_softmax(dim=1) for model in models]).mean(dim=0)
    assert torch.allclose(z, (models[0](x) + models[1](x)) / 2)
    entropy = nn.functional.cross_entropy
    assert torch.allclose(entropy(z, y), entropy(mean, y), atol=1e-5)


def test_bad_surrogates_are_refused() -> None:
    x = images(2)
    y = torch.zeros(2, dtype=torch.int64)
    model = Steady("a", 3, 48)
    with pytest.raises(InputError, match="no surrogates"):
        transfer(model, x, y, L2(1), surrogates=[], generator=stream(0, "t"))
    with pytest.raises(InputError, match="2, 3 classes"):
        transfer(model, x, y, L2(1), surrogates=[model, Steady("b", 2, 48)],
                 generator=stream(0, "t"))  # fmt: skip
