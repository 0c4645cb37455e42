"""`robustlens certify`: how far a smoothed model keeps its class, with certainty."""

from dataclasses import asdict
from pathlib import Path

from torch import nn

from robustlens.cli.certificates import Certified, payload, text
from robustlens.cli.command import Answer, device, origin
from robustlens.cli.flags import certify as flags
from robustlens.cli.going_on import going_on
from robustlens.data import Dataset
from robustlens.doubts import doubt
from robustlens.errors import InputError, UnknownName
from robustlens.files import digest_json
from robustlens.journal import header_of
from robustlens.losses import NOISY
from robustlens.processes import check_same, main_process
from robustlens.progress import lasting, say
from robustlens.provenance import clock
from robustlens.smoothing import Fixed, Gaussian, Noise, Rounded, Sequential, write_tsv
from robustlens.smoothing.plan import check_alpha
from robustlens.smoothing.saved import certificates
from robustlens.smoothing.speed import MOST, largest_radius, votes_for, votes_per_second
from robustlens.subject import Subject, ask, bring, prepare

SAMPLERS: dict[str, type[Gaussian] | type[Rounded]] = {"gaussian": Gaussian, "rounded": Rounded}
"""How noise is drawn, by the names of the command line."""
USUAL = 500
"""Images where no limit is given: as many as in the published tables."""
WIDEST = 10.0
"""Noise wider than this was meant in levels of 255, not in units of [0, 1]."""
SAME_NOISE = 0.01
"""Sigmas that differ by less than this share are the same: 0.25 and 64/255."""


