"""Certificates of a whole data set: saved group by group, resumed, shared among processes.

    rows = certificates(model, data, Gaussian(0.25), Sequential(), save="runs/rows.jsonl")

A run that was killed goes on with the same call to the same rows (they are equal whatever the
seconds). Several processes (see `processes`) share the images; each gets all rows.
"""

from typing import Any

from robustlens.data import Dataset
from robustlens.evaluation import on_device_of
from robustlens.evaluation.identity import look, model_on_data, other_run, probes, settings_of
from robustlens.files import AnyPath, digest_json
from robustlens.journal import Journal, Kind
from robustlens.progress import Note
from robustlens.rate import Rate
from robustlens.smoothing.certify import Work
from robustlens.smoothing.noise import Noise
from robustlens.smoothing.plan import Fixed, Plan
from robustlens.smoothing.records import ABSTAINED, Certificate
from robustlens.types import Model

CERTIFICATES = Kind(Certificate, "certificates of `robustlens certify`, as JSON lines", other_run)
"""Journals of certifications."""


def certificates(
    model: Model,
    data: Dataset,
    noise: Noise,
    plan: Plan | None = None,
    *,
    alpha: float = 0.001,
    seed: int = 0,
    batch_size: int = 256,
    save: AnyPath | None = None,
) -> list[Certificate]:
    """Return the rows of `certify` for all images, by index; arguments and errors as there.

    Args:
        save: a file that gets the rows of each group of images as soon as they are there. If it
            holds the beginning of this very run, the run goes on from there: the same model by
            weights, parts and answers, the same images, noise, plan, alpha, seed, batch size (it
            moves the model's rounding) and kind of device (which draws the noise).

    Raises:
        InputError: as `certify`, or `save` holds another run (`AnotherRun`) or something else.
    """
    plan = Fixed() if plan is None else plan
    work = Work(model, on_device_of(model, data), noise, plan, alpha, seed, batch_size)
    header = {} if save is None else identity(work)
    total = len(data)
    journal = Journal.open(save, header, CERTIFICATES, batch_size=work.together, total=total)
    for rows in work.groups(
        journal.todo, done=len(journal.rows), note=lambda: so_far(journal.rows, noise.sigma)
    ):
        journal.add(rows)
    return journal.close()


def identity(work: Work) -> dict[str, Any]:
    """Return the header of a certification: what any other must agree with to use its rows."""
    name = f"certificates under {work.noise}: {work.plan}, alpha {work.alpha:g}"
    known = look(work.model, probes(work.data))
    header = model_on_data(
        name, work.model, known, work.data, seed=work.seed, batch_size=work.batch_size
    )
    parts = {"noise": settings_of(work.noise), "plan": settings_of(work.plan)}
    words = {key: {k: digest_json(v) for k, v in part.items()} for key, part in parts.items()}
    device = work.data.images.device.type
    return header | {"alpha": work.alpha, "n": work.plan.n, "device": device} | words


def so_far(rows: list[Certificate], sigma: float) -> Note:
    """Return the certified accuracy so far at 0 and at sigma, as a table."""
    if not rows:
        return {}
    shares = {
        f"certified at {radius:g}": Rate.share(sum(r.certified >= radius for r in rows), len(rows))
        for radius in (0.0, sigma)
    }
    abstained = sum(row.predicted == ABSTAINED for row in rows)
    return {
        "images": str(len(rows)),
        **{name: str(rate) for name, rate in shares.items()},
        "abstained": str(abstained),
    }
