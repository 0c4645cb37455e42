"""Measuring: rates with exact intervals, one record per image, curves over the radius.

result = attacked_accuracy(model, data, bind(autoattack, L2(0.5)), seed=0, save=Path("a.jsonl"))
result.rate, result.clean, result.per_class(), result.broken_by()
robustness_curve(model, data, "l2", [0.25, 0.5, 1.0]).rates
"""

import typing

from robustlens import lazy

if typing.TYPE_CHECKING:
    from robustlens.evaluation.board import entry
    from robustlens.evaluation.curve import Curve, minimum_norm_curve, pgd_curve, robustness_curve
    from robustlens.evaluation.decisions import checked_logits, on_device_of
    from robustlens.evaluation.measure import accuracy, attacked_accuracy, pgd_accuracy
    from robustlens.evaluation.records import Evaluation, Record, merge
    from robustlens.evaluation.transfer_matrix import TransferMatrix, transfer_matrix
    from robustlens.rate import Rate

__all__ = [
    "Curve",
    "Evaluation",
    "Rate",
    "Record",
    "TransferMatrix",
    "accuracy",
    "attacked_accuracy",
    "checked_logits",
    "entry",
    "merge",
    "minimum_norm_curve",
    "on_device_of",
    "pgd_accuracy",
    "pgd_curve",
    "robustness_curve",
    "transfer_matrix",
]

lazy.names(__name__, {
    "robustlens.evaluation.board": "entry",
    "robustlens.evaluation.curve": "Curve minimum_norm_curve pgd_curve robustness_curve",
    "robustlens.evaluation.decisions": "checked_logits on_device_of",
    "robustlens.evaluation.measure": "accuracy attacked_accuracy pgd_accuracy",
    "robustlens.evaluation.records": "Evaluation Record merge",
    "robustlens.evaluation.transfer_matrix": "TransferMatrix transfer_matrix",
    "robustlens.rate": "Rate",
})  # fmt: skip
