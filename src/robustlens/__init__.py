"""Adversarial robustness as a lens on what models learn.

    import robustlens as rl

    data = rl.data.load("fashion", "test")
    model, card = rl.nets.load(path)
    rl.pgd_accuracy(model, data, rl.L2(1.5), steps=20).rate

One idea: a model, an objective, a ball, a rule. `ascend` is the only projected-gradient loop;
attacks, training and pictures are short functions over it.
"""

from robustlens import errors

errors.interrupts_end_the_program()  # from here to the first line of the command

import typing

from robustlens import lazy
from robustlens.version import __version__

if typing.TYPE_CHECKING:
    from robustlens import attacks, data, nets, sanity, smoothing, studies, vision, zoo
    from robustlens.ascend import Ascent, ascend
    from robustlens.attacks import (
        apgd,
        apgd_targeted,
        autoattack,
        bind,
        ddn,
        fab,
        fgsm,
        fmn,
        pgd,
        pgd_kl,
        pgd_targeted,
        random_search,
        square,
        transfer,
        transform_search,
        worst_of,
    )
    from robustlens.audit.run import audit
    from robustlens.balls import L1, L2, Box, Linf, Masked
    from robustlens.bounds import clopper_pearson, wilson
    from robustlens.errors import InputError
    from robustlens.evaluation import (
        accuracy,
        attacked_accuracy,
        merge,
        minimum_norm_curve,
        pgd_accuracy,
        pgd_curve,
        robustness_curve,
    )
    from robustlens.losses import adversarial, gaussian_noise, standard, trades
    from robustlens.modes import fast, frozen
    from robustlens.nets import features, logits
    from robustlens.objectives import (
        activation,
        dlr,
        kl_from,
        margin,
        match,
        misclassify,
        toward,
        weighted,
    )
    from robustlens.recipes import Recipe
    from robustlens.recipes.fit import fit
    from robustlens.rules import Adam, AutoStep, Momentum, Steepest
    from robustlens.streams import stream
    from robustlens.subject.bring import bring
    from robustlens.threats import Colour, Corruption, Spatial
    from robustlens.training import TrainConfig, train
    from robustlens.zoo import pretrained

__all__ = [
    "L1",
    "L2",
    "Adam",
    "Ascent",
    "AutoStep",
    "Box",
    "Colour",
    "Corruption",
    "InputError",
    "Linf",
    "Masked",
    "Momentum",
    "Recipe",
    "Spatial",
    "Steepest",
    "TrainConfig",
    "__version__",
    "accuracy",
    "activation",
    "adversarial",
    "apgd",
    "apgd_targeted",
    "ascend",
    "attacked_accuracy",
    "attacks",
    "audit",
    "autoattack",
    "bind",
    "bring",
    "clopper_pearson",
    "data",
    "ddn",
    "dlr",
    "fab",
    "fast",
    "features",
    "fgsm",
    "fit",
    "fmn",
    "frozen",
    "gaussian_noise",
    "kl_from",
    "logits",
    "margin",
    "match",
    "merge",
    "minimum_norm_curve",
    "misclassify",
    "nets",
    "pgd",
    "pgd_accuracy",
    "pgd_curve",
    "pgd_kl",
    "pgd_targeted",
    "pretrained",
    "random_search",
    "robustness_curve",
    "sanity",
    "smoothing",
    "square",
    "standard",
    "stream",
    "studies",
    "toward",
    "trades",
    "train",
    "transfer",
    "transform_search",
    "vision",
    "weighted",
    "wilson",
    "worst_of",
    "zoo",
]

lazy.names(__name__, {
    "robustlens.ascend": "Ascent ascend",
    "robustlens.attacks": (
        "apgd apgd_targeted autoattack bind ddn fab fgsm fmn pgd pgd_kl pgd_targeted "
        "random_search square transfer transform_search worst_of"
    ),
    "robustlens.audit.run": "audit",
    "robustlens.balls": "L1 L2 Box Linf Masked",
    "robustlens.bounds": "clopper_pearson wilson",
    "robustlens.errors": "InputError",
    "robustlens.evaluation": (
        "accuracy attacked_accuracy merge minimum_norm_curve pgd_accuracy pgd_curve "
        "robustness_curve"
    ),
    "robustlens.losses": "adversarial gaussian_noise standard trades",
    "robustlens.modes": "fast frozen",
    "robustlens.nets": "features logits",
    "robustlens.objectives": "activation dlr kl_from margin match misclassify toward weighted",
    "robustlens.recipes": "Recipe",
    "robustlens.recipes.fit": "fit",
    "robustlens.rules": "Adam AutoStep Momentum Steepest",
    "robustlens.streams": "stream",
    "robustlens.subject.bring": "bring",
    "robustlens.threats": "Colour Corruption Spatial",
    "robustlens.training": "TrainConfig train",
    "robustlens.zoo": "pretrained",
})  # fmt: skip
