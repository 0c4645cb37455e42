"""A net that knows many classes, asked about a few of them.

net = among(load(Path("cifar10.safetensors")), ["cat", "dog"])     # two logits
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

import torch
from torch import nn

from robustlens.decoding import encode
from robustlens.errors import InputError
from robustlens.nets.checkpoints import Checkpoint
from robustlens.nets.reading import head_of, only_linear


def among(net: Checkpoint, classes: Sequence[str]) -> Checkpoint:
    """Return the net that has the logits of `classes` alone, in their order.

    Its probabilities are those of the whole net on condition that the class is one of these; its
    features stay. The net given is not changed. The card names the new classes.

    Raises:
        InputError: the card names no classes or not all of these, or the model has no linear head
            with one row for each of its classes.
    """
    known = net.card.classes
    missing = [name for name in classes if name not in known]
    if not classes or missing:
        raise InputError(
            f"classes {', '.join(classes) or 'none'} of a net that knows "
            f"{', '.join(known) or 'none by name'}",
            "some of the classes that it was trained on",
            "change classes, or the net",
        )
    model = deepcopy(net.model)
    head = _head(Checkpoint(model, net.card), len(known))
    rows = [known.index(name) for name in classes]
    head.weight = nn.Parameter(head.weight.detach()[rows].clone())
    if head.bias is not None:
        head.bias = nn.Parameter(head.bias.detach()[rows].clone())
    head.out_features = len(rows)
    card, shape = net.card.but(classes=list(classes)), net.card.architecture
    if shape is not None:
        card = card.but(architecture=encode(replace(shape, classes=len(rows))))
    return Checkpoint(model, card)


def _head(net: Checkpoint, rows: int) -> nn.Linear:
    """Return the linear head, asked with a black image where the card says of which size."""
    own = net.card.architecture
    if own is None:
        return only_linear(net.model, rows)
    black = torch.zeros(1, own.channels, own.size, own.size)
    first = next(net.model.parameters(), black)
    with torch.no_grad():
        head = head_of(net.model, black.to(first))
    if head.out_features != rows:
        raise InputError(
            f"a linear head of {head.out_features} rows for {rows} classes",
            "one row for each class",
            "use a model with a linear head",
        )
    return head
