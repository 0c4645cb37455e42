"""Doubts about what is measured on a data set: a look before, and one at the rows after.

with second_look(model, data, attack):      # warns once, `errors.Doubtful`
    ...
return told(evaluation)                     # warns of rows that contradict themselves
"""

from contextlib import AbstractContextManager

from robustlens.attacks import Bound
from robustlens.data import Dataset
from robustlens.data.augment import unit
from robustlens.doubts import AT_RANDOM, LOOKED_AT, doubt, watched
from robustlens.evaluation.records import Evaluation
from robustlens.nets import logits
from robustlens.types import Attack, Model


def second_look(
    model: Model, data: Dataset, attack: Attack | None = None
) -> AbstractContextManager[None]:
    """Warn of doubts about a model, seen on the first images; inside, nobody warns again.

    An attack that is made for models that answer at random (AutoAttack's version "rand") is not
    warned of those.
    """
    made_for_it = isinstance(attack, Bound) and attack.settings.get("version") == "rand"
    expected = (AT_RANDOM,) if made_for_it else ()
    return watched(model, unit(data.images[:LOOKED_AT]), expected=expected, ask=logits)


def told(result: Evaluation) -> Evaluation:
    """Return the evaluation; warn if rows say one thing and the last look at them another."""
    if result.unconfirmed:
        doubt(
            f"{result.unconfirmed} of {len(result.records)} rows are contradicted by a last look "
            "at the image (broken, and then right, or the other way round), so the model's answers "
            "move between looks: see `robustlens sanity`, and --version rand for models that "
            "answer at random",
            level=4,
        )
    return result
