"""`robustlens sanity`: is a model's robustness real, and is the model used as it should be?"""

from dataclasses import asdict, dataclass
from pathlib import Path

from robustlens.balls import ball
from robustlens.cli.bring import ask, brought
from robustlens.cli.command import Answer, Command, device, origin
from robustlens.cli.images import about, described, heading, images, reading
from robustlens.errors import InputError
from robustlens.evaluation import on_device_of
from robustlens.evaluation.scale import check_scale
from robustlens.provenance import clock
from robustlens.sanity import Outcome, check_model


@dataclass(frozen=True, kw_only=True)
class Sanity(Command):
    """Look for gradient masking and for wrong use: each check says what it means and what to do.

    The model is seen in the mode in which it is handed over: build it as you would use it.

    Example: robustlens sanity --weights w.safetensors --data fashion --norm l2 --eps 1.5

    Your own: robustlens sanity --model my_pkg:build --data ./images --norm linf --eps 8/255
    """

    data: str  # a name from "robustlens data list", or a path
    weights: Path | None = None  # a .safetensors file, or a name from "robustlens models list"
    model: str | None = None  # module:function that returns your model for [0, 1] images; or a name
    size: int | None = None  # crop and resize images of different sizes to this side
    split: str | None = None  # train, test or all; default: test, or all of data without splits
    limit: int = 64  # this many images, alike from every class
    norm: str = "l2"  # linf, l2 or l1: what robustness is claimed for
    eps: str = "0.5"  # its radius in [0, 1] units, as 0.5 or 8/255
    seed: int = 0
    device: str = "auto"  # auto, cpu or cuda

    def run(self) -> Answer:
        """Check it."""
        within = ball(self.norm, self.eps)
        found = brought(self.weights, self.model, device(self.device))
        model = found.model
        data = on_device_of(model, images(self.data, self.split, self.size, [found]))
        check_scale(within, data.shape)
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
        head = "\n".join([head, *about(data)])
        payload = {
            "images": described(data),
            "reading": reading(data),
            "checks": [{**asdict(check), "outcome": check.outcome.value} for check in checks],
            "warned": warned,
            "undecided": unsure,
            "provenance": where.as_dict(),
        }
        return Answer(payload, "\n".join([head, *map(str, checks), foot]))
