"""Make src/robustlens/data/packaged/fashion.npz: a small, class-balanced, lossless Fashion-MNIST.

    python tools/package_fashion.py                    # from ROBUSTLENS_DATA/fashion_mnist.npz
    python tools/package_fashion.py /usr/share/datasets/fashion-mnist        # from idx files

It keeps the first 1,000 training and 200 test images of each class, in their original order, as
lossless WebP sheets of 10 x 10 images, searched hard for small size: a few minutes. Same input and
library versions, same bytes.
"""

import io
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from robustlens.data import Dataset, idx, load
from robustlens.data.packed import SIDE, Bytes, threaded
from robustlens.files import replacing

TARGET = Path(__file__).parents[1] / "src/robustlens/data/packaged/fashion.npz"
KEPT = {"train": 1000, "test": 200}


def original(split: str, folder: Path | None) -> tuple[Bytes, Any]:
    """Return images (n, 28, 28) and labels (n,) of all of Fashion-MNIST."""
    if folder is not None:
        return idx.pair(folder, split)
    data: Dataset = load("fashion-full", split)
    return data.images[:, 0].numpy(), data.labels.numpy()


def first_of_each(labels: Any, count: int) -> Any:
    """Return the sorted indices of the first `count` images of every class."""
    firsts = [np.flatnonzero(labels == label)[:count] for label in np.unique(labels)]
    return np.sort(np.concatenate(firsts))


def encode(tiles: Bytes) -> bytes:
    """Return 100 images (100, h, w) as one lossless WebP sheet."""
    _, height, width = tiles.shape
    grid = tiles.reshape(SIDE, SIDE, height, width).transpose(0, 2, 1, 3)
    stream = io.BytesIO()
    sheet = Image.fromarray(grid.reshape(SIDE * height, SIDE * width))
    sheet.save(stream, "WEBP", lossless=True, quality=100, method=6)
    return stream.getvalue()


def pack(split: str, folder: Path | None) -> dict[str, Any]:
    """Return the arrays of one split, named as `robustlens.data.named` reads them."""
    images, labels = original(split, folder)
    kept = first_of_each(labels, KEPT[split])
    tiles = np.split(images[kept], len(kept) // SIDE**2)
    sheets = list(threaded(f"packing {split}", encode, tiles))
    return {
        f"{split}_sheets": np.frombuffer(b"".join(sheets), np.uint8),
        f"{split}_offsets": np.cumsum([0, *map(len, sheets)], dtype=np.int64),
        f"{split}_labels": labels[kept].astype(np.uint8),
    }


def write(path: Path, arrays: dict[str, Any]) -> None:
    """Write an npz whose bytes do not depend on the clock, as `np.savez` makes them do."""
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, array in arrays.items():
            stream = io.BytesIO()
            np.save(stream, array)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), stream.getvalue())


def main() -> None:
    """Pack both splits and say how large the result is."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    write(TARGET, pack("train", folder) | pack("test", folder))
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
