"""Whose rows are these: what a file of records says of its model, attack and data.

    header = identity("accuracy under ...", model, attack, data, seed=0, batch_size=250)
    differences(header_of_the_file, header)        # [] where the run may go on

Three looks at a model: its weights and buffers; everything else it is made of (`describe`), as far
as asking it leaves that unchanged; and its own answers on a few fixed probes, four images of the
data and four of noise. Answers agree up to rounding, so that another machine may go on. The batch
size counts only where rows may depend on it: the model's answers do (or cannot be told), or an
attack brings code that is not ours.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from robustlens.attacks import Bound, Worst
from robustlens.data import Dataset
from robustlens.data.augment import unit
from robustlens.describe import brings_code, described
from robustlens.doubts import MODE, RANDOM, differ, slack, untouched
from robustlens.files import digest_json
from robustlens.modes import frozen
from robustlens.nets import logits
from robustlens.nets.checkpoints import digest_of
from robustlens.streams import stream, uniform
from robustlens.types import Attack, Images, Logits, Model

PROBES = 4
"""Images of the data, and as many of noise."""
COLUMNS = 16
"""At most so many logits of each, evenly over the classes."""
ROUNDING = 5e-3
"""Of the spread of the logits, which other machines may differ by: several times what they do in
float32 with the 10 bits of TF32 (2 ** -11 a product)."""
COARSE = 5e-2
"""The same for logits in half precision."""
AT_RANDOM, UNASKED = "random", "not asked"
"""In the place of answers: they differ from one look to the next; the model fails on probes."""
ANY = "any"
"""In the place of the batch size: what an image gets does not depend on it."""
FOLLOWS = {
    "answers": {"model", "models"},
    "parts": {"model", "answers"},
    "attack": {"name"},
    "surrogates": {"name", "attack"},
    "noise": {"name"},
    "plan": {"name"},
    "n": {"name"},
    "alpha": {"name"},
}
"""What need not be named as different where another entry is: it follows."""
WORDS = {
    "parts": "model's parts (what it is made of besides its weights)",
    "answers": "model's answers",
    "attack": "attack's settings",
    "surrogates": "surrogates' answers",
    "batch_size": "batch size",
    "noise": "settings of the noise",
    "plan": "settings of the plan",
}
UNSHOWN = WORDS.keys() - {"batch_size"}
"""Entries of a header that are digests or tables: what they were says nothing."""


def identity(
    name: str, model: Model, attack: Attack, data: Dataset, *, seed: int, batch_size: int
) -> dict[str, Any]:
    """Return the header of a run: what any other run must agree with to go on with its rows."""
    x = probes(data)
    known = look(model, x)
    before = settings_of(attack)
    others = [look(other, x) for other in _surrogates(attack)]
    settings = steady(before, settings_of(attack))  # less what the surrogates count
    size = batch_size if known["together"] or brings_code(attack) else ANY
    return model_on_data(name, model, known, data, seed=seed, batch_size=size) | {
        "attack": {key: digest_json(value) for key, value in settings.items()},
        "surrogates": [other["answers"] for other in others],
    }


def model_on_data(
    name: str,
    model: Model,
    known: Mapping[str, Any],
    data: Dataset,
    *,
    seed: int,
    batch_size: int | str,
) -> dict[str, Any]:
    """Return what any header says of a model, `known` by a `look`, and of the data."""
    is_module = isinstance(model, torch.nn.Module)
    return {
        "name": name,
        "model": digest_of(model) if is_module else known["parts"],
        "data": data.digest,
        "seed": seed,
        "batch_size": batch_size,
        "parts": known["parts"],
        "answers": known["answers"],
    }


def settings_of(given: Any) -> dict[str, Any]:
    """Return the words of everything that an attack, say, reads, by the name of the setting."""
    words = described(given)
    words = words if isinstance(words, dict) else {"a": words}
    inner = [key for key in ("is", "with", "reads") if isinstance(words.get(key), dict)]
    settings = {name: value for key in inner for name, value in words[key].items()}
    return settings | {"code": {key: words[key] for key in words if key not in inner}}


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the names of the entries of two headers that disagree, those that follow left out."""
    other = [k for k in now if before.get(k) != ANY and not _agree(before.get(k), now[k])]
    return [key for key in other if not FOLLOWS.get(key, set()) & set(other)]


