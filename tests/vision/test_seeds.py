"""Seeds: moments of the samples, files, and classes that are not there."""

from pathlib import Path

import pytest
import torch

from robustlens.data import Dataset
from robustlens.errors import InputError, UnknownName
from robustlens.streams import stream
from robustlens.vision import Seeds, generate


def toy(n: int = 60, side: int = 4) -> Dataset:
    """Two classes, grey around 0.3 and 0.7, each along two directions of its own."""
    g = stream(0, "toy")
    labels = torch.arange(n) % 2
    along = torch.randn(n, 2, generator=g)
    axes = torch.randn(2, 2, side * side, generator=g) * 0.03
    flat = 0.3 + 0.4 * labels[:, None] + torch.einsum("nr,nrd->nd", along, axes[labels])
    images = (flat.view(n, 1, side, side) * 255).round().clamp(0, 255).to(torch.uint8)
    return Dataset(images, labels, ("dark", "light"), "toy")


def moments(seeds: Seeds, label: int) -> tuple[torch.Tensor, torch.Tensor]:
    x = seeds.sample(seeds.labels(label, 20000), stream(1, "draw")).flatten(1).double()
    return x.mean(dim=0), x.T.cov()


@pytest.mark.parametrize("noise", [0.01, None])
def test_samples_have_the_mean_and_the_covariance_of_their_class(noise: float | None) -> None:
    data = toy()
    seeds = Seeds.fit(data, rank=2, noise=noise)
    for label in (0, 1):
        x = data.images[data.labels == label].flatten(1).double() / 255
        mean, covariance = moments(seeds, label)
        torch.testing.assert_close(mean, x.mean(dim=0), atol=3e-3, rtol=0)
        torch.testing.assert_close(covariance, x.T.cov(), atol=2e-4, rtol=0.05)


def test_without_a_rank_the_whole_variance_is_in_the_noise() -> None:
    data = toy()
    seeds = Seeds.fit(data, rank=0, noise=None)
    x = data.images[data.labels == 0].flatten(1).double() / 255
    assert float(seeds.noise[0]) ** 2 * 16 == pytest.approx(float(x.T.cov().trace()), rel=0.01)


def test_averaged_seeds_are_blocks_of_the_size_of_the_images() -> None:
    x = Seeds.fit(toy(), rank=2, down=2).sample(torch.tensor([0, 1]), stream(0, "s"))
    assert x.shape == (2, 1, 4, 4)
    assert torch.equal(x[:, :, ::2, ::2], x[:, :, 1::2, 1::2])


def test_a_seed_depends_on_its_place_and_label_alone() -> None:
    seeds = Seeds.fit(toy())
    many = seeds.sample(torch.tensor([0, 1, 1, 0]), stream(0, "s"))
    few = seeds.sample(torch.tensor([0, 1]), stream(0, "s"))
    torch.testing.assert_close(many[:2], few)
    assert not torch.equal(many[1], many[2])


def test_a_file_of_seeds_says_the_same(tmp_path: Path) -> None:
    seeds = Seeds.fit(toy(), rank=2, down=2)
    seeds.save(tmp_path / "seeds.safetensors")
    back = Seeds.load(tmp_path / "seeds.safetensors")
    assert (back.classes, back.size, back.about) == (seeds.classes, seeds.size, seeds.about)
    y = torch.tensor([1, 0, 1])
    assert torch.equal(back.sample(y, stream(0, "s")), seeds.sample(y, stream(0, "s")))


def test_what_is_no_file_of_seeds_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"no seeds")
    for name in ("a.safetensors", "absent.safetensors"):
        with pytest.raises(InputError, match="cannot read seeds"):
            Seeds.load(tmp_path / name)


def test_classes_that_are_not_there() -> None:
    seeds = Seeds.fit(toy())
    assert seeds.labels("light", 3).tolist() == [1, 1, 1]
    with pytest.raises(UnknownName, match="dark, light"):
        seeds.labels("grey", 2)
    with pytest.raises(InputError, match="label 2"):
        seeds.sample(torch.tensor([2]), stream(0, "s"))
    with pytest.raises(InputError, match="no label"):
        seeds.sample(torch.tensor([], dtype=torch.int64), stream(0, "s"))
    one = Dataset(toy().images[:3], torch.tensor([0, 0, 1]), ("dark", "light"), "few")
    with pytest.raises(InputError, match="1 images of the class 'light'"):
        Seeds.fit(one)
    for settings in ({"rank": -1}, {"down": 0}, {"down": 5}, {"images": 1}, {"noise": -1.0}):
        with pytest.raises(InputError, match="rank >= 0"):
            Seeds.fit(toy(), **settings)


def test_generation_begins_at_its_seeds_and_climbs() -> None:
    seeds = Seeds.fit(toy(side=8))
    from robustlens.nets import SmallCNN
    from robustlens.streams import initialised

    model = initialised(0, lambda: SmallCNN(1, 2, width=4))
    y = torch.tensor([0, 1, 1])
    made, again = (generate(model, seeds, y, generator=stream(0, "g")) for _ in range(2))
    assert torch.equal(made.images, again.images)
    assert torch.equal(made.start, seeds.sample(y, stream(0, "g")))
    assert bool((made.trace[-1] > made.trace[0]).all())
    with pytest.raises(InputError, match="label 2"):
        generate(model, Seeds.fit(toy(side=8)), torch.tensor([2]), generator=stream(0, "g"))
