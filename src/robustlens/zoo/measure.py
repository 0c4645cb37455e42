"""What a card says of a model's accuracy: trials, their results, and doing them again.

    for trial in trials("l2", "0.5", total=10000, pgd=1000, ensemble=1000):
        measure(trial, model, data).rate

A trial is a value that can be written down, so that `verify` repeats exactly what was measured.
Cards are read without torch: what measures is imported when it measures.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, get_type_hints

from robustlens.decoding import decode_fields, encode
from robustlens.files import AnyPath, as_path
from robustlens.nets.cards import Card
from robustlens.rate import Rate

if TYPE_CHECKING:
    import torch.nn

    import robustlens.data
    import robustlens.evaluation

CLEAN = "none"
"""In the place of an attack's name: images as they are."""
NOISE = "noise"
"""In the place of an attack's name: Gaussian noise, one draw for an image, not clipped."""
CERTIFIED = "certified"
"""In the place of an attack's name: certified accuracy of the smoothed model, at the radius eps."""
REPEATED = (CLEAN, NOISE, "pgd")
"""The attacks of a card that are repeated unless others are asked for."""


class CertifiedAccuracy(NamedTuple):
    """Certified accuracy at one radius, named in full."""

    name: str
    rate: Rate


@dataclass(frozen=True, kw_only=True)
class Trial:
    """An accuracy to measure: under which attack, in which ball, on how many images."""

    attack: str = CLEAN  # none, noise, certified, or a name of `attacks.ATTACKS`
    norm: str = "l2"
    eps: str = "0.5"  # as 0.5 or 8/255
    settings: Mapping[str, Any] = field(default_factory=dict)  # of the attack
    n: int  # images, alike from every class
    seed: int = 0

    @property
    def short(self) -> str:
        """The name of the trial in a table, as "PGD-20 l2 0.5"."""
        if self.attack == CLEAN:
            return "clean"
        if self.attack == NOISE:
            return f"noise {self.settings['sigma']:g}"
        if self.attack == CERTIFIED:
            return f"certified l2 {self.eps}"
        known = {"pgd": f"PGD-{self.settings.get('steps')}", "autoattack": "AutoAttack"}
        return f"{known.get(self.attack, self.attack)} {self.norm} {self.eps}"

    def on(
        self,
        model: "torch.nn.Module",
        data: "robustlens.data.Dataset",
        save: AnyPath | None = None,
    ) -> "robustlens.evaluation.Evaluation | CertifiedAccuracy":
        """Return what the model does; with an attack, `save` keeps records to resume from."""
        from robustlens.attacks import ATTACKS, bind
        from robustlens.balls import ball
        from robustlens.evaluation import accuracy, attacked_accuracy, on_device_of
        from robustlens.zoo.noisy import Noisy

        data = on_device_of(model, data.take(self.n))
        if self.attack == CLEAN:
            return accuracy(model, data)
        if self.attack == NOISE:
            noisy = Noisy(model, self.settings["sigma"], self.seed)
            found = accuracy(noisy, data)
            return replace(found, name=f"accuracy under noise, sigma {noisy.sigma:g}")
        if self.attack == CERTIFIED:
            return self._certified(model, data)
        attack = bind(ATTACKS[self.attack], ball(self.norm, self.eps), **self.settings)
        return attacked_accuracy(model, data, attack, seed=self.seed, save=save)

    def _certified(
        self, model: "torch.nn.Module", data: "robustlens.data.Dataset"
    ) -> CertifiedAccuracy:
        """Return certified accuracy at one radius, by votes until it is decided."""
        from robustlens.radii import parse_eps
        from robustlens.smoothing import Gaussian, Sequential, certified_accuracy, certify

        radius, said = parse_eps(self.eps), self.settings
        noise, plan = Gaussian(said["sigma"]), Sequential(radii=(radius,), n=said["n"])
        rows = certify(model, data, noise, plan, alpha=said["alpha"], seed=self.seed)
        (rate,) = certified_accuracy(rows, [radius]).rates
        name = f"certified accuracy at l2 {self.eps}, {noise}, {plan}, alpha {said['alpha']:g}"
        return CertifiedAccuracy(name, rate)

    def shorter(self, limit: int) -> "Trial":
        """Return the trial on at most `limit` images; 0 stands for no limit."""
        return replace(self, n=min(self.n, limit or self.n))


