"""The models that are shipped: by name, checked, each with a card that can be measured again.

    model, card = pretrained("cifar10-l2-0.5")
    verify(entry("cifar10-l2-0.5")).outcome

`docs/models.md` says what there is; a model is added by `tools/ship_model.py`.
"""

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
