"""Studies: every claim of the talk as something to run, with its control and its verdict.

study = STUDIES["robust-erm"]
result = run(study, "quick", study.presets["quick"], folder=Path("runs"))
result.verdict, result.numbers
"""

import typing

from robustlens import lazy

if typing.TYPE_CHECKING:
    from robustlens.pictures import (
        Arrow,
        Bar,
        Bars,
        Cell,
        Curves,
        Dots,
        Ellipse,
        Gallery,
        Line,
        Panel,
        Picture,
        Plane,
        Series,
        Sheet,
        Surfaces,
    )
    from robustlens.presets import PRESETS
    from robustlens.registry import Bench, Findings, Study, preset, run
    from robustlens.result import Number, Result, Verdict
    from robustlens.studies.claims import CLAIMS, Claim
    from robustlens.studies.listed import LISTED, Listed
    from robustlens.studies.table import STUDIES

__all__ = [
    "CLAIMS",
    "LISTED",
    "PRESETS",
    "STUDIES",
    "Arrow",
    "Bar",
    "Bars",
    "Bench",
    "Cell",
    "Claim",
    "Curves",
    "Dots",
    "Ellipse",
    "Findings",
    "Gallery",
    "Line",
    "Listed",
    "Number",
    "Panel",
    "Picture",
    "Plane",
    "Result",
    "Series",
    "Sheet",
    "Study",
    "Surfaces",
    "Verdict",
    "preset",
    "run",
]

lazy.names(__name__, {
    "robustlens.pictures": (
        "Arrow Bar Bars Cell Curves Dots Ellipse Gallery Line Panel Picture Plane Series Sheet "
        "Surfaces"
    ),
    "robustlens.presets": "PRESETS",
    "robustlens.registry": "Bench Findings Study preset run",
    "robustlens.result": "Number Result Verdict",
    "robustlens.studies.claims": "CLAIMS Claim",
    "robustlens.studies.listed": "LISTED Listed",
    "robustlens.studies.table": "STUDIES",
})  # fmt: skip
