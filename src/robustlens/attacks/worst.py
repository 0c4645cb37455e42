"""Several attacks in a row, each on what the ones before left: the worst of them all.

attack = worst_of(bind(pgd, Linf(8 / 255)), bind(square, Linf(8 / 255), queries=1000))
attack.found(model, x, y, generator).by          # which of them broke each image
"""

import warnings
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from robustlens.attacks.bound import Bound
from robustlens.attacks.method import Found, confirmed, guarded
from robustlens.balls import Ball
from robustlens.errors import Doubtful, InputError, NoGradient
from robustlens.progress import part_done
from robustlens.types import Images, Labels, Model


@dataclass(frozen=True)
class Worst:
    """Attacks that are tried one after the other on the images that none has broken yet.

    Each attack has a stream of its own, so that leaving one out does not change the others. At
    most `batch_size` images are attacked at once; the batches are made anew for each attack.
    """

    attacks: tuple[Bound, ...]
    batch_size: int = 256

    def __call__(self, model: Model, x: Images, y: Labels, generator: torch.Generator) -> Images:
        """Return images that fool the model, and x where every attack failed."""
        return self.found(model, x, y, generator).images

    def found(self, model: Model, x: Images, y: Labels, generator: torch.Generator) -> Found:
        """Return the images, which of them are broken, and by which attack at which step.

        Attacks that need a gradient are left out, with a warning, where the model has none.

        Raises:
            NoGradient: the model has none, and every attack needs one.
        """
        seeds = torch.randint(2**62, (len(self.attacks),), generator=generator).tolist()

        def all_in_turn(model: Model, x: Images, y: Labels) -> Found:
            found = confirmed(model, x, y, x, torch.zeros_like(y))
            found = found._replace(by=names(found.done, "as it is"))
            blind: dict[str, NoGradient] = {}
            for k, (seed, part) in enumerate(zip(seeds, self.attacks, strict=True)):
                part_done(k / len(self.attacks), part.name)
                try:
                    found = self._after(part, found, model, x, y, seed)
                except NoGradient as error:
                    blind[str(part)] = error
            _leave_out(blind, len(self.attacks))
            return found

        return guarded(all_in_turn, model, x, y)

    def _after(
        self, part: Bound, found: Found, model: Model, x: Images, y: Labels, seed: int
    ) -> Found:
        """Return what is found after one more attack."""
        left = found.left
        for rows in left.tensor_split(-(-len(left) // self.batch_size)) if len(left) else ():
            new = part.found(model, x[rows], y[rows], torch.Generator().manual_seed(seed))
            found = found.merge(rows, new._replace(by=names(new.done, part.name)))
        return found

    @property
    def ball(self) -> Ball:
        """The ball of the first attack."""
        return self.attacks[0].ball

    def on_twin(self, twin: Model | None) -> "Worst":
        """Return the same attacks, searching on `twin` where they can."""
        return replace(self, attacks=tuple(part.on_twin(twin) for part in self.attacks))

    def __str__(self) -> str:
        return f"worst of ({'; '.join(map(str, self.attacks))})"


def worst_of(*attacks: Bound, batch_size: int = 256) -> Worst:
    """Return the attack that tries all of these, in order, and keeps what broke each image.

    Raises:
        InputError: no attack, or attacks on different balls.
    """
    if not attacks:
        raise InputError("no attacks", "at least one")
    balls = {str(part.ball) for part in attacks}
    if len(balls) > 1:
        raise InputError(f"attacks on {' and '.join(sorted(balls))}", "one ball for all of them")
    return Worst(attacks, batch_size)


def names(done: Tensor, name: str) -> tuple[str, ...]:
    """Return the name for each image that is done, "" for the others."""
    return tuple(name if broken else "" for broken in done.tolist())


def _leave_out(blind: dict[str, NoGradient], count: int) -> None:
    """Warn that some attacks found no gradient; raise if all of them did."""
    for error in blind.values():
        if len(blind) == count:
            raise error
        warnings.warn(f"{error} Left out: {'; '.join(blind)}.", Doubtful, stacklevel=2)
        return
