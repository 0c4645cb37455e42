"""A measurement in the shape of a RobustBench entry, for those who keep leaderboards.

write_json(path, entry(result, data="cifar10", eps="8/255", architecture="ResNet-8"))
"""

from typing import Any

from robustlens.evaluation.records import Evaluation


def entry(
    result: Evaluation, *, data: str, eps: str, architecture: str, name: str = "", **more: Any
) -> dict[str, Any]:
    """Return the keys and units of RobustBench's model_info files (accuracies in %, as text).

    `autoattack_acc` is there only if the attack was AutoAttack; anything else goes to
    `reported`, with its name in `footnote`. `more` fills keys such as link, authors or venue.
    """
    ensemble = result.name.startswith("accuracy under autoattack") and "version standard" in (
        result.name
    )
    robust = f"{100 * result.rate.value:.2f}"
    return {
        "link": None,
        "name": name,
        "authors": None,
        "additional_data": None,
        "number_forward_passes": 1,
        "dataset": data,
        "venue": "Unpublished",
        "architecture": architecture,
        "eps": eps,
        "clean_acc": f"{100 * result.clean.value:.2f}",
        "reported": robust,
        **({"autoattack_acc": robust} if ensemble else {}),
        "footnote": f"{result.name}; {len(result.records)} images.",
        **more,
    }
