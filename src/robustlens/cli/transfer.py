"""`robustlens transfer`: who falls for whose adversarial examples."""

from collections.abc import Sequence
from pathlib import Path

from robustlens.attacks import ATTACKS, bind
from robustlens.balls import ball
from robustlens.cli.command import Answer, device, origin
from robustlens.cli.flags import measure as flags
from robustlens.cli.images import about, described, heading, reading
from robustlens.errors import InputError, UnknownName
from robustlens.evaluation import transfer_matrix
from robustlens.provenance import clock
from robustlens.subject import Subject, bring, prepare, probe


class Transfer(flags.Transfer):
    """`robustlens transfer`, at work."""

    def run(self) -> Answer:
        """Attack each model, show the result to all."""
        if self.attack not in ATTACKS:
            raise UnknownName("attack", self.attack, ATTACKS)
        within = ball(self.norm, self.eps)
        found = self._models()
        models = {name: subject.model for name, subject in found.items()}
        ready = prepare(
            list(found.values()),
            self.data,
            split=self.split,
            size=self.size,
            limit=self.limit,
            ball=within,
        )
        data = ready.data
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
            "models": [subject.as_dict() for subject in ready.subjects],
            "notes": list(ready.notes),
            "attack": table.attack,
            "pairs": cells,
            "clean accuracy": clean,
            "provenance": where.as_dict(),
        }
        head = f"{heading(data)}, {table.attack}, 95 % intervals, {where.seconds:.0f} s"
        return Answer(payload, "\n".join([head, *about(ready), "", str(table)]))

    def _models(self) -> dict[str, Subject]:
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
            name: bring(weights=path, device=where)
            for name, path in zip(names, self.weights, strict=True)
        }


def _names(paths: Sequence[Path]) -> tuple[str, ...]:
    """Name a file without its ending, and weights of a training by their folder."""
    names = [path.name.removesuffix(".safetensors") for path in paths]  # a name may have dots
    return tuple(
        path.parent.name if name == "weights" else name
        for path, name in zip(paths, names, strict=True)
    )
