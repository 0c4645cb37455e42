"""`robustlens sanity`: is a model's robustness real, and is the model used as it should be?"""

from dataclasses import asdict

from robustlens.balls import ball
from robustlens.cli.command import Answer, device, origin
from robustlens.cli.flags import measure as flags
from robustlens.cli.images import about, described, heading, reading
from robustlens.errors import InputError
from robustlens.provenance import clock
from robustlens.sanity import Outcome, check_model
from robustlens.subject import ask, bring, prepare


class Sanity(flags.Sanity):
    """`robustlens sanity`, at work."""

    def run(self) -> Answer:
        """Check it."""
        within = ball(self.norm, self.eps)
        subject = bring(self.model, weights=self.weights, device=device(self.device))
        ready = prepare([subject], self.data, split=self.split, size=self.size, ball=within)
        model, data = subject.model, ready.data
        if self.limit < 1:
            raise InputError(f"--limit {self.limit}", "at least 1 image", "change --limit")
        ask(model, data)
        with clock() as seconds:
            checks = check_model(model, data, within, images=self.limit, seed=self.seed)
        where = origin(self, data, self.seed, seconds())
        warned = [check.name for check in checks if check.warned]
        unsure = [check.name for check in checks if check.outcome is Outcome.UNDECIDED]
        foot = f"{len(warned)} of {len(checks)} checks warn" + (
            f": {', '.join(warned)}" * bool(warned)
        )
        left = sum(check.outcome is Outcome.SKIPPED for check in checks)
        foot += f", {left} could not be made" * bool(left)
        foot += f"; undecided, with so few images: {', '.join(unsure)}" * bool(unsure)
        head = f"{heading(data)}; at most {self.limit} are looked at"
        head = "\n".join([head, *about(ready)])
        payload = {
            "images": described(data),
            "reading": reading(data),
            "models": [subject.as_dict() for subject in ready.subjects],
            "notes": list(ready.notes),
            "checks": [{**asdict(check), "outcome": check.outcome.value} for check in checks],
            "warned": warned,
            "undecided": unsure,
            "provenance": where.as_dict(),
        }
        return Answer(payload, "\n".join([head, *map(str, checks), foot]))
