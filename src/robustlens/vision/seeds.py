"""Seeds: where generated pictures begin. One Gaussian for each class, fitted once, a small file.

    seeds = Seeds.fit(data, rank=24, down=2)
    x = seeds.sample(labels, stream(0, "seeds"))            # (b, c, h, w), blurred guesses
    seeds.save("cifar10-seeds.safetensors"); Seeds.load("cifar10-seeds.safetensors")

Source: Santurkar et al. 2019, section 3 and appendix A.1: N(mu_y, Sigma_y) of the images of class
y, averaged down (by 4 for 224 pixels, by 1 for CIFAR-10), + 1e-4 I. Here the covariance is that of
the leading directions plus one variance for all others (the model of Tipping & Bishop 1999), so
that a class is a few images in size.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from robustlens.answers import check_labels
from robustlens.data import Dataset, batches
from robustlens.errors import InputError
from robustlens.files import AnyPath, as_path, replacing, to_json
from robustlens.streams import Draws
from robustlens.types import Images, Labels
from robustlens.vision.starts import class_of, places

KIND = "robustlens seeds 1"
"""What the metadata of a file of seeds begin with."""


@dataclass(frozen=True, eq=False)
class Seeds:
    """A Gaussian of low-resolution images for each of k classes.

    x = mean + z directions + noise * e, z and e standard normal; then clipped, and enlarged block
    by block to `size`. Numbers are kept in half precision, also in memory: a saved file says the
    same. `about` is written into the file: which images, how many.
    """

    mean: Tensor  # (k, c, h', w') float16
    directions: Tensor  # (k, rank, c, h', w') float16, each as long as its standard deviation
    noise: Tensor  # (k,) float16: the standard deviation of each of the other directions
    size: tuple[int, int]  # height and width of the samples
    classes: tuple[str, ...]
    about: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        data: Dataset,
        *,
        rank: int = 32,
        down: int = 1,
        images: int = 250,
        noise: float | None = 0.01,
    ) -> "Seeds":
        """Return the seeds of the classes of a data set, from its first `images` of each.

        Args:
            rank: directions kept, fewer where a class has fewer images.
            down: images are averaged over blocks of down x down first.
            noise: standard deviation of all other directions; that of the paper gives smooth
                seeds. None: what the images have there, on average, so that no variance is lost.

        Raises:
            InputError: a class of fewer than two images, or settings out of range.
        """
        h, w = data.shape[1:]
        if rank < 0 or images < 2 or not 1 <= down <= min(h, w) or (noise or 0.0) < 0:
            raise InputError(
                f"rank {rank}, down {down}, images {images}, noise {noise}",
                f"rank >= 0, down from 1 to {min(h, w)}, images >= 2, noise >= 0",
            )
        low = (math.ceil(h / down), math.ceil(w / down))
        fitted = [
            _gaussian(_of_class(data, label, images, low), rank, noise)
            for label in range(len(data.classes))
        ]
        mean, directions, rest = (torch.stack(part) for part in zip(*fitted, strict=True))
        about = {"data": data.name, "digest": data.digest, "images": images, "down": down}
        return cls(mean, directions, rest, (h, w), data.classes, about)

    def sample(self, labels: Labels, generator: torch.Generator) -> Images:
        """Return one seed a label, (b, c, h, w) in [0, 1], where the labels are.

        The k-th depends on the generator, on k and on its label, and on no other label.
        Raises `InputError` for a label that is no class.
        """
        if not len(labels):
            raise InputError("no label", "at least one seed to draw", "change labels")
        check_labels(labels, len(self.classes))
        y = labels.cpu()
        draws = Draws.of(places(len(y)), generator)
        z = draws.normal(self.directions.shape[1])
        e = draws.normal(*self.mean.shape[1:])
        spread = torch.einsum("br,brchw->bchw", z, self.directions[y].float())
        x = self.mean[y].float() + spread + self.noise[y].float().view(-1, 1, 1, 1) * e
        return interpolate(x.clamp_(0.0, 1.0), size=self.size, mode="nearest-exact").to(
            labels.device
        )

    def labels(self, name: str | int, n: int) -> Labels:
        """Return n times the label of a class, by its name or index.

        Raises:
            UnknownName: there is no such class; the names are listed.
        """
        return torch.full((n,), class_of(name, self.classes))

    def save(self, path: AnyPath) -> None:
        """Write the seeds atomically, as safetensors with what they are in the metadata."""
        kept = {"mean": self.mean, "directions": self.directions, "noise": self.noise}
        said = {"size": self.size, "classes": self.classes, "about": self.about}
        with replacing(path) as temporary:
            whole = {name: tensor.contiguous() for name, tensor in kept.items()}
            save_file(whole, temporary, {"kind": KIND, "seeds": to_json(said)})

    @classmethod
    def load(cls, path: AnyPath) -> "Seeds":
        """Return the seeds of a file; raise `InputError` for one that is missing or another's."""
        path = as_path(path)
        try:
            with safe_open(path, framework="pt") as file:
                said = json.loads(file.metadata()["seeds"])
                mean, directions, noise = (
                    file.get_tensor(name) for name in ("mean", "directions", "noise")
                )
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"cannot read seeds from {path}: {error}", "a file written by Seeds.save"
            ) from error
        return cls(
            mean, directions, noise, tuple(said["size"]), tuple(said["classes"]), said["about"]
        )


def _of_class(data: Dataset, label: int, images: int, low: tuple[int, int]) -> Tensor:
    """Return the first images of a class, averaged down, float64 (n, c, h', w')."""
    rows = torch.nonzero(data.labels == label).flatten()[:images]
    if len(rows) < 2:
        raise InputError(
            f"{len(rows)} images of the class {data.classes[label]!r}",
            "at least two, to see how they vary",
            "add images",
        )
    parts = [adaptive_avg_pool2d(x, low) for x, _ in batches(data.subset(rows), 250)]
    return torch.cat(parts).double().cpu()


def _gaussian(x: Tensor, rank: int, noise: float | None) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean, scaled leading directions and the deviation of the rest, in half precision."""
    mean = x.mean(dim=0)
    flat = (x - mean).flatten(1) / math.sqrt(len(x) - 1)
    _, lengths, axes = torch.linalg.svd(flat, full_matrices=False)
    kept = min(rank, len(x) - 1, flat.shape[1])
    directions = torch.zeros(rank, flat.shape[1], dtype=x.dtype)
    directions[:kept] = lengths[:kept, None] * axes[:kept]
    others = max(flat.shape[1] - kept, 1)
    rest = (lengths[kept:].square().sum() / others).sqrt()
    rest = rest if noise is None else torch.full_like(rest, noise)
    return mean.half(), directions.view(rank, *x.shape[1:]).half(), rest.half()