def other_run(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return in words by what two headers differ, "" where the run may go on."""
    other = differences(before, now)
    if not other:
        return ""
    named = ", ".join(WORDS.get(key, key) for key in other)
    there = ", ".join(str(before[key]) for key in other if key in before and key not in UNSHOWN)
    settings = ", ".join(other_settings(before, now)) if "attack" in other else ""
    unsaid = ", ".join(key for key in now if key not in before)
    return (
        f"its {named} differ"
        + (f" ({settings})" if settings else "")
        + (f" (there {there})" if there else "")
        + f" (its header, of an older version perhaps, has no {unsaid})" * bool(unsaid)
    )


def other_settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the names of the settings of two attacks, as two headers have them, that differ."""
    a, b = before.get("attack"), now.get("attack")
    if not (isinstance(a, Mapping) and isinstance(b, Mapping)):
        return []
    return sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name))


def look(model: Model, x: Images) -> dict[str, Any]:
    """Return a model's answers, the digest of its parts, and whether an answer needs its batch.

    Parts are seen before and after two questions.
    """
    try:
        with frozen(model), untouched(model, x), torch.no_grad():
            z = logits(model, x.clone())
            parts = described(model)
            again = logits(model, x.clone())
            apart = logits(model, x[len(x) // 2 :].flip(0)).flip(0)
            parts = steady(parts, described(model))
    except Exception:  # it is someone's code: what it cannot answer, it will say by itself
        return {"answers": UNASKED, "parts": digest_json(described(model)), "together": True}
    random = differ(z, again, RANDOM) and bool(z.isfinite().all())
    together = random or differ(_finite(z[len(x) // 2 :]), _finite(apart), MODE, among=_finite(z))
    known = AT_RANDOM if random else answers(z)
    return {"answers": known, "parts": digest_json(parts), "together": together}


def answers(z: Logits) -> dict[str, Any]:
    """Return some of the logits, rounded, and what they may differ by on another machine."""
    half = z.is_floating_point() and torch.finfo(z.dtype).bits < 32
    within = slack(_finite(z), COARSE if half else ROUNDING) + 1e-12
    some = z.double()[:, :: -(-z.shape[1] // COLUMNS)].tolist()
    return {"values": [[_rounded(v) for v in row] for row in some], "within": _rounded(within)}


def _finite(z: Logits) -> Logits:
    return torch.where(z.isfinite(), z, 0)


def steady(before: Any, after: Any) -> Any:
    """Return what two descriptions agree in; a count or a cache, which a question moves, is not."""
    if isinstance(before, dict) and isinstance(after, dict):
        both = {key: steady(before[key], after[key]) for key in before if key in after}
        return {key: value for key, value in both.items() if value is not None}
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [steady(a, b) for a, b in zip(before, after, strict=True)]
    return before if before == after else None


def probes(data: Dataset) -> Images:
    """Return the images that every model is asked about: of the data, evenly, and of noise."""
    rows = torch.linspace(0, len(data) - 1, min(PROBES, len(data))).long()
    images = unit(data.images[rows.to(data.images.device)])
    noise = uniform(images[:1].expand(PROBES, -1, -1, -1), stream(0, "probes"))
    return torch.cat([images, noise])


def _surrogates(attack: object) -> Iterator[Model]:
    """Yield the other models that an attack asks, those of nested attacks included."""
    if isinstance(attack, Worst):
        for part in attack.attacks:
            yield from _surrogates(part)
    elif isinstance(attack, Bound):
        for setting in attack.settings.values():
            if isinstance(setting, torch.nn.Module):
                yield setting
            elif isinstance(setting, Sequence) and not isinstance(setting, str):
                yield from (item for item in setting if callable(item))


def _agree(before: Any, now: Any) -> bool:
    """Compare two entries: exactly, but answers up to their tolerance.

    A model that fails on the probes is known by its weights and parts alone.
    """
    if UNASKED in (before, now):
        return True
    if isinstance(before, dict) and isinstance(now, dict) and "within" not in now:
        return before.keys() == now.keys() and all(_agree(before[k], now[k]) for k in now)
    if isinstance(before, list) and isinstance(now, list):
        return len(before) == len(now) and all(map(_agree, before, now))
    if not (isinstance(before, dict) and isinstance(now, dict) and "within" in now):
        return bool(before == now)
    within = max(float(before.get("within", 0)), float(now["within"]))
    a, b = _table(before.get("values")), _table(now["values"])
    if a is None or b is None or a.shape != b.shape:
        return False
    unlike = (a - b).abs() > within  # false where both are inf or nan, or one is
    return bool((a.isfinite() == b.isfinite()).all()) and not bool(unlike[a.isfinite()].any())


def _table(rows: Any) -> Tensor | None:
    try:
        return torch.tensor([[float(v) for v in row] for row in rows], dtype=torch.float64)
    except (TypeError, ValueError):
        return None


def _rounded(value: float) -> float | str:
    """Return six digits; what is no finite number as a word, which JSON lets pass."""
    number = float(f"{value:.6g}")
    return number if abs(number) < float("inf") else str(value)
