"""What needs no net at all, to stand beside every picture that a net made.

mean_filled(x, mask), nearest_filled(x, mask)          # beside `inpaint`
enlarged(x, 4, "bicubic"), enlarged(x, 4, "nearest")   # beside `upscale`
"""

import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from robustlens.types import Images
from robustlens.vision.starts import checked_mask, enlarged, mean_filled

__all__ = ["enlarged", "mean_filled", "nearest_filled"]


def nearest_filled(x: Images, mask: Tensor) -> Images:
    """Return images whose masked pixels are those of the nearest known pixel (Euclidean).

    Raises:
        InputError: as `mean_filled`.
    """
    filled = mean_filled(x, mask)  # checks the mask, and says what is wrong with it
    holes = checked_mask(mask, x).expand(len(x), 1, *x.shape[2:])
    for image, hole in zip(filled, holes[:, 0], strict=True):
        rows, columns = distance_transform_edt(
            hole.cpu().numpy(), return_distances=False, return_indices=True
        )
        down, across = (torch.from_numpy(part).long().to(x.device) for part in (rows, columns))
        image.copy_(image[:, down, across])
    return filled
