"""On which units a net's decisions stand.

shares = margin_shares(net, test)       # (f,), they sum to 1
"""

import torch
from torch import Tensor, nn

from robustlens.data import Dataset, batches
from robustlens.errors import InputError
from robustlens.evaluation import on_device_of
from robustlens.modes import frozen
from robustlens.nets.reading import head_of
from robustlens.usefulness.reading import represented


def margin_shares(model: nn.Module, data: Dataset) -> Tensor:
    """Return which share of the mean margin each penultimate unit gives, (f,) float64.

    The margin is the logit of the true class minus the mean of the others; the head is linear, so
    it is a sum over units, of weight times value. A value is counted from its mean over `data`,
    and classes weigh alike, so that what is the same for all images does not count. Shares sum to
    1 and may be negative.

    Raises:
        InputError: a model without a linear head, a class without images, or no positive margin.
    """
    (x, _) = next(batches(on_device_of(model, data), 1))
    with frozen(model), torch.no_grad():
        head = head_of(model, x)
    r, labels = represented(model, data).double(), data.labels.cpu()
    weights = head.weight.detach().double()
    classes = len(weights)
    counts = torch.bincount(labels, minlength=classes).to(r.device)
    if len(counts) != classes or not bool((counts > 0).all()):
        raise InputError(f"{data.name} without images of some class", "some of each of them all")
    mine = torch.nn.functional.one_hot(labels, classes).to(r) / counts
    means = mine.T @ (r - r.mean(dim=0))  # (classes, f)
    means = means - means.mean(dim=0)
    against = (weights.sum(dim=0) - weights) / (classes - 1)
    given: Tensor = ((weights - against) * means).sum(dim=0)
    if not float(given.sum()) > 0:
        raise InputError("a model whose mean margin is not positive", "one that has learned")
    return (given / given.sum()).cpu()
