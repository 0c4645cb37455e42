"""`robustlens models list | show | get | verify`."""

from collections.abc import Sequence
from typing import Any

from robustlens.cli.command import Answer, columns, device
from robustlens.cli.flags import models as flags
from robustlens.cli.models import told
from robustlens.decoding import encode
from robustlens.nets.checkpoints import read
from robustlens.zoo import Outcome, Verdict, entries, entry, get, verify


class ModelsShow(flags.ModelsShow):
    """`robustlens models show`, at work."""

    def run(self) -> Answer:
        """Show it."""
        shipped = entries().get(str(self.model))
        card = shipped.card if shipped is not None else read(self.model)[1]
        return Answer(card, "\n".join([str(self.model), *(f"  {line}" for line in told(card))]))


class ModelsGet(flags.ModelsGet):
    """`robustlens models get`, at work."""

    def run(self) -> Answer:
        """Fetch it."""
        path = get(entry(self.name), self.url)
        return Answer({"name": self.name, "path": str(path)}, f"{self.name} is at {path}")


class ModelsVerify(flags.ModelsVerify):
    """`robustlens models verify`, at work."""

    def run(self) -> Answer:
        """Verify them, one after the other."""
        chosen = [entry(name) for name in self.names] or list(entries().values())
        where = device(self.device)
        verdicts = [
            verify(item, attacks=self.attacks, limit=self.limit, device=where) for item in chosen
        ]
        rows = [line for verdict in verdicts for line in _lines(verdict)]
        text = columns(["model", "outcome", "accuracy", "card", "now"], rows)
        counts = {o.value: sum(v.outcome is o for v in verdicts) for o in Outcome}
        foot = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
        text += ["", *(f"{v.name}: {v.reason}" for v in verdicts if v.reason), foot]
        payload = {"models": [_row_of(verdict) for verdict in verdicts], **counts}
        return Answer(payload, "\n".join(text), int(any(v.failed for v in verdicts)))


def _lines(verdict: Verdict) -> Sequence[list[str]]:
    """Return the rows of a model: one for each number, or one without any."""
    pairs = [[m.trial.short, f"{m.rate} n {m.rate.n}", f"{now} n {now.n}"]
             for m, now in verdict.numbers] or [["", "", ""]]  # fmt: skip
    heads = [[verdict.name, verdict.outcome.value], *[["", ""]] * (len(pairs) - 1)]
    return [head + pair for head, pair in zip(heads, pairs, strict=True)]


def _row_of(verdict: Verdict) -> dict[str, Any]:
    return {
        "name": verdict.name,
        "outcome": verdict.outcome.value,
        "reason": verdict.reason,
        "numbers": [
            {"name": m.name, "card": encode(m.rate), "now": encode(now)}
            for m, now in verdict.numbers
        ],
    }
