"""The lab: a page on which a person explores the data space with a robust classifier.

A face of the tools of `vision`: it adds strokes, steps one can watch, and a way back.
"""

import typing

from robustlens import lazy

if typing.TYPE_CHECKING:
    from robustlens.web.app import lab_app
    from robustlens.web.desk import Pair
    from robustlens.web.serve import serve

__all__ = ["Pair", "lab_app", "serve"]

lazy.names(__name__, {
    "robustlens.web.app": "lab_app",
    "robustlens.web.desk": "Pair",
    "robustlens.web.serve": "serve",
})  # fmt: skip
