"""What people complained about in other tools, as far as it concerns an audit: a test for each.

The numbers are of issues in their repositories.
"""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import robustlens as rl
from robustlens.audit.settings import in_pixels
from robustlens.data import Dataset
from robustlens.errors import InputError

pytestmark = pytest.mark.filterwarnings("ignore::robustlens.errors.Doubtful")


@pytest.fixture
def found(trained: Any, data: Dataset, short: None) -> Any:
    return rl.audit(trained.model, data, norm="linf", eps="8/255", limit=8)


def test_what_is_my_eps(found: Any) -> None:
    """ViTs-vs-CNNs 7, autoattack 13, torchattacks 45: the radius is echoed in both units."""
    assert found.cells[0].pixels.startswith("8/255 = 0.0314 of the range [0, 1], 8 of 255 levels")
    assert "1.5 of the range [0, 1], 382.5 of 255 levels" in in_pixels(rl.L2(1.5))
    assert found.cells[0].pixels in found.verdict.sentences[1]


def test_input_of_another_range(trained: Any) -> None:
    """ART 2319, foolbox 353: pixels of 0 to 255, or normalised ones, are refused in words."""
    with pytest.raises(InputError, match=r"pixels from .* expected pixels in \[0, 1\]"):
        rl.audit(trained.model, 255 * torch.rand(4, 1, 28, 28), torch.zeros(4, dtype=torch.int64))


def test_slow_without_a_word(found: Any) -> None:
    """RobustBench 186, autoattack 18: the price stands before the work, the seconds after it."""
    assert "expected interval" in found.planned
    assert found.provenance.seconds > 0


def test_two_tools_disagree(found: Any) -> None:
    """Torchattacks 188, foolbox 704: steps, radius, seed, versions stand beside the numbers."""
    said = found.as_dict()
    assert "steps 8" in said["robust accuracy"][0]["attack"]
    assert said["provenance"]["seed"] == 0
    assert {"torch", "robustlens"} <= said["provenance"]["versions"].keys()


@pytest.mark.parametrize("classes", [2, 3])
def test_few_classes(classes: int, short: None) -> None:
    """Autoattack 70, 76, 110: two classes or three are attacked as any other number."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, classes)).eval()
    x = torch.randint(0, 256, (12, 1, 4, 4), dtype=torch.uint8)
    found = rl.audit(net, x, net(x / 255).argmax(dim=1), eps=4.0)
    assert found.cells[0].held < 12


def test_one_number_not_three(found: Any) -> None:
    """Autoattack 45, 85: an image counts by the worst of all attacks."""
    cell = found.cells[0]
    assert cell.held == sum(row.fate[cell.ball] == "held" for row in found.rows)


def test_results_for_each_image(found: Any) -> None:
    """ART 2827, foolbox 259, deepchecks 2175: a row for each image, by its index."""
    assert [row.index for row in found.rows] == sorted({row.index for row in found.rows})
    assert len(found.rows) == 8


def test_a_random_defence_is_judged_by_one_draw(trained: Any, data: Dataset, short: None) -> None:
    """Autoattack PR 105: a model that answers at random gets no verdict."""

    class Random(nn.Module):
        def __init__(self, net: nn.Module) -> None:
            super().__init__()
            self.net = net

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x + 0.3 * torch.rand_like(x))

    found = rl.audit(Random(trained.model), data, eps=0.3, limit=8)
    assert "the same image gets the same answer" in " ".join(found.verdict.why)


def test_an_output_that_is_wrapped(trained: Any, data: Dataset, short: None) -> None:
    """Torchattacks 193, ART 2225: an object with logits, as Hugging Face nets return."""

    class Wrapped(nn.Module):
        def __init__(self, net: nn.Module) -> None:
            super().__init__()
            self.net = net

        def forward(self, x: Tensor) -> Any:
            return {"loss": x.sum(), "logits": self.net(x)}

    plain = rl.audit(trained.model, data, eps=0.3, limit=6)
    wrapped = rl.audit(Wrapped(trained.model), data, eps=0.3, limit=6)
    assert [row.fate for row in plain.rows] == [row.fate for row in wrapped.rows]


def test_the_smallest_change_from_any_attack(found: Any) -> None:
    """ART 1226: the distance of the nearest wrong image, and the curve, from all attacks."""
    assert all(far > 0 for row in found.rows for far in row.nearest.values())
    assert sum(bool(row.nearest) for row in found.rows) >= 6  # the walks of the tests are short
