"""A linear head finds the one minimum; leakage sees what labels and features have in common."""

import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor, nn

from robustlens.data import Dataset
from robustlens.errors import InputError
from robustlens.nets import SmallCNN
from robustlens.streams import initialised, stream
from robustlens.usefulness import leakage, linear_head, representation, represented


def normal(*shape: int, name: str = "r") -> Tensor:
    return torch.randn(shape, generator=stream(0, name), dtype=torch.float64)


def coloured(labels: Tensor, name: str) -> Dataset:
    """Noise of 8x8 pixels, lighter at a place of its own for each class."""
    x = 40 * torch.rand(len(labels), 1, 8, 8, generator=stream(0, name))
    for i, label in enumerate(labels.tolist()):
        x[i, 0, 0, label] += 120
    return Dataset(x.to(torch.uint8), labels, ("a", "b", "c"), name)


class Pixels(nn.Module):
    """A net whose penultimate layer is the image, or its lower half, which says nothing."""

    def __init__(self, first: int = 0) -> None:
        super().__init__()
        self.first = first
        self.head = nn.Linear(64 - first, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x.flatten(1)[:, self.first :])


def test_the_head_is_the_minimum_of_its_objective() -> None:
    r, labels = normal(200, 4) * torch.tensor([1.0, 5.0, 0.1, 2.0]) + 3, torch.arange(200) % 3
    r[:, 0] += labels
    head = linear_head(r, labels, 3, decay=0.1)
    scale = r.std(dim=0, correction=0)

    def objective(flat) -> float:
        w = torch.tensor(flat).view(3, 5)
        z = (r - r.mean(dim=0)) / scale @ w[:, :4].T + w[:, 4]
        loss = nn.functional.cross_entropy(z, labels) + 0.05 * w[:, :4].square().sum()
        return float(loss)

    other = minimize(objective, torch.zeros(15).double().numpy(), method="SLSQP", tol=1e-12)
    expected = torch.tensor(other.x).view(3, 5)[:, :4]
    assert torch.allclose(head.weights * scale, expected, atol=2e-4)
    assert head.slope < 1e-5
    assert head(r).shape == (200, 3)


def test_a_column_without_news_gets_no_weight_and_scale_does_not_matter() -> None:
    labels = torch.arange(90) % 3
    r = torch.cat([normal(90, 2) + labels[:, None], torch.full((90, 1), 7.0)], dim=1)
    head = linear_head(r, labels, 3)
    assert torch.equal(head.weights[:, 2], torch.zeros(3, dtype=torch.float64))
    other = linear_head(r * torch.tensor([100.0, 0.01, 1.0]), labels, 3)
    assert torch.allclose(head(r), other(r * torch.tensor([100.0, 0.01, 1.0])), atol=1e-3)


@pytest.mark.parametrize(
    ("r", "labels", "classes", "decay", "words"),
    [
        (torch.zeros(3, 2), torch.zeros(2, dtype=torch.int64), 2, 1.0, "shapes"),
        (torch.zeros(2, 2), torch.tensor([0, 2]), 2, 1.0, "labels from 0 to 2"),
        (torch.zeros(2, 2), torch.tensor([0, 1]), 2, 0.0, "decay"),
    ],
)
def test_heads_refuse_what_does_not_fit(r, labels, classes, decay, words) -> None:
    with pytest.raises(InputError, match=words):
        linear_head(r, labels, classes, decay=decay)


def test_leakage_is_full_where_features_carry_the_label_and_none_where_they_do_not() -> None:
    made = coloured(torch.arange(300) % 3, "made")
    test = coloured(torch.arange(600) % 3, "test")
    seen = leakage(Pixels(), made, test)
    assert seen.accuracy.value > 0.95
    assert seen.slope < 1e-4
    assert seen.accuracy.value == pytest.approx(float(seen.hits.float().mean()))
    blind = leakage(Pixels(first=3), made, test)
    assert blind.accuracy.low < 1 / 3 < blind.accuracy.high
    picked = leakage(Pixels(), made, test, units=torch.arange(3, 64))
    assert torch.equal(picked.said, blind.said)


def test_shifted_labels_teach_the_shift() -> None:
    labels = torch.arange(300) % 3
    made = coloured(labels, "made")
    shifted = Dataset(made.images, (labels + 1) % 3, made.classes, "shifted")
    test = coloured(labels, "test")
    found = leakage(Pixels(), shifted, test)
    assert found.accuracy.value < 0.05
    assert float((found.said == (labels + 1) % 3).float().mean()) > 0.95


def test_leakage_refuses_other_classes() -> None:
    made = coloured(torch.arange(30) % 3, "made")
    other = Dataset(made.images, made.labels, ("x", "y", "z"), "other")
    with pytest.raises(InputError, match="same classes"):
        leakage(Pixels(), made, other)


def test_representations_come_as_the_model_is_in_evaluation_and_leave_it_alone() -> None:
    net = initialised(0, lambda: SmallCNN(width=2)).train()
    data = coloured(torch.arange(30) % 3, "made")
    r = represented(net, data, batch_size=7)
    assert r.shape == (30, 32)
    assert net.training
    assert not r.requires_grad
    maps = represented(net, data, "body.2")
    assert maps.shape == (30, 4)
    net.eval()
    x = data.images.float() / 255
    with torch.no_grad():
        assert torch.allclose(representation(net)(x), r, atol=1e-6)
        assert torch.allclose(net.head(r), net(x), atol=1e-5)
