import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from robustlens.data import Augmentation
from robustlens.data.augment import colour_jitter, crop, cutout, flip, noise, unit
from robustlens.errors import InputError
from robustlens.streams import stream

X = torch.rand(40, 3, 6, 5, generator=stream(0, "x"))
FULL = Augmentation(padding=2, flip=True, cutout=3, jitter=0.4, noise=0.1)


@given(padding=st.integers(0, 4), seed=st.integers(0, 99), channels=st.sampled_from([1, 3]))
def test_crop_is_a_window_of_the_padded_original(padding: int, seed: int, channels: int) -> None:
    x = torch.randint(1, 256, (5, channels, 4, 3), generator=stream(seed, "x")).to(torch.uint8)
    got = crop(x, padding, stream(seed, "crop"))
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    for original, image in zip(padded, got, strict=True):
        places = range(2 * padding + 1)
        windows = [original[:, i : i + 4, j : j + 3] for i in places for j in places]
        assert any(torch.equal(image, window) for window in windows)


def test_crop_draws_every_shift_and_one_for_each_image() -> None:
    x = torch.arange(1, 26.0).view(1, 1, 5, 5).repeat(500, 1, 1, 1)
    centres = crop(x, 1, stream(0, "crop"))[:, 0, 2, 2]
    assert centres.unique().tolist() == [7, 8, 9, 12, 13, 14, 17, 18, 19]


def test_flip_mirrors_about_half() -> None:
    got = flip(X, stream(0, "flip"))
    mirrored = [torch.equal(a, b.flip(2)) for a, b in zip(got, X, strict=True)]
    kept = [torch.equal(a, b) for a, b in zip(got, X, strict=True)]
    assert all(a != b for a, b in zip(mirrored, kept, strict=True))
    assert 10 < sum(mirrored) < 30


@given(size=st.integers(1, 8), seed=st.integers(0, 50))
def test_cutout_blackens_one_rectangle_of_a_square(size: int, seed: int) -> None:
    got = cutout(torch.ones(6, 2, 7, 5), size, stream(seed, "cut"))
    for image in got:
        assert torch.equal(image[0], image[1])
        rows, columns = (image[0] == 0).any(dim=1), (image[0] == 0).any(dim=0)
        assert torch.equal(image[0] == 0, rows[:, None] & columns)
        # The centre lies inside, so at least about half of the square does.
        assert min(size // 2, 5) <= int(rows.sum()) <= min(size, 7)
        assert min((size + 1) // 2, 5) <= int(columns.sum()) <= min(size, 5)


def test_colour_jitter_changes_each_image_in_its_own_way() -> None:
    x = torch.full((50, 1, 2, 2), 0.5)
    got = colour_jitter(x, 0.4, stream(0, "j"))[:, 0, 0, 0]
    assert len(got.unique()) > 40
    assert 0.3 - 1e-6 <= float(got.min()) < 0.35
    assert 0.65 < float(got.max()) <= 0.7 + 1e-6


def test_colour_jitter_of_nothing_is_nothing_and_grey_stays_grey() -> None:
    assert torch.allclose(colour_jitter(X, 0.0, stream(0, "j")), X, atol=1e-6)
    grey = X[:, :1].expand(-1, 3, -1, -1)
    got = colour_jitter(grey, 0.8, stream(0, "j"))
    assert torch.allclose(got[:, 0], got[:, 2], atol=1e-6)
    assert torch.allclose(got[:, :1], colour_jitter(X[:, :1], 0.8, stream(0, "j")), atol=1e-6)


def test_noise_has_its_sigma_and_is_not_clipped() -> None:
    got = noise(torch.ones(50, 3, 10, 10), 0.5, stream(0, "n")) - 1
    assert float(got.std()) == pytest.approx(0.5, rel=0.02)
    assert float(got.max()) > 1


def test_unit_divides_bytes_and_leaves_floats() -> None:
    assert unit(torch.tensor([0, 51, 255], dtype=torch.uint8)).tolist() == pytest.approx(
        [0, 0.2, 1]
    )
    assert unit(X) is X


def test_the_default_is_the_identity_and_draws_nothing() -> None:
    g = stream(0, "t")
    before = g.get_state()
    assert torch.equal(Augmentation()(X, g), X)
    assert torch.equal(g.get_state(), before)


def test_same_seed_same_bits_and_bytes_as_floats() -> None:
    pixels = (X * 255).to(torch.uint8)
    first = FULL(pixels, stream(3, "t"))
    assert torch.equal(first, FULL(unit(pixels), stream(3, "t")))
    assert not torch.equal(first, FULL(pixels, stream(4, "t")))
    assert first.dtype == torch.float32


@given(
    padding=st.integers(0, 3), size=st.integers(0, 4), jitter=st.floats(0, 1), flips=st.booleans()
)
def test_without_noise_images_stay_images(
    padding: int, size: int, jitter: float, flips: bool
) -> None:
    augment = Augmentation(padding=padding, flip=flips, cutout=size, jitter=jitter)
    got: Tensor = augment(X, stream(0, "t"))
    assert got.shape == X.shape
    assert float(got.min()) >= 0
    assert float(got.max()) <= 1


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("padding", -1, "a finite number >= 0"),
        ("cutout", -2, "a finite number >= 0"),
        ("jitter", 1.5, "a number from 0 to 1"),
        ("noise", float("nan"), "a finite number >= 0"),
        ("noise", float("inf"), "a finite number >= 0"),
    ],
)
def test_values_out_of_range_are_refused(field: str, value: float, expected: str) -> None:
    with pytest.raises(InputError, match=rf"{field} is {value}; expected {expected} \(change"):
        Augmentation(**{field: value})  # type: ignore[arg-type]