class Certify(flags.Certify):
    """`robustlens certify`, at work."""

    def run(self) -> Answer:
        """Certify the images."""
        self._check()
        noise = self._noise()
        found = bring(self.model, weights=self.weights, device=device(self.device))
        ready = prepare([found], self.data, split=self.split, size=self.size, limit=self.limit or 0)
        if self.limit is None:
            ready = ready._replace(data=ready.data.limited(min(USUAL, len(ready.data))))
        data = ready.data
        ask(found.model, data)
        _doubts(found, data, noise.sigma)
        save = self.save or Path("runs/certificates") / f"{self._digest()}.jsonl"

        def measured() -> Certified:
            plan, said = self._chosen(found.model, data, noise, save)
            rows = certificates(
                found.model, data, noise, plan,
                alpha=self.alpha, seed=self.seed, batch_size=self.batch_size, save=save,
            )  # fmt: skip
            return Certified(rows, noise, plan, self.alpha, self.radii, said)

        with clock() as seconds:
            result = going_on(measured, save, total=len(data), resume=self.resume, anew=self.anew)
        if self.tsv is not None and main_process():
            write_tsv(self.tsv, result.rows)
        where = origin(self, data, self.seed, seconds())
        return Answer(payload(result, ready, where, save), text(result, ready, where, save))

    def _check(self) -> None:
        """Refuse what no model and no images are needed to refuse."""
        check_alpha(self.alpha)
        if self.batch_size < 1:
            raise InputError(f"--batch-size {self.batch_size}", "at least 1", "change --batch-size")
        bad = [radius for radius in self.radii if not 0 <= radius < float("inf")]
        if bad:
            raise InputError(f"--radii with {bad[0]:g}", "numbers >= 0", "change --radii")
        if self.minutes is None:
            self._plan(MOST if self.n is None else self.n).check(self.alpha, self._noise().sigma)
        elif self.n is not None:
            raise InputError(
                f"--n {self.n} and --minutes {self.minutes:g}",
                "one of them, for --minutes chooses n",
                "leave out one",
            )
        elif not 0 < self.minutes < float("inf"):
            raise InputError(f"--minutes {self.minutes:g}", "a number > 0", "change --minutes")

    def _noise(self) -> Noise:
        if self.sampler not in SAMPLERS:
            raise UnknownName("sampler", self.sampler, SAMPLERS)
        if self.sigma > WIDEST:
            raise InputError(
                f"--sigma {self.sigma:g}, where all pixels lie in [0, 1]",
                "noise in the same units",
                f"did you mean --sigma {self.sigma:g}/255?",
            )
        return SAMPLERS[self.sampler](self.sigma)

    def _plan(self, n: int) -> Fixed | Sequential:
        chosen = {} if self.n0 is None else {"n0": self.n0}
        if not self.sequential:
            return Fixed(n=n, **chosen)
        return Sequential(n=n, radii=tuple(sorted({r for r in self.radii if r > 0})), **chosen)

    def _chosen(
        self, model: nn.Module, data: Dataset, noise: Noise, save: Path
    ) -> tuple[Fixed | Sequential, str]:
        """Return the plan, and in words how --minutes came to its n."""
        if self.minutes is None:
            return self._plan(MOST if self.n is None else self.n), ""
        before = header_of(save).get("n")
        if isinstance(before, int):
            plan = self._plan(before)
            reach = largest_radius(plan, alpha=self.alpha, sigma=noise.sigma)
            return plan, f"n = {before:,}, as the saved rows have it: certifies up to {reach:.3f}"
        rate = votes_per_second(model, data, noise, batch_size=self.batch_size)
        plan = self._in_time(rate, len(data), noise.sigma, self.minutes)
        far = {
            n: largest_radius(self._plan(n), alpha=self.alpha, sigma=noise.sigma)
            for n in (plan.n, MOST)
        }
        said = (
            f"{self.minutes:g} min at {rate:,.0f} votes a second: n = {plan.n:,} for each image, "
            f"which certify up to a radius of {far[plan.n]:.3f}"
        )
        if plan.n < MOST:
            whole = lasting((MOST + plan.n0) * len(data) / rate) + " at most" * self.sequential
            said += f"; n = {MOST:,} would take {whole} and certify up to {far[MOST]:.3f}"
        if main_process():
            say(f"robustlens: {said}")
        return plan, said

    def _in_time(self, rate: float, total: int, sigma: float, minutes: float) -> Fixed | Sequential:
        """Return the plan for this many votes a second; all processes agree on it."""
        n = votes_for(60 * minutes * rate, images=total, n0=self._plan(1).n0)
        check_same(str(n), "the votes that --minutes allows")
        plan = self._plan(max(n, 1))
        try:
            plan.check(self.alpha, sigma)
        except InputError as error:
            what = (
                f"--minutes {minutes:g} at {rate:,.0f} votes a second for {total} images: n = {n}"
            )
            raise InputError(what, error.expected, "raise --minutes or lower --limit") from None
        return plan

    def _digest(self) -> str:
        """Name the run: by all that changes its rows."""
        same = ["json", "save", "resume", "anew", "tsv", "device"]
        same += [] if self.sequential else ["radii"]
        return digest_json({k: str(v) for k, v in asdict(self).items() if k not in same})


def _doubts(found: Subject, data: Dataset, sigma: float) -> None:
    """Warn where the card says another noise, and of images of one class."""
    recipe = found.card.get("recipe", {})
    said = recipe.get("sigma") if isinstance(recipe, dict) and recipe.get("loss") in NOISY else None
    sentences = []
    if said is not None and abs(sigma - said) > SAME_NOISE * max(sigma, said):
        sentences.append(
            f"the model was trained with noise of sigma {said:g}, says its card, and is certified "
            f"under sigma {sigma:g}: it is seldom right under wider noise, and narrower noise "
            f"certifies less far than it could. Change --sigma to {said:g}, or train a model"
        )
    labels = sorted(set(data.labels.tolist()))
    if len(labels) == 1:
        sentences.append(
            f"all {len(data)} images are of one class, {data.classes[labels[0]]}: a model that "
            "answers nothing else would have them all certified. Take images of every class"
        )
    doubt(*sentences)
