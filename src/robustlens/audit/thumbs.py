"""Small pictures as a page holds them: data URIs.

uri(x[0])       # "data:image/png;base64,..."
"""

import base64
import io

from PIL import Image
from torch import Tensor

SIDE = 96
"""Pixels of the longer side at most; smaller images stay as they are."""


def uri(x: Tensor) -> str:
    """Return an image (c, h, w) in [0, 1], of one or three channels, as a data URI.

    Small ones are PNG, bit for bit the 8-bit image; larger ones are shrunk and are JPEG.
    """
    levels = (x.detach().cpu().clamp(0, 1) * 255).round().byte()
    colour = levels[:3] if len(levels) >= 3 else levels[:1].expand(3, -1, -1)
    pixels = levels[0] if len(levels) == 1 else colour.permute(1, 2, 0)
    image = Image.fromarray(pixels.contiguous().numpy())
    small = max(image.size) <= SIDE
    if not small:
        image.thumbnail((SIDE, SIDE))
    out, kind = io.BytesIO(), "png" if small else "jpeg"
    image.save(out, kind, **({} if small else {"quality": 85}))
    return f"data:image/{kind};base64,{base64.b64encode(out.getvalue()).decode()}"
