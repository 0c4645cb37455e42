"""Dogs and cats with every label wrong: what it takes to learn from them, as a table.

    ROBUSTLENS_DATA=... python tools/ablate_dogs_and_cats.py --out runs/dogs-and-cats

Nets are trained on 9,000 of CIFAR-10's dogs and cats, their images pushed towards the other class
(D_other, l2 0.5) and given that label; new nets are trained on those alone and measured on the
1,000 real images that took no part (validation). Every finished line is kept in the folder, so
that a run goes on where it was stopped. The setting that wins there is measured on the test images
(`--test`), and once more with sources, sets and nets made anew from all 10,000 (`--test --all`).
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from robustlens.constructed import relabelled
from robustlens.data import Augmentation, Dataset, load
from robustlens.evaluation import accuracy
from robustlens.files import read_json, write_json
from robustlens.nets import among
from robustlens.provenance import clock
from robustlens.recipes import Recipe, fit
from robustlens.studies.simple_experiment import CROPS, DOGS, HELD
from robustlens.training import TrainConfig

TAUGHT = 9000  # images that sources learn from and the sets are made of
NET = DOGS
FINER = replace(NET, width=32, stem_stride=1)  # sees every pixel, about 48 MMAC
WIDE = replace(NET, width=96)  # about 107 MMAC
TEACHING = DOGS.training  # how sources are trained
LAST = replace(HELD, weight_decay=5e-4)


@dataclass(frozen=True, kw_only=True)
class Line:
    """How the set is made and how the new net is trained."""

    eps: str = "0.5"
    steps: int = 25
    step_size: float = 0.1
    sources: int = 1
    shaken: bool = False  # pushed through random crops and flips
    beyond: bool = False  # one more source: a net of all ten classes, asked about these two
    net: Recipe = NET  # of the sources, and of the new net where `learner` is None
    learner: Recipe | None = None
    training: TrainConfig = LAST
    seed: int = 0  # of the new net


MORE = Line(sources=3, shaken=True)
WIDER = Line(eps="1.0", step_size=0.2)
WIDEST = replace(WIDER, sources=3, shaken=True)
DECAYED = replace(LAST, weight_decay=5e-3)
JITTER = replace(LAST, augment=replace(CROPS, jitter=0.4))
CUT = replace(HELD, augment=replace(CROPS, cutout=16))
SHORT = replace(HELD, epochs=30)
ADAM = replace(LAST, optimiser="adam", lr=0.001, weight_decay=0.2)
SPARED = replace(LAST, weight_decay=1e-3)
LINES = {
    "one source": Line(),
    "one source, weight decay 0.002": Line(training=HELD),
    "three sources, through crops and flips": MORE,
    "the same, colours jittered in training": replace(MORE, training=JITTER),
    "the same, weight decay 0.002": replace(MORE, training=HELD),
    "the same, weight decay 0.002, seed 1": replace(MORE, training=HELD, seed=1),
    "the same, weight decay 0.002, cutout": replace(MORE, training=CUT),
    "the same, weight decay 0.002, twice as wide": replace(MORE, training=SHORT, learner=WIDE),
    "the same, weight decay 0.002, twice as wide, seed 1": replace(
        MORE, training=SHORT, learner=WIDE, seed=1
    ),
    "three sources and one of ten classes, weight decay 0.002": replace(
        MORE, beyond=True, training=HELD
    ),
    "three sources and one of ten classes, weight decay 0.002, twice as wide": replace(
        MORE, beyond=True, training=SHORT, learner=WIDE
    ),
    "three sources and one of ten classes, weight decay 0.002, seed 1": replace(
        MORE, beyond=True, training=HELD, seed=1
    ),
    "the same, lr 0.02": replace(MORE, training=replace(LAST, lr=0.02)),
    "the same, 120 epochs": replace(MORE, training=replace(LAST, epochs=120)),
    "three sources, crops and flips, 100 steps": replace(MORE, steps=100),
    "five sources, crops and flips": replace(MORE, sources=5),
    "the same, weight decay 0.005": replace(MORE, training=DECAYED),
    "the same, weight decay 0.002, 120 epochs": replace(MORE, training=replace(HELD, epochs=120)),
    "the same, AdamW, weight decay 0.2": replace(MORE, training=ADAM),
    "five sources, crops and flips, weight decay 0.002": replace(MORE, sources=5, training=HELD),
    "five sources, crops and flips, weight decay 0.002, twice as wide": replace(
        MORE, sources=5, training=SHORT, learner=WIDE
    ),
    "one source, radius 1": WIDER,
    "one source, radius 1, weight decay 0.001": replace(WIDER, training=SPARED),
    "one source, radius 1, weight decay 0.001, twice as wide": replace(
        WIDER, training=replace(SPARED, epochs=30), learner=WIDE
    ),
    "one source, radius 1, weight decay 0.005": replace(WIDER, training=DECAYED),
    "three sources, crops and flips, radius 1": WIDEST,
    "the same, radius 1, weight decay 0.002": replace(WIDEST, training=HELD),
    "one source, finer net": Line(net=FINER),
    "one source, finer net, weight decay 0.002": Line(net=FINER, training=HELD),
    "one source, finer net, radius 1": replace(WIDER, net=FINER),
    "three sources, crops and flips, finer net": replace(MORE, net=FINER),
    "three sources, crops and flips, finer net, weight decay 0.002": replace(
        MORE, net=FINER, training=HELD
    ),
}


def validation() -> Dataset:
    """The 500 dogs and 500 cats that no net is trained on."""
    data = load("catdog")
    first = [torch.nonzero(data.labels == k).flatten()[4500:] for k in (0, 1)]
    return data.subset(torch.cat(first))


def measure(name: str, out: Path, split: str, taught: int) -> dict[str, Any]:
    """Return one line of the table, from the folder or computed."""
    part = "validation" if taught else "all"  # what the set is named after
    asked = split if taught else f"all-{split}"
    path = out / f"{name.replace(' ', '-').replace(',', '')}-{asked}.json"
    if path.exists():
        return dict(read_json(path))
    plan = LINES[name]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    source = replace(plan.net, images=taught, training=TEACHING)
    with clock() as seconds:
        nets = [
            fit(replace(source, seed=seed), out / "models", device) for seed in range(plan.sources)
        ]
        if plan.beyond:
            ten = fit(replace(source, data="cifar10", images=5 * taught), out / "models", device)
            nets.append(among(ten, ("cat", "dog")))
        radius = "" if plan.eps == "0.5" else f"-{plan.eps}"
        finer = "" if plan.net == NET else "-finer"
        beyond = "-beyond" if plan.beyond else ""
        pushes = f"{plan.steps}-{plan.step_size}-{plan.sources}-{plan.shaken}"
        made = f"{part}-{pushes}{radius}{finer}{beyond}"
        relabelled(
            source.dataset().to(device),
            nets[0],
            out / "made" / made,
            targets="other",
            eps=plan.eps,
            steps=plan.steps,
            step_size=plan.step_size,
            also=nets[1:],
            augment=CROPS if plan.shaken else Augmentation(),
        )
        learner = replace(
            plan.learner or plan.net,
            data=str(out / "made" / made),
            training=plan.training,
            seed=plan.seed,
        )
        model, card = fit(learner, out / "models", device)
        real = validation() if split == "validation" else load("catdog", "test")
        rate = accuracy(model, real.to(device)).rate
    row = {
        "line": name,
        "split": asked,
        **rate._asdict(),
        "loss": card["validation"]["loss"],
        "seconds": seconds(),
    }
    write_json(path, row)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/dogs-and-cats"))
    parser.add_argument("--only", nargs="*", default=list(LINES))
    parser.add_argument(
        "--test", action="store_true", help="ask the net of --only about the test images"
    )
    parser.add_argument(
        "--all", action="store_true", help="with --test: learn from the validation images too"
    )
    options = parser.parse_args()
    if options.all and not options.test:
        parser.error("--all leaves no validation images: add --test")
    for name in options.only:
        split, taught = ("test" if options.test else "validation"), (0 if options.all else TAUGHT)
        row = measure(name, options.out, split, taught)
        print(
            f"| {name} | {row['value']:.1%} [{row['low']:.1%}, {row['high']:.1%}] | {row['n']} "
            f"| {row['loss']:.3f} | {row['seconds']:.0f} s |",
            flush=True,
        )


if __name__ == "__main__":
    main()
