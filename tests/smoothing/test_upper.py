"""What attacks on the smoothed model leave: known for a half-space, above every certificate."""

import pytest

from robustlens.data.augment import unit
from robustlens.errors import InputError
from robustlens.smoothing import (
    Fixed,
    Gaussian,
    Noise,
    Rounded,
    certified_accuracy,
    certify,
    upper_bound,
)
from toys import plane

RADII = [0.0, 0.1, 0.25, 0.5, 1.0, 4.0]


@pytest.mark.parametrize("noise", [Gaussian(0.25), Rounded(0.25)], ids=str)
def test_of_a_half_space_an_image_is_taken_just_beyond_its_distance(noise: Noise) -> None:
    """The steepest way is the nearest, so that only votes near the plane do not tell."""
    model, data = plane(12)
    distance = model.distance(unit(data.images))
    found = upper_bound(model, data, noise, RADII, n=500, m=4, batch_size=512)
    rows = certify(model, data, noise, Fixed(n=2000), batch_size=2048)
    below = certified_accuracy(rows, RADII)
    for radius, left, held in zip(RADII, found, below.rates, strict=True):
        assert held.value <= left.value
        assert left.value >= float((distance > radius).float().mean())
        # Votes tell where the share of the other class is 0.6, a quarter of sigma beyond.
        assert left.value <= float((distance > radius - 0.25 * noise.sigma).float().mean())
    assert found[0].value >= found[1].value
    assert [rate.n for rate in found] == [12] * len(RADII)


def test_wrong_images_are_taken_at_radius_0() -> None:
    model, data = plane(6)
    data.labels[:2] = 1 - data.labels[:2]
    far = model.distance(unit(data.images)) > 0.1
    left = upper_bound(model, data, Gaussian(0.1), [0.0], n=500)[0]
    assert left.value == pytest.approx(1 - float(far[:2].float().sum()) / 6)


@pytest.mark.parametrize("radii", [[], [-0.1, 0.2], [0.2, 0.1], [0.1, 0.1]])
def test_radii_grow_from_0(radii: list[float]) -> None:
    model, data = plane()
    with pytest.raises(InputError, match="sort them"):
        upper_bound(model, data, Gaussian(0.25), radii)
