"""The models that are shipped: by name, checked, each with a card that can be measured again.

    model, card = pretrained("cifar10-l2-0.5")
    verify(entry("cifar10-l2-0.5")).outcome

`docs/models.md` says what there is; a model is added by `tools/ship_model.py`.
"""

import typing

from robustlens import lazy

if typing.TYPE_CHECKING:
    from robustlens.zoo.load import pretrained, resolve
    from robustlens.zoo.measure import Measured, Trial, measure, trials
    from robustlens.zoo.places import get, located
    from robustlens.zoo.ship import ship
    from robustlens.zoo.table import Entry, File, entries, entry
    from robustlens.zoo.verify import Outcome, Verdict, verify

__all__ = [
    "Entry",
    "File",
    "Measured",
    "Outcome",
    "Trial",
    "Verdict",
    "entries",
    "entry",
    "get",
    "located",
    "measure",
    "pretrained",
    "resolve",
    "ship",
    "trials",
    "verify",
]

lazy.names(__name__, {
    "robustlens.zoo.load": "pretrained resolve",
    "robustlens.zoo.measure": "Measured Trial measure trials",
    "robustlens.zoo.places": "get located",
    "robustlens.zoo.ship": "ship",
    "robustlens.zoo.table": "Entry File entries entry",
    "robustlens.zoo.verify": "Outcome Verdict verify",
})  # fmt: skip
