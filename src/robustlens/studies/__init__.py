"""Studies: every claim of the talk as something to run, with its control and its verdict.

study = STUDIES["robust-erm"]
result = run(study, "quick", study.presets["quick"], folder=Path("runs"))
result.verdict, result.numbers
"""

import importlib

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
from robustlens.registry import PRESETS, Bench, Findings, Study, preset, run
from robustlens.result import Number, Result, Verdict
from robustlens.studies.claims import CLAIMS, Claim

IDS = (
    "adversarial-perturbations",
    "robust-erm",
    "security-curve",
    "gradient-masking",
    "harder-training-capacity",
    "standard-accuracy-curve",
    "tension-theorem",
    "computational-barrier",
    "gaussian-sample-complexity",
    "linear-vs-threshold",
    "aberration-view",
    "simple-experiment",
    "experiment-controls",
    "features-model",
    "gaussian-theory",
    "gradient-alignment-theory",
    "robustification",
    "not-batchnorm-alone",
    "transferability-plot",
    "human-vs-model-priors",
    "robust-training-prior",
    "data-efficiency",
    "perception-alignment",
    "adversary-as-critic",
)
"""In the order of the talk. A study lies in the module or package of its id, as its `STUDY`."""
STUDIES: dict[str, Study] = {
    id: importlib.import_module(f"{__name__}.{id.replace('-', '_')}").STUDY for id in IDS
}
"""The studies that can be run, by id, in the order of the talk."""

__all__ = [
    "CLAIMS",
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
