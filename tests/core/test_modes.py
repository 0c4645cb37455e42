from collections.abc import Iterator
from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from robustlens.modes import Twin, fast, frozen, half_precision
from robustlens.nets import SmallCNN, preact_resnet


def state(model: nn.Module) -> list[object]:
    return [
        *(module.training for module in model.modules()),
        *(
            (p.requires_grad, None if p.grad is None else p.grad.clone())
            for p in model.parameters()
        ),
    ]


def same(one: list[object], other: list[object]) -> bool:
    return str(one) == str(other)


@pytest.fixture
def mixed() -> nn.Module:
    """A model whose modules and parameters are in different states."""
    model = SmallCNN(width=2)
    model.body[1].eval()
    model.head.bias.requires_grad_(False)
    model.head.weight.grad = torch.full_like(model.head.weight, 7)
    return model


def test_frozen_holds_and_restores(mixed: nn.Module) -> None:
    before = state(mixed)
    with frozen(mixed):
        assert not any(module.training for module in mixed.modules())
        assert not any(p.requires_grad for p in mixed.parameters())
        assert not mixed(torch.rand(2, 1, 28, 28)).requires_grad
    assert same(state(mixed), before)


def test_frozen_restores_after_an_exception_and_after_meddling(mixed: nn.Module) -> None:
    before = state(mixed)
    with pytest.raises(RuntimeError, match="inside"), frozen(mixed):  # noqa: PT012
        mixed.train().requires_grad_(True)
        raise RuntimeError("inside")
    assert same(state(mixed), before)


def test_frozen_nests(mixed: nn.Module) -> None:
    before = state(mixed)
    with frozen(mixed):
        with frozen(mixed):
            pass
        assert not any(module.training for module in mixed.modules())
    assert same(state(mixed), before)


def test_frozen_lets_plain_functions_pass() -> None:
    def double(x: Tensor) -> Tensor:
        return 2 * x

    with frozen(double):
        assert double(torch.ones(1)).item() == 2.0


def used(model: nn.Module) -> nn.Module:
    """A model with batch-norm statistics other than 0 and 1, as after training."""
    g = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5, generator=g)
            module.running_var.uniform_(0.5, 2, generator=g)
    return model


NETS = {
    "small": lambda: SmallCNN(channels=3, width=8),
    "resnet": lambda: preact_resnet(10, 8),
}


@pytest.mark.parametrize("name", NETS)
def test_the_twin_answers_as_the_model(name: str) -> None:
    model = used(NETS[name]())
    before, g = state(model), torch.Generator().manual_seed(0)
    weights = {key: t.clone() for key, t in model.state_dict().items()}
    x = torch.rand(64, 3, 32, 32, generator=g)
    twin, half = fast(model, torch.float32), fast(model, torch.bfloat16)
    with torch.no_grad(), frozen(model):
        expected, z, rough = model(x), twin(x), half(x)
    assert torch.allclose(z, expected, atol=1e-4)
    assert z.dtype == rough.dtype == torch.float32
    assert (rough.argmax(dim=1) == expected.argmax(dim=1)).float().mean() >= 0.8
    assert same(state(model), before)
    assert all(torch.equal(t, weights[key]) for key, t in model.state_dict().items())


def test_batch_norm_is_folded_into_the_convolution_before_it() -> None:
    # shape checks, when on, run code that cannot be traced in our own nets; not in this one
    model = used(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten())).eval()
    x, twin = torch.rand(2, 3, 8, 8), fast(model, torch.float32)
    assert torch.allclose(twin(x), model(x), atol=1e-5)
    ran: list[type] = []
    for module in twin.modules():
        module.register_forward_hook(lambda m, *_: ran.append(type(m)))
    twin(x)
    assert nn.Conv2d in ran
    assert nn.BatchNorm2d not in ran


def test_gradients_pass_through_the_twin() -> None:
    model = used(SmallCNN(width=4)).eval()
    x = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    twin = fast(model, torch.float32)
    (one,), (other,) = (torch.autograd.grad(n(x).square().sum(), x) for n in (model, twin))
    assert torch.allclose(one, other, atol=1e-4)
    assert all(p.grad is None for p in twin.parameters())


class Untraceable(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x) if x.sum() > 0 else -self.head(x)


def test_a_model_that_cannot_be_traced_is_only_copied() -> None:
    model = Untraceable()
    x = torch.rand(5, 4)
    twin = fast(model, torch.float32)
    assert torch.allclose(twin(x), model(x))
    assert twin.body is not model
    assert model.training
    assert all(p.requires_grad for p in model.parameters())


def test_a_model_without_parameters() -> None:
    assert isinstance(fast(nn.Flatten(), torch.float32), Twin)


def test_half_precision_follows_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for native, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda n=native: n)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda n=native: n)
        assert half_precision(torch.device("cpu")) == expected
        assert half_precision(torch.device("cuda")) == expected
        assert half_precision(torch.device("meta")) == torch.float32
        assert fast(nn.Linear(2, 2)).dtype == expected


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


class Plain(nn.Module):
    """Normalisation by constants, a convolution, a linear head: what a twin treats in parts."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1))
        self.stem = nn.Conv2d(3, 8, 3)
        self.head = nn.Linear(8 * 36, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        return self.head(self.stem((x - self.mean) / 0.25).relu().flatten(1))


def test_the_beginning_and_the_end_of_a_twin_stay_in_float32() -> None:
    model, x = Plain().eval(), torch.rand(5, 3, 8, 8)
    before = {name: t.clone() for name, t in model.state_dict().items()}
    twin = fast(model, torch.bfloat16)
    kept = twin.state_dict()
    assert torch.equal(kept["body.mean"], model.mean)
    assert torch.equal(kept["body.head.layer.weight"], model.head.weight)
    assert kept["body.stem.weight"].dtype == torch.bfloat16
    with torch.no_grad():
        assert (twin(x) - model(x)).abs().max() < 0.05
        laid = deepcopy(model).to(memory_format=torch.channels_last)
        same = laid(x.contiguous(memory_format=torch.channels_last))
        assert torch.equal(fast(model, torch.float32)(x), same)
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())


def test_a_head_that_is_used_twice_or_is_no_linear_layer_is_lowered_with_the_rest() -> None:
    class Twice(nn.Module):
        """Calls its last layer two times."""

        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(6, 6)

        def forward(self, x: Tensor) -> Tensor:
            """Return logits."""
            return self.layer(self.layer(x.flatten(1)))

    x = torch.rand(2, 1, 2, 3)
    for model in (Twice().eval(), nn.Sequential(nn.Flatten(), nn.Linear(6, 6), nn.ReLU()).eval()):
        twin = fast(model, torch.bfloat16)
        assert all(t.dtype == torch.bfloat16 for t in twin.state_dict().values())
        with torch.no_grad():
            assert (twin(x) - model(x)).abs().max() < 0.05
