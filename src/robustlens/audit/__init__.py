"""Audit: any classifier and any images, read within a time that is said beforehand.

    found = audit("fashion-l2-1.5", "fashion", norm="l2", eps=1.5, minutes=10)
    found.verdict.sentences                  # three, for anyone
    found.cells[0].low, found.cells[0].high  # robust accuracy lies between; undecided counts
    found.rows[17]                           # what became of one image

Nothing is drawn or printed here: `report.write_audit` makes the page.
"""

import typing

from robustlens import lazy

if typing.TYPE_CHECKING:
    from robustlens.audit.cell import Cell
    from robustlens.audit.found import Audit, ImageRow
    from robustlens.audit.plan import Plan
    from robustlens.audit.run import audit, audited
    from robustlens.audit.settings import Settings
    from robustlens.audit.verdict import Verdict

__all__ = ["Audit", "Cell", "ImageRow", "Plan", "Settings", "Verdict", "audit", "audited"]

lazy.names(__name__, {
    "robustlens.audit.cell": "Cell",
    "robustlens.audit.found": "Audit ImageRow",
    "robustlens.audit.plan": "Plan",
    "robustlens.audit.run": "audit audited",
    "robustlens.audit.settings": "Settings",
    "robustlens.audit.verdict": "Verdict",
})  # fmt: skip
