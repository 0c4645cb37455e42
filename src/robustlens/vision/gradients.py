"""What a model listens to: loss gradients at the pixels, as pictures and as numbers.

    g = loss_gradient(model, x, y)                     # (b, c, h, w)
    picture(g)                                         # images in [0, 1] to look at
    cosine(g, class_means[other] - class_means[y])     # (b,): does it point at the other class?

Source: Tsipras et al. 2018, section 3.1 and Figure 2.
"""

import torch
from torch import Tensor

from robustlens.ascend import value_and_gradient
from robustlens.data import Dataset, batches
from robustlens.modes import frozen
from robustlens.nets import logits
from robustlens.objectives import misclassify
from robustlens.types import ColourImages, Images, Labels, Model, Values

BLUE, WHITE, RED = (0.13, 0.40, 0.67), (1.0, 1.0, 1.0), (0.70, 0.09, 0.17)


def loss_gradient(model: Model, x: Images, y: Labels) -> Images:
    """Return the gradient of each image's cross-entropy with respect to its own pixels."""
    with frozen(model):
        return value_and_gradient(misclassify(model, y), x)[1]


def picture(gradient: Images) -> ColourImages:
    """Return gradients as RGB images (b, 3, h, w), clipped at 3 standard deviations of each.

    One channel becomes a map from blue (darker here raises the loss) over white to red (brighter
    raises it); three channels are rescaled so that 0 is mid-grey. No smoothing.
    """
    spread = gradient.flatten(1).std(dim=1).clamp_min(torch.finfo(gradient.dtype).tiny)
    level = (gradient / (3 * spread.view(-1, 1, 1, 1))).clamp(-1, 1)
    if gradient.shape[1] != 1:
        return level / 2 + 0.5
    red, white, blue = (torch.tensor(c).view(1, 3, 1, 1).to(level) for c in (RED, WHITE, BLUE))
    return torch.where(level > 0, torch.lerp(white, red, level), torch.lerp(white, blue, -level))


def cosine(a: Images, b: Images) -> Values:
    """Return the cosine of the angle between each pair of images; 0 where one of them is 0."""
    p, q = a.flatten(1).double(), b.flatten(1).double()
    product = torch.linalg.vector_norm(p, dim=1) * torch.linalg.vector_norm(q, dim=1)
    return ((p * q).sum(dim=1) / torch.where(product > 0, product, 1.0)).to(a.dtype)


def high_frequency_share(x: Images) -> Values:
    """Return the share of energy at spatial frequencies above a quarter of a cycle per pixel.

    Half the highest frequency that pixels can show. White noise has about 0.80, a photograph
    less than 0.05; the constant part is left out. Channels are summed.
    """
    h, w = x.shape[-2:]
    power: Tensor = torch.fft.fft2(x).abs().square().sum(dim=1)
    power[:, 0, 0] = 0.0
    rows, columns = torch.fft.fftfreq(h, device=x.device), torch.fft.fftfreq(w, device=x.device)
    high = rows[:, None].square() + columns[None, :].square() > 0.25**2
    total = power.sum(dim=(1, 2))
    share: Values = (power * high).sum(dim=(1, 2)) / torch.where(total > 0, total, 1.0)
    return share


def class_means(data: Dataset) -> Tensor:
    """Return the mean image of each class, (classes, c, h, w) in [0, 1]."""
    sums = torch.zeros(len(data.classes), *data.shape, device=data.images.device)
    for x, y in batches(data, 1000):
        sums.index_add_(0, y, x)
    counts = torch.bincount(data.labels, minlength=len(data.classes)).clamp_min(1)
    return sums / counts.view(-1, 1, 1, 1)


def runner_up(model: Model, x: Images, y: Labels) -> Labels:
    """Return for each image the wrong class with the largest logit."""
    with frozen(model), torch.no_grad():
        return logits(model, x).scatter(1, y[:, None], -torch.inf).argmax(dim=1)
