"""`robustlens transfer`: who falls for whose adversarial examples."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from robustlens.attacks import ATTACKS, bind
from robustlens.balls import ball
from robustlens.cli.bring import brought, probe
from robustlens.cli.command import Answer, Command, device, origin
from robustlens.cli.images import about, described, heading, images, limited, reading
from robustlens.errors import InputError, UnknownName
from robustlens.evaluation import on_device_of, transfer_matrix
from robustlens.evaluation.scale import check_scale
from robustlens.nets import Checkpoint
from robustlens.provenance import clock


@dataclass(frozen=True, kw_only=True)
class Transfer(Command):
    """Show every model the adversarial examples of every other, and count who falls.

    Rows: made on; columns: shown to. A success is an image that a model gets right as it is, and
    wrong after the change; each share has its interval. The answer is a Markdown table.

    Example: robustlens transfer --data fashion --norm l2 --eps 1.5 --weights a.safetensors
    b.safetensors c.safetensors --names small resnet robust
    """

    doubts: ClassVar[bool] = True
    data: str  # a name from "robustlens data list", or a path
    weights: tuple[Path, ...]  # two .safetensors files or more, or names of shipped models
    names: tuple[str, ...] = field(default=())  # what to call them; default: their files or folders
    size: int | None = None  # crop and resize images of different sizes to this side
    split: str | None = None  # train, test or all; default: test, or all of data without splits
    limit: int = 0  # this many images, alike from every class; 0: all
    norm: str = "l2"  # linf, l2 or l1
    eps: str = "0.5"  # radius in [0, 1] units, as 0.5 or 8/255
    attack: str = "pgd"  # pgd, apgd, mi_fgsm and others
    steps: int = 20  # of the attack
    seed: int = 0
    batch_size: int = 250
    device: str = "auto"  # auto, cpu or cuda

    def run(self) -> Answer:
        """Attack each model, show the result to all."""
        if self.attack not in ATTACKS:
            raise UnknownName("attack", self.attack, ATTACKS)
        within = ball(self.norm, self.eps)
        found = self._models()
        models = {name: checkpoint.model for name, checkpoint in found.items()}
        first = next(iter(models.values()))
        chosen = images(self.data, self.split, self.size, list(found.values()))
        data = on_device_of(first, chosen)
        data = limited(data, self.limit)
        check_scale(within, data.shape)
        for model in models.values():
            probe(model, data)
        attack = bind(ATTACKS[self.attack], within, steps=self.steps)
        with clock() as seconds:
            table = transfer_matrix(
                models, data, attack, seed=self.seed, batch_size=self.batch_size
            )
        where = origin(self, data, self.seed, seconds())
        cells = [
            {"made on": source, "shown to": target, **rate._asdict()}
            for source, target, rate in table.pairs()
        ]
        clean = {name: table.accuracy(name)._asdict() for name in models}
        payload = {
            "images": described(data),
            "reading": reading(data),
            "attack": table.attack,
            "pairs": cells,
            "clean accuracy": clean,
            "provenance": where.as_dict(),
        }
        head = f"{heading(data)}, {table.attack}, 95 % intervals, {where.seconds:.0f} s"
        return Answer(payload, "\n".join([head, *about(data), "", str(table)]))

    def _models(self) -> dict[str, Checkpoint]:
        if len(self.weights) < 2:
            raise InputError(f"--weights names {len(self.weights)} of them", "two or more models")
        names = self.names or _names(self.weights)
        if len(set(names)) != len(self.weights):
            raise InputError(
                f"the names {', '.join(names)} for {len(self.weights)} models",
                "one name each, all different",
                "give --names",
            )
        where = device(self.device)
        return {
            name: brought(path, None, where) for name, path in zip(names, self.weights, strict=True)
        }


def _names(paths: Sequence[Path]) -> tuple[str, ...]:
    """Name a file without its ending, and weights of a training by their folder."""
    names = [path.name.removesuffix(".safetensors") for path in paths]  # a name may have dots
    return tuple(
        path.parent.name if name == "weights" else name
        for path, name in zip(paths, names, strict=True)
    )
