"""How alike two images are, pair by pair: pixels, structure, representations.

    psnr(made, truth), ssim(made, truth)               # (b,) each
    relative_distance(model, made, truth)              # ||R(a) - R(b)|| / ||R(b)||

None of them is people's judgement: PSNR and SSIM reward blur, and a representation is that of one
net. Fill-ins and enlargements have many right answers; they count likeness to one of them.
"""

import math

import torch
from scipy.stats import rankdata
from torch import Tensor, nn
from torch.nn.functional import conv2d

from robustlens.errors import InputError
from robustlens.nets.reading import reader
from robustlens.types import Images, Values
from robustlens.vision.made import seen_by
from robustlens.vision.matching import same_shape

WINDOW, SIGMA = 11, 1.5


def psnr(a: Tensor, b: Images) -> Values:
    """Return the peak signal-to-noise ratio in dB, -10 log10 of the mean square difference.

    Infinite for equal images; 20 dB is a root mean square difference of 0.1. It counts every
    pixel alone and so prefers the blurred mean to a sharp guess.
    """
    a = same_shape(a, b)
    return -10 * (a - b).square().flatten(1).mean(dim=1).log10()


def ssim(a: Tensor, b: Images) -> Values:
    """Return the structural similarity, 1 for equal images, averaged over places and channels.

    Means, variances and covariance in a Gaussian window of 11 x 11 pixels, sigma 1.5, and only
    where it lies in the image; constants 0.01^2 and 0.03^2. Source: Wang et al. 2004, equation 13.
    Some libraries mirror images at their edges and average over more places, which changes the
    third digit. It sees local contrast and structure, is blind to colour shifts, and depends on
    the size.
    Raises `InputError` for sides under 11 pixels.
    """
    a = same_shape(a, b)
    channels, *sides = b.shape[1:]
    if min(sides) < WINDOW:
        raise InputError(f"images of {tuple(sides)} pixels", f"sides of at least {WINDOW}")
    places = torch.arange(WINDOW, dtype=b.dtype, device=b.device) - WINDOW // 2
    bell = torch.exp(-places.square() / (2 * SIGMA**2))
    bell = bell / bell.sum()

    def mean(x: Tensor) -> Tensor:
        down = conv2d(x, bell.view(1, 1, -1, 1).repeat(channels, 1, 1, 1), groups=channels)
        return conv2d(down, bell.view(1, 1, 1, -1).repeat(channels, 1, 1, 1), groups=channels)

    p, q = mean(a), mean(b)
    both = mean(a * b) - p * q
    spread = mean(a.square()) - p.square() + mean(b.square()) - q.square()
    light = (2 * p * q + 1e-4) / (p.square() + q.square() + 1e-4)
    return (light * (2 * both + 9e-4) / (spread + 9e-4)).flatten(1).mean(dim=1)


def relative_distance(
    model: nn.Module, images: Tensor, x: Images, *, layer: str | None = None
) -> Values:
    """Return ||R(image) - R(x)||_2 / ||R(x)||_2, one a pair: what inversion makes small.

    0 where the net cannot tell them apart; about 1 or more for images of unlike content. Values
    of different nets or layers are on different scales. Source: Engstrom et al. 2019, section 3.
    """
    read = reader(model, layer, x)
    a, b = (seen_by(model, read, part).flatten(1) for part in (same_shape(images, x), x))
    away: Values = torch.linalg.vector_norm(a - b, dim=1) / torch.linalg.vector_norm(b, dim=1)
    return away


def rank_correlation(a: Tensor, b: Tensor) -> Tensor:
    """Return Spearman's correlation of each row of a with the same row of b, both (b, f).

    Of the activations of a layer at a visualisation and at the image that activates the unit most
    it says whether the two go the same way through the net; a visualisation that was forged does
    not (Geirhos et al. 2024). NaN where all entries of a row are equal.
    """
    if a.shape != b.shape or a.dim() != 2:
        raise InputError(f"shapes {tuple(a.shape)} and {tuple(b.shape)}", "two of one shape (b, f)")
    ranks = [torch.from_numpy(rankdata(r.detach().cpu().numpy(), axis=1)) for r in (a, b)]
    p, q = (r - r.mean(dim=1, keepdim=True) for r in ranks)
    length = (p.square().sum(dim=1) * q.square().sum(dim=1)).sqrt()
    return torch.where(length > 0, (p * q).sum(dim=1) / length, math.nan)
