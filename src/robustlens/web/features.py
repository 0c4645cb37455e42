"""What a net sees, on a page: its units, the images that they answer to, why it decides.

bench = Bench(pair)                      # the nets that tools work with: copies
bench.unit(17), bench.why(sheet), bench.started(desk, "image", 0, 3)
"""

from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from robustlens.data import Dataset
from robustlens.data.augment import unit as unit_range
from robustlens.errors import InputError
from robustlens.nets.reading import head_of
from robustlens.streams import stream
from robustlens.types import Images
from robustlens.vision.made import seen_by, wander
from robustlens.vision.painter import Painter
from robustlens.vision.sensitivity import unit_shares
from robustlens.vision.starts import noise
from robustlens.vision.straight import straight_through
from robustlens.vision.units import activations
from robustlens.vision.visualize import RMS, visualize_feature
from robustlens.web.desk import GREY, Desk, Pair, Sheet
from robustlens.web.wire import uri

LOOKED = 1000
"""Images among which the most and the least activating are looked for."""
SHOWN = 6
STEPS = 40
"""Of the walk to a unit's picture, 24 of which cross its ball."""
TOP = 8
"""Units that are named as reasons."""


@dataclass(eq=False)
class Bench:
    """The robust net of a pair, copied, so that a tool that opens its ReLU disturbs no push."""

    pair: Pair
    seen: dict[str, Any] = field(default_factory=dict)  # what was computed once

    @cached_property
    def painter(self) -> Painter:
        """The copy."""
        return replace(self.pair.robust, model=deepcopy(self.pair.robust.model))

    @cached_property
    def width(self) -> int:
        """Units that the head reads; 0 for a net without a linear head."""
        robust = self.pair.robust
        blank = torch.full((1, *robust.shape), 0.5, device=robust.device)
        try:
            return head_of(robust.model, blank).in_features
        except InputError:
            return 0

    @cached_property
    def has_seeds(self) -> bool:
        """Whether there are blurred guesses to begin at."""
        try:
            self.pair.robust.seeds()
        except InputError:
            return False
        return True

    def unit(self, unit: int) -> dict[str, Any]:
        """Return a unit as pictures: what raises it, and which images do so most and least.

        Raises:
            InputError: no such unit.
        """
        if not 0 <= unit < self.width:
            raise InputError(f"unit {unit}", f"0 to {self.width - 1}", "change unit")
        painter = self.painter
        start = noise(2, painter.shape, generator=stream(0, "unit")).to(painter.device)
        with straight_through(painter.model):
            made = visualize_feature(painter.model, start, unit, walk=wander(start, RMS, STEPS))
        found = {
            "unit": unit,
            "units": self.width,
            "pictures": [uri(x[None]) for x in made.images],
            "value": float(made.numbers["after"].mean()),
            "most": [],
            "least": [],
            "images": "no images like those of its training are on this machine",
        }
        if (data := self.images()) is not None:
            values = self._activations(data)[:, unit]
            order = values.argsort(descending=True, stable=True)
            rows = [order[:SHOWN], order.flip(0)[:SHOWN]]
            found["most"], found["least"] = ([_example(data, values, k) for k in r] for r in rows)
            found["images"] = f"of {len(data)} test images of {data.name}"
        return found

    def images(self) -> Dataset | None:
        """Return images like those of the net's training, where they are on this machine."""
        if self.pair.images is None:
            return None
        if "images" not in self.seen:
            data = self.pair.images()
            self.seen["images"] = data.take(min(LOOKED, len(data)))
        found: Dataset = self.seen["images"]
        return found

    def _activations(self, data: Dataset) -> Tensor:
        if "activations" not in self.seen:
            self.seen["activations"] = activations(self.painter.model, data).cpu()
        found: Tensor = self.seen["activations"]
        return found

    def why(self, sheet: Sheet) -> dict[str, Any]:
        """Return the units that speak most for what the net sees, against what it sees next.

        Raises:
            InputError: a net without a linear head.
        """
        painter, x = self.painter, sheet.pictures[0]
        z = seen_by(painter.model, painter.model, x)[0]
        first, second = (k[None] for k in z.topk(2).indices)
        shares = unit_shares(painter.model, x, first, second)[0]
        best = shares.topk(min(TOP, len(shares)))
        gap = z[first] - z[second]
        return {
            "first": painter.classes[int(first)],
            "second": painter.classes[int(second)],
            "gap": float(gap),
            "units": [
                {"unit": int(k), "value": float(v), "share": float(v / gap.clamp_min(1e-9))}
                for v, k in zip(best.values, best.indices, strict=True)
            ],
        }

    def started(self, desk: Desk, kind: str, label: int, index: int) -> Sheet:
        """Return a new sheet: grey, a blurred guess of a class, or an image.

        Raises:
            InputError: no such class or image, or neither seeds nor images on this machine.
        """
        painter = desk.pair.robust
        if kind == "grey":
            grey = torch.full_like(desk.sheet.anchor, GREY)
            return replace(desk.sheet.started(grey, "an empty sheet"), mask=None)
        if kind == "seed":
            y = torch.tensor([painter.label(str(label))])
            x = painter.seeds().sample(y, stream(index, "lab", label))
            said = f"a blurred guess of {painter.classes[label]}"
            return desk.sheet.started(x.to(painter.device), said)
        data = self.images()
        if data is None:
            raise InputError("no images for these nets on this machine", "a starter of a class")
        if index >= len(data):
            raise InputError(f"image {index}", f"0 to {len(data) - 1}", "change index")
        x = unit_range(data.images[index : index + 1]).to(painter.device)
        said = f"test image {index} of {data.name}: {data.classes[int(data.labels[index])]}"
        return desk.sheet.started(x, said)


def _example(data: Dataset, values: Tensor, row: Tensor) -> dict[str, Any]:
    x: Images = unit_range(data.images[row][None])
    return {
        "picture": uri(x),
        "index": int(row),
        "label": data.classes[int(data.labels[row])],
        "value": float(values[row]),
    }
