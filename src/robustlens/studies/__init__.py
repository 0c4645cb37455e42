"""Studies: every claim of the talk as something to run, with its control and its verdict.

study = STUDIES["robust-erm"]
result = run(study, "quick", study.presets["quick"], folder=Path("runs"))
result.verdict, result.numbers
"""

import typing

from robustlens import lazy

if typing.TYPE_CHECKING:
    from robustlens.studies.claims import CLAIMS, Claim
    from robustlens.studies.listed import LISTED, PRESETS, Listed
    from robustlens.studies.pictures import (
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
    from robustlens.studies.registry import Bench, Findings, Study, preset, run
    from robustlens.studies.result import Number, Result, Verdict
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
    "robustlens.studies.claims": "CLAIMS Claim",
    "robustlens.studies.pictures": (
        "Arrow Bar Bars Cell Curves Dots Ellipse Gallery Line Panel Picture Plane Series Sheet "
        "Surfaces"
    ),
    "robustlens.studies.registry": "Bench Findings Study preset run",
    "robustlens.studies.result": "Number Result Verdict",
    "robustlens.studies.listed": "LISTED PRESETS Listed",
    "robustlens.studies.table": "STUDIES",
})  # fmt: skip
