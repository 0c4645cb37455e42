"""`robustlens evaluate`: how accurate a model is, as images are and under attack."""

from dataclasses import asdict
from inspect import signature
from pathlib import Path

from torch import nn

from robustlens.attacks import ATTACKS, Bound, bind
from robustlens.balls import ball
from robustlens.cli.command import Answer, device, origin
from robustlens.cli.flags import measure as flags
from robustlens.cli.going_on import going_on
from robustlens.cli.images import about, described, heading, reading
from robustlens.cli.models import extremes
from robustlens.data import Dataset
from robustlens.errors import InputError, UnknownName
from robustlens.evaluation import Evaluation, attacked_accuracy, entry
from robustlens.files import digest_json, write_json
from robustlens.processes import main_process
from robustlens.provenance import Provenance, clock
from robustlens.subject import Prepared, bring, prepare, probe

WITHOUT_GRADIENT = ("square", "hopskipjump", "random_search", "autoattack")
"""Attacks that work, or go on, where a model has no gradient."""
SETTINGS = ("version", "steps", "restarts", "queries")
"""Flags that are an attack's settings, where it has them."""


class Evaluate(flags.Evaluate):
    """`robustlens evaluate`, at work."""

    def run(self) -> Answer:
        """Measure it."""
        attack = self._attack()
        if self.batch_size is not None and self.batch_size < 1:
            raise InputError(f"batch size {self.batch_size}", "at least 1", "change --batch-size")
        subject = bring(self.model, weights=self.weights, device=device(self.device))
        ready = prepare(
            [subject],
            self.data,
            split=self.split,
            size=self.size,
            limit=self.limit,
            ball=attack.ball,
        )
        model, data = subject.model, ready.data
        probe(model, data, gradient=self.attack not in WITHOUT_GRADIENT)
        save = self.records or Path("runs/evaluations") / f"{self._digest()}.jsonl"
        with clock() as seconds:
            result = self._measured(model, data, attack, save)
        where = origin(self, data, self.seed, seconds())
        if self.board is not None and main_process():
            name = self.model or str(self.weights)
            board = entry(result, data=data.name, eps=self.eps, architecture=_kind(model))
            write_json(self.board, {**board, "name": name})
        return _answer(result, ready, where, save)

    def _measured(self, model: nn.Module, data: Dataset, attack: Bound, save: Path) -> Evaluation:
        """Measure, going on with the same run; another run's records are put aside, never lost."""

        def measured() -> Evaluation:
            return attacked_accuracy(
                model, data, attack, seed=self.seed, batch_size=size, save=save
            )

        size = self.batch_size or usual_batch(len(data))
        return going_on(measured, save, total=len(data), resume=self.resume, anew=self.anew)

    def _attack(self) -> Bound:
        if self.attack not in ATTACKS:
            raise UnknownName("attack", self.attack, ATTACKS)
        method, within = ATTACKS[self.attack], ball(self.norm, self.eps)
        known = [name for name in SETTINGS if name in signature(method).parameters]
        given = {name: getattr(self, name) for name in SETTINGS}
        given = {name: value for name, value in given.items() if value is not None}
        for name, value in given.items():
            if name not in known:
                own = ", ".join(f"--{setting}" for setting in known)
                raise InputError(
                    f"--{name} with --attack {self.attack}",
                    f"its own settings: {own}" if own else "an attack that has that setting",
                    f"leave out --{name}, or change --attack",
                )
            if isinstance(value, int) and value < 1:
                raise InputError(f"--{name} {value}", "at least 1", f"change --{name}")
        return bind(method, within, **given)

    def _digest(self) -> str:
        """Name the run: by all that changes its records."""
        same = ("json", "records", "resume", "anew", "board", "device", "batch_size")
        return digest_json({k: str(v) for k, v in asdict(self).items() if k not in same})


def usual_batch(n: int) -> int:
    """Return how many of n images are attacked together: a quarter, but 16 at least, 250 at most.

    Rows are saved batch by batch: of a few photographs, too, a kill loses only a part. Up to 32
    images are one batch.
    """
    return 250 if n <= 32 else min(250, max(16, -(-n // 4)))


def _answer(result: Evaluation, ready: Prepared, where: Provenance, save: Path) -> Answer:
    data = ready.data
    numbers = {"clean accuracy": result.clean, result.name: result.rate}
    per_class = {data.classes[k]: rate for k, rate in result.per_class().items()}
    payload = {
        "images": described(data),
        "reading": reading(data),
        "models": [subject.as_dict() for subject in ready.subjects],
        "notes": list(ready.notes),
        "numbers": {name: rate._asdict() for name, rate in numbers.items()},
        "broken_by": result.broken_by(),
        "unconfirmed": result.unconfirmed,
        "per_class": {name: rate._asdict() for name, rate in per_class.items()},
        "confusion": result.confusion(len(data.classes)).tolist(),
        "records": str(save),
        "provenance": where.as_dict(),
    }
    broken = result.broken_by()
    lines = [f"{heading(data)}, 95 % intervals, {where.seconds:.0f} s"]
    lines += about(ready)
    lines += [f"  {name}: {rate}" for name, rate in numbers.items()]
    lines += [f"  broken {name}: {count}" for name, count in broken.items()]
    if result.unconfirmed:
        lines.append(f"  contradicted by a last look: {result.unconfirmed}")
    lines += [f"  under attack, {line}" for line in extremes(per_class)]
    return Answer(payload, "\n".join([*lines, f"  records: {save}"]))


def _kind(model: nn.Module) -> str:
    count = sum(parameter.numel() for parameter in model.parameters())
    return f"{type(model).__name__} ({count} parameters)"