@dataclass(frozen=True)
class Measured:
    """A trial and its result, as a card holds it."""

    trial: Trial
    rate: Rate
    name: str = ""  # in full, with all settings
    seconds: float = 0.0  # of all turns, where it was stopped and taken up

    def as_dict(self) -> dict[str, Any]:
        """Return one flat row, for a JSON file."""
        row = {"name": self.name, **encode(self.trial), **encode(self.rate)}
        return {**row, "seconds": round(self.seconds, 1)}

    @classmethod
    def read(cls, row: Any, where: str = "the row") -> "Measured":
        """Return what `as_dict` wrote; raises as `decode`, with `where` in the words."""
        trial, rate = get_type_hints(Trial), get_type_hints(Rate)
        said = decode_fields({**trial, **rate, "name": str, "seconds": float}, row, where)
        parts = ({key: said[key] for key in hints} for hints in (trial, rate))
        return cls(Trial(**next(parts)), Rate(**next(parts)), said["name"], said["seconds"])

    def agrees(self, now: Rate) -> bool:
        """Say whether a second measurement agrees with this one.

        On as many images its value must lie within this interval; on fewer, the two intervals
        must meet.
        """
        if now.n == self.rate.n:
            return self.rate.low <= now.value <= self.rate.high
        return now.low <= self.rate.high and self.rate.low <= now.high

    def __str__(self) -> str:
        return f"{self.trial.short} {self.rate}, n {self.rate.n}"


@dataclass(frozen=True, kw_only=True)
class Tested:
    """What a card says of test images: which they were, and what came of them."""

    data: str  # a source by name
    split: str
    digest: str  # of the images
    size: int = 0  # of their sides where they were resized, else 0
    numbers: tuple[Measured, ...]

    @classmethod
    def read(cls, card: Card) -> "Tested | None":
        """Return what a card says under "evaluation"; raises as `Card.entry`."""
        if "evaluation" not in card:
            return None
        where = f"{card.file}: evaluation"
        hints = get_type_hints(cls) | {"numbers": tuple[Any, ...]}
        said = decode_fields(hints, card["evaluation"], where, frozenset({"size"}))
        rows = enumerate(said["numbers"])
        numbers = tuple(Measured.read(row, f"{where}.numbers[{i}]") for i, row in rows)
        return cls(**said | {"numbers": numbers})


RADII = (0.5, 1.0, 2.0)
"""Where a card says certified accuracy, in units of sigma."""


def trials(
    norm: str,
    eps: str,
    *,
    total: int,
    pgd: int,
    ensemble: int,
    sigma: float = 0.0,
    certified: int = 0,
) -> tuple[Trial, ...]:
    """Return a card's trials: clean on `total` images, PGD-20 on `pgd`, AutoAttack on `ensemble`.

    Never on more than `total`. A net that was trained with noise has a fourth: under that noise,
    where randomized smoothing uses it, on `total` images; and certified accuracy on `certified`
    images at each of `RADII`.
    """
    clean = Trial(norm=norm, eps="0", n=total)
    steps = {"steps": 20, "restarts": 1}
    weaker = Trial(attack="pgd", norm=norm, eps=eps, settings=steps, n=min(pgd, total))
    version = {"version": "standard"}
    stronger = replace(weaker, attack="autoattack", settings=version, n=min(ensemble, total))
    shaken = replace(clean, attack=NOISE, settings={"sigma": sigma})
    if not sigma:
        return clean, weaker, stronger
    said = {"sigma": sigma, "n": 10_000, "alpha": 0.001}
    held = [
        Trial(attack=CERTIFIED, eps=f"{part * sigma:g}", settings=said, n=min(certified, total))
        for part in RADII
        if certified
    ]
    return (clean, weaker, stronger, shaken, *held)


def measure(
    trial: Trial,
    model: "torch.nn.Module",
    data: "robustlens.data.Dataset",
    save: AnyPath | None = None,
) -> Measured:
    """Do a trial; where it goes on from records in `save`, the seconds of all turns count."""
    from robustlens.provenance import clock

    kept = None
    if save is not None and trial.attack not in (CLEAN, NOISE, CERTIFIED):
        save = as_path(save)
        kept = save.with_suffix(".seconds")
        if not save.exists():
            kept.unlink(missing_ok=True)  # of records that are no longer there
    with clock(kept) as seconds:
        result = trial.on(model, data, save)
    return Measured(trial, result.rate, result.name, seconds())
