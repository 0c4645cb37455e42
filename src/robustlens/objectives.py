"""What to maximise: makers of objectives, each one value per example.

    misclassify(model, y)                 # any wrong class
    toward(model, target)                 # one class
    weighted((1.0, toward(model, t)), (-10.0, far_from_sketch))

An objective closes over the model and the labels; `frozen(model)` around an ascent keeps the
model in evaluation mode and its parameters out of the graph.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from robustlens.errors import InputError
from robustlens.types import Labels, Logits, Model, Objective, Points, Representation, Values

MakeObjective = Callable[[Model, Tensor], Objective]
"""From a model and labels (a row an example) to what is to be maximised."""


def misclassify(model: Model, y: Labels) -> Objective:
    """Cross-entropy of the true label `y`: grows as the model turns away from it."""

    def objective(x: Points) -> Values:
        return cross_entropy(model(x), y, reduction="none")

    return objective


def toward(model: Model, target: Labels) -> Objective:
    """Minus the cross-entropy of `target`: grows towards log 1 as the model comes to predict it."""

    def objective(x: Points) -> Values:
        return -cross_entropy(model(x), target, reduction="none")

    return objective


def margin(model: Model, y: Labels) -> Objective:
    """Best wrong logit minus true logit: positive exactly where the model is wrong.

    Source: Carlini & Wagner 2017, section V, objective f6 without the floor.
    """

    def objective(x: Points) -> Values:
        return logit_margin(model(x), y)

    return objective


def dlr(model: Model, y: Labels) -> Objective:
    """Difference-of-logits ratio: the margin over the gap from the first to the third logit.

    Neither shifting nor scaling the logits changes it. Where the third class is ruled out with
    -inf it is the margin. Source: Croce & Hein 2020, equation 6.
    Raises `InputError` below three classes, where it is not defined; use `margin` there.
    """

    def objective(x: Points) -> Values:
        z = model(x)
        if z.shape[1] < 3:
            raise InputError(
                f"dlr with {z.shape[1]} classes", "a model of at least three", "use margin"
            )
        top = z.topk(3, dim=1).values
        return logit_margin(z, y) / _gap(top[:, 0], top[:, 2])

    return objective


def dlr_targeted(model: Model, pairs: Tensor) -> Objective:
    """Targeted difference-of-logits ratio, for `pairs` (b, 2) of a true label and a target.

    (z_target - z_true) / (z_1 - (z_3 + z_4) / 2) with z_1, z_3, z_4 the largest, third and fourth
    logit; below four classes, those ruled out with -inf not counted, z_target - z_true. Towards a
    class that is ruled out it is `dlr`, for no change makes that one win.
    Source: Croce & Hein 2020, equation 7.
    """

    def objective(x: Points) -> Values:
        z = model(x)
        true, target = z.gather(1, pairs).unbind(dim=1)
        lead = torch.where(ruled_out(target), logit_margin(z, pairs[:, 0]), target - true)
        if z.shape[1] < 4:
            return lead
        top = z.topk(4, dim=1).values
        return lead / _gap(top[:, 0], (top[:, 2] + top[:, 3]) / 2)

    return objective


def kl_from(model: Model, x: Points) -> Objective:
    """KL(p(. | x) || p(. | x')): how far predictions move from those at `x`, which stay fixed.

    Source: Zhang et al. 2019 (TRADES), equation 5. At x itself its gradient is zero: start away.
    """
    with torch.no_grad():
        anchor = model(x).log_softmax(dim=1)

    def objective(moved: Points) -> Values:
        return kl(anchor, model(moved))

    return objective


def activation(layer: Representation, unit: int) -> Objective:
    """Mean activation of one unit or channel of a representation (b, f) or (b, f, h, w)."""

    def objective(x: Points) -> Values:
        value: Values = layer(x)[:, unit, None].flatten(1).mean(dim=1)
        return value

    return objective


def match(layer: Representation, target: Tensor) -> Objective:
    """Minus ||R(x) - target||_2 / ||target||_2, one target per example: 0 where they agree.

    Source: Engstrom et al. 2019, section 3 (inversion).
    """
    wanted = target.flatten(1)
    length: Values = torch.linalg.vector_norm(wanted, dim=1)

    def objective(x: Points) -> Values:
        gap: Tensor = torch.linalg.vector_norm(layer(x).flatten(1) - wanted, dim=1)
        return -gap / length

    return objective


def weighted(*terms: tuple[float, Objective]) -> Objective:
    """Weighted sum of objectives."""

    def objective(x: Points) -> Values:
        return torch.stack([weight * term(x) for weight, term in terms]).sum(dim=0)

    return objective


def expected(make: MakeObjective, samples: int) -> MakeObjective:
    """Average an objective over `samples` forward passes, for models that answer at random.

    Its gradient is the expectation over transformation of Athalye et al. 2018, section 4.
    """

    def made(model: Model, y: Tensor) -> Objective:
        once = make(model, y)

        def objective(x: Points) -> Values:
            return torch.stack([once(x) for _ in range(samples)]).mean(dim=0)

        return objective

    made.__name__ = f"{getattr(make, '__name__', type(make).__name__)} x{samples}"
    return made


def ruled_out(z: Tensor) -> Tensor:
    """Say which scores a model gives to classes it excludes: -inf, or about the least float."""
    return z < torch.finfo(z.dtype).min / 4


def _gap(top: Values, low: Values) -> Values:
    """Return how far a lower score is below the top; 1 where that one is ruled out."""
    out = ruled_out(low)
    return torch.where(out, 1.0, top - torch.where(out, top, low) + 1e-12)


def logit_margin(logits: Logits, y: Labels) -> Values:
    """Best wrong logit minus true logit, (b,); positive exactly where the decision is wrong."""
    true = logits.gather(1, y[:, None]).squeeze(1)
    others = logits.scatter(1, y[:, None], -torch.inf)
    return others.amax(dim=1) - true


def kl(log_p: Logits, logits: Logits) -> Values:
    """KL divergence from p, given as log-probabilities, to softmax(logits), per example (b,)."""
    return (log_p.exp() * (log_p - logits.log_softmax(dim=1))).sum(dim=1)
