"""Names for shapes and signatures, stated once.

Images are floating point in [0, 1], shaped (b, c, h, w); labels are int64, shaped (b,).
Objectives give one value per example and are MAXIMISED; losses are scalars to be minimised.

    def brightness(x: Images) -> Values:      # an Objective
        return x.mean(dim=(1, 2, 3))
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

Images = Float[Tensor, "b c h w"]
"""Images in [0, 1]."""
ColourImages = Float[Tensor, "b 3 h w"]
"""Images in [0, 1] with red, green and blue."""
Points = Float[Tensor, "b ..."]
"""A batch of points of any shape: images, or rows of a matrix."""
Pixels = UInt8[Tensor, "n c h w"]
"""Images as stored: 0 to 255."""
Labels = Int[Tensor, " b"]
"""Class indices, int64."""
Logits = Float[Tensor, "b k"]
"""Unnormalised class scores."""
Values = Float[Tensor, " b"]
"""One number per example."""

Model = Callable[[Tensor], Tensor]
"""(b, c, h, w) in [0, 1] to logits (b, k); normalisation happens inside."""
Objective = Callable[[Tensor], Tensor]
"""(b, ...) to (b,), to be maximised."""
Representation = Callable[[Tensor], Tensor]
"""(b, c, h, w) to a representation, (b, f) or (b, f, h', w')."""
Attack = Callable[[Model, Tensor, Tensor, torch.Generator], Tensor]
"""(model, x, y, generator) to attacked images shaped like x."""
Loss = Callable[[nn.Module, Tensor, Tensor, torch.Generator], Tensor]
"""(model, x, y, generator) to a scalar to be minimised."""
