"""The samplers: their laws, whose noise it is, and where floating point breaks the theorem."""

import mpmath
import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import ndtr, ndtri
from torch import Tensor

from robustlens.errors import InputError
from robustlens.smoothing import Fixed, Gaussian, Noise, Rounded, certify, predict
from robustlens.smoothing.noise import BLOCK, fill, normal_of
from robustlens.smoothing.thresholds import BITS, UNSETTLED, rounded_normal
from robustlens.streams import stream
from toys import LowBits, data

NOISES = [Gaussian(0.25), Rounded(0.25)]


def drawn(noise: Noise, x: Tensor, blocks: int, image: int = 0, seed: int = 0) -> Tensor:
    """Return blocks of copies of one image (1, c, h, w)."""
    bits = torch.empty(blocks, BLOCK, noise.width(x[0].numel()), dtype=torch.int64)
    for number, block in enumerate(bits):
        fill(block, seed, "test", image, number)
    rows = torch.zeros(blocks * BLOCK, dtype=torch.int64)
    found = noise.copies(x, rows, bits.flatten(0, 1))
    assert found.sure.all()
    return found.images


@pytest.mark.parametrize("noise", NOISES, ids=str)
def test_noise_is_normal(noise: Noise) -> None:
    x = torch.full((1, 1, 5, 5), 51 / 255)  # an odd number of pixels
    z = ((drawn(noise, x, 125) - x) / noise.sigma).double().numpy()
    assert z.shape == (2000, 1, 5, 5)
    assert abs(z.mean()) < 0.02
    assert z.std() == pytest.approx(1, abs=0.015)
    assert stats.kstest(z.ravel()[:5000] + 1e-3, "norm").pvalue > 1e-3
    assert np.abs(np.corrcoef(z.reshape(2000, 25).T) - np.eye(25)).max() < 0.12
    assert np.abs(z).max() > 4  # not cut


def test_pairs_of_draws_have_the_ends_of_63_bits() -> None:
    ends = torch.tensor([[0, 2**40 - 1], [2**63 - 1, 2**62]])
    z = normal_of(ends, 4)
    assert z.isfinite().all()
    assert float(z.abs().max()) == pytest.approx(np.sqrt(2 * 41 * np.log(2)), rel=1e-6)
    assert normal_of(ends, 3).shape == (2, 3)


@pytest.mark.parametrize("noise", NOISES, ids=str)
def test_noise_belongs_to_seed_image_and_block(noise: Noise) -> None:
    x = torch.zeros(1, 1, 3, 3)
    one = drawn(noise, x, 2)
    assert torch.equal(one, drawn(noise, x, 2))
    assert torch.equal(one[:BLOCK], drawn(noise, x, 1))
    assert not torch.equal(one[:BLOCK], one[BLOCK:])
    assert (
        len({float(v[0, 0, 0, 0]) for v in (one, drawn(noise, x, 1, 1), drawn(noise, x, 1, 0, 1))})
        == 3
    )


