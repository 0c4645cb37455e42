"""The attacks on norm balls by name, as a command line wants them.

ATTACKS["ddn"]
"""

from collections.abc import Callable, Mapping

from torch import Tensor

from robustlens.attacks.carlini_wagner import carlini_wagner
from robustlens.attacks.ddn import ddn
from robustlens.attacks.deepfool import deepfool
from robustlens.attacks.ensemble import autoattack
from robustlens.attacks.fab import fab
from robustlens.attacks.fmn import fmn
from robustlens.attacks.gradient import apgd, apgd_targeted, fgsm, mi_fgsm, pgd, random_search
from robustlens.attacks.hopskipjump import hopskipjump
from robustlens.attacks.square import square

ATTACKS: Mapping[str, Callable[..., Tensor]] = {
    method.__name__: method
    for method in (
        autoattack,
        pgd,
        apgd,
        apgd_targeted,
        fgsm,
        mi_fgsm,
        fab,
        deepfool,
        carlini_wagner,
        ddn,
        fmn,
        square,
        hopskipjump,
        random_search,
    )
}
"""Those that need nothing but a model, images, labels and a norm ball."""
