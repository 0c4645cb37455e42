"""Images pushed towards every class, far: by a robust net, and by its standard twin."""

import argparse
from pathlib import Path

import torch

from robustlens import ascend, frozen, nets, toward
from robustlens.balls import L2
from robustlens.data import load
from robustlens.figures import save_pictures
from robustlens.pictures import Cell, Gallery
from robustlens.rules import Steepest
from robustlens.zoo import resolve

words = argparse.ArgumentParser()
words.add_argument("--robust", default="cifar10-l2-0.5", help="a name or a file, as --standard")
words.add_argument("--standard", default="cifar10-standard")
words.add_argument("--data", default="cifar10")
words.add_argument("--size", type=int, help="shrink images to this side in pixels")
words.add_argument("--eps", type=float, default=12.0, help="l2 radius")
words.add_argument("--steps", type=int, default=60)
words.add_argument("--out", type=Path, default=Path("runs/class-push"))
options = words.parse_args()

train, test = (load(options.data, split, size=options.size) for split in ("train", "test"))
classes = torch.arange(len(train.classes))
means = torch.stack([train.images[train.labels == k].float().mean(0) / 255 for k in classes])
others = torch.stack([test.images[test.labels == k][0] / 255 for k in classes.roll(1)])
rule, rows = Steepest(2.5 * options.eps / options.steps), []
for seed, x in {"class mean": means, "test image": others}.items():
    rows.append([Cell(x[0], seed), *map(Cell, x[1:])])
    for kind, name in (("robust", options.robust), ("standard", options.standard)):
        with frozen(model := nets.load(resolve(Path(name))).model):
            y = ascend(toward(model, classes), x, L2(options.eps), rule, steps=options.steps).best
        rows.append([Cell(y[0], kind), *map(Cell, y[1:])])
save_pictures([Gallery("class-push", "", train.classes, tuple(map(tuple, rows)))], options.out)