@pytest.mark.parametrize("s", [0.4 * 255, 31.875, 3.0])
def test_rounded_draws_have_the_exact_law(s: float) -> None:
    limit = round(4 * s)
    table = rounded_normal(s, limit)
    with mpmath.workdps(60):
        for m in (-limit, -1, 0, limit // 2, limit - 1):
            exact = mpmath.ncdf((mpmath.mpf(m) + 0.5) / mpmath.mpf(s)) * 2**BITS
            low, high = int(table.low[m + limit]), int(table.high[m + limit])
            assert low <= exact <= high <= low + 2
    bits = torch.empty(50_000, dtype=torch.int64).random_(generator=stream(0)) >> 1
    values, sure = table.look_up(bits)
    assert sure.all()
    u = (bits.double().numpy() + 0.5) * 2.0**-BITS
    z = s * ndtri(u)
    clear = np.abs(z - np.floor(z) - 0.5) > 1e-6
    expected = np.clip(np.rint(z), -limit, limit)
    assert clear.mean() > 0.99
    assert (values.numpy()[clear] == expected[clear]).all()


def test_a_draw_on_a_threshold_is_not_sure() -> None:
    table = rounded_normal(63.75, 510)
    for place in (0, 300, 509, 600, 1019):
        low, high = int(table.low[place]), int(table.high[place])
        around = torch.tensor([low - 1, low, high - 1, high]).clamp(0, 2**BITS - 1)
        values, sure = table.look_up(around)
        assert sure[0] or low == 0
        assert not sure[1:3].any()
        if high < 2**BITS:
            assert sure[3] or high == table.low[place + 1 : place + 2]
            assert values[3] == place - 510 + 1 or not sure[3]
    ends = rounded_normal(51.0, 510).look_up(torch.tensor([0, 2**BITS - 1]))
    assert not ends.sure.any()  # how far out they lie is not known


def test_an_unsure_copy_counts_for_no_class(monkeypatch: pytest.MonkeyPatch) -> None:
    from robustlens.smoothing import votes

    def zeros(bits: Tensor, *named: object) -> None:
        bits.zero_()

    monkeypatch.setattr(votes, "fill", zeros)
    pair = data(torch.zeros(1, 1, 2, 2), torch.tensor([0]))
    with torch.no_grad():
        counts = votes.tally(
            lambda x: x.flatten(1)[:, :2], torch.zeros(1, 1, 2, 2), Rounded(0.2),
            images=[0], seed=0, purpose="test", n=20, batch_size=16,
        )  # fmt: skip
    assert counts.tolist() == [[0, 0, 20]]
    assert len(pair) == 1


def test_what_the_model_sees_is_on_the_grid_and_clipped() -> None:
    noise = Rounded(0.2)
    x = torch.tensor([[[[-3.0, 0.1, 0.5, 9.0]]]])
    assert (255 * noise.seen(x)).flatten().tolist() == pytest.approx([-255, 26, 128, 510])
    white = torch.ones(1, 1, 2, 2)
    seen = drawn(noise, white, 20)
    assert torch.equal(noise.seen(seen), seen)


def test_images_off_the_grid_are_refused() -> None:
    bits = torch.zeros(1, 4, dtype=torch.int64)
    for x in (torch.full((1, 1, 2, 2), 0.5), torch.full((1, 1, 2, 2), 256 / 255)):
        with pytest.raises(InputError, match=r"multiples of 1/255.*Gaussian"):
            Rounded(0.25).copies(x, torch.tensor([0]), bits)


@pytest.mark.parametrize("kind", [Gaussian, Rounded])
@pytest.mark.parametrize("sigma", [0.0, -1.0, float("nan"), float("inf")])
def test_a_sigma_that_is_no_noise_is_refused(kind: type[Gaussian], sigma: float) -> None:
    with pytest.raises(InputError, match=r"sigma is .*change sigma"):
        kind(sigma)


def test_the_float_sampler_gives_a_false_certificate_and_the_exact_one_does_not() -> None:
    """Voracek & Hein 2023: x + noise in floats keeps in its low bits what x was.

    At x = 1 every sum is a multiple of 2^-24, so all votes are for class 0; at x = 0, a distance of
    1 away, most noise keeps finer bits, and the majority is class 1. Rounded to the grid before
    the model, both points are seen alike, and the certificate is what the theorem allows.
    """
    model, sigma, n = LowBits(), 0.4, 10_000
    pair = data(torch.tensor([0, 255]).view(2, 1, 1, 1), torch.tensor([1, 0]))
    plan, size = Fixed(n=n), 4096
    black, white = certify(model, pair, Gaussian(sigma), plan, batch_size=size)
    assert (white.predicted, white.votes) == (0, n)
    assert white.radius > 1.25
    answers = [row.predicted for row in predict(model, pair, Gaussian(sigma), n=n, batch_size=size)]
    assert answers == [1, 0]  # at a distance of 1 < 1.25: the certificate is false

    black, white = certify(model, pair, Rounded(sigma), plan, batch_size=size)
    exact = [_share_of_class_0(sigma, level) for level in (0, 255)]
    assert abs(white.votes / n - exact[1]) < 0.02
    assert white.low <= exact[1]
    assert white.radius < 1  # and black is of class 1 for sure
    assert black.predicted == 1
    assert ndtri(exact[1]) - ndtri(exact[0]) <= 1 / sigma  # the theorem, between the two points


def _share_of_class_0(sigma: float, level: int) -> float:
    """Return the exact share of votes for class 0 at one pixel, summed over the grid."""
    reach = Rounded(sigma).reach
    seen = np.arange(-255 * reach, 255 * (reach + 1) + 1)
    upper = ndtr((seen + 0.5 - level) / (255 * sigma))
    upper[-1] = 1
    weight = np.diff(upper, prepend=0.0)
    x = torch.tensor(seen, dtype=torch.float32).div_(255).view(-1, 1, 1, 1)
    zero = (LowBits()(x).argmax(dim=1) == 0).numpy()
    return float(weight[zero].sum())


@pytest.mark.parametrize("sigma", [0.1, 0.4, 1.0])
def test_a_copy_is_what_its_62_bits_stand_for_pixel_by_pixel(sigma: float) -> None:
    """Sixteen bits first, 46 from the numbers at the end for those that they do not settle."""
    noise, x = Rounded(sigma), torch.full((1, 1, 20, 20), 100 / 255)
    bits = torch.empty(BLOCK, noise.width(400), dtype=torch.int64)
    fill(bits, 0, "test", 0, 0)
    found = noise.copies(x, torch.zeros(BLOCK, dtype=torch.int64), bits)
    spare = noise.closer(400)
    table = noise.table
    looked = 0
    for copy, drawn_bits in zip(found.images, bits.tolist(), strict=True):
        first = [number >> 16 * k & 0xFFFF for number in drawn_bits[:-spare] for k in range(3)]
        more = iter(drawn_bits[-spare:])
        for value, leading in zip((255 * copy).flatten().tolist(), first[:400], strict=True):
            unsettled = bool(table.first(torch.tensor([leading])) == UNSETTLED)
            rest = next(more) % 2**46 if unsettled else 0
            exact, sure = table.look_up(torch.tensor([(leading << 46) + rest]))
            looked += unsettled
            assert sure
            assert round(value) == int(exact) + 100
    assert looked > 0
    assert found.sure.all()


def test_a_copy_that_wants_more_closer_looks_than_it_has_is_unsure() -> None:
    noise, x = Rounded(0.25), torch.zeros(2, 1, 10, 10)
    wants = int(torch.nonzero(noise.table.cells == UNSETTLED)[40])
    bits = torch.randint(2**62, (2, noise.width(100)), generator=stream(0))
    bits[1, : -noise.closer(100)] = wants * (1 + 2**16 + 2**32)
    found = noise.copies(x, torch.arange(2), bits)
    assert found.sure.tolist() == [True, False]
