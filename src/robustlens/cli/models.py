"""What the commands about models say in the same words."""

from collections.abc import Mapping, Sequence
from typing import Any

from robustlens.cli.command import columns
from robustlens.progress import lasting
from robustlens.rate import Rate
from robustlens.zoo.measure import Measured


def short(validation: Mapping[str, Any]) -> str:
    """Return the accuracies of the selected epoch in words."""
    clean, attacked = validation.get("clean_accuracy"), validation.get("pgd_accuracy")
    words = [] if clean is None else [f"clean accuracy {clean:.1%}"]
    return ", ".join(words + ([] if attacked is None else [f"PGD accuracy {attacked:.1%}"]))


def extremes(rates: Mapping[str, Rate]) -> list[str]:
    """Return which class is weakest and which strongest, in words; what is equal is said so."""
    low, high = (pick(rate.value for rate in rates.values()) for pick in (min, max))
    if low == high:
        ((name, rate),) = list(rates.items()) if len(rates) == 1 else [("", None)]
        return [f"only class: {name} {rate}"] if rate else [f"all classes: {low:.1%}"]
    return [f"weakest {_sharing(rates, low)}", f"strongest {_sharing(rates, high)}"]


def _sharing(rates: Mapping[str, Rate], value: float) -> str:
    names = [name for name, rate in rates.items() if rate.value == value]
    if len(names) == 1:
        return f"class: {names[0]} {rates[names[0]]}"
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"classes: {', '.join(names[:3])}{more}, {value:.1%} each"


def told(card: Mapping[str, Any]) -> list[str]:
    """Return a card for people: of a shipped model, of a trained one, or of any checkpoint."""
    rows = [row for part in (_net, _training, _selected, _measured, _files) for row in part(card)]
    return columns(("", ""), rows)[1:]


def _net(card: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    rows = [("for", card["purpose"])] if card.get("purpose") else []
    if "architecture" in card:
        from robustlens.nets import Architecture  # which needs torch

        net = Architecture(**card["architecture"])
        shape = f"{net.channels} x {net.size} x {net.size}"
        rows.append(("net", f"{net.short}, for images of {shape}"))
    if classes := card.get("classes"):
        rows.append(("classes", ", ".join(classes)))
    return rows


def _training(card: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    origin = card.get("training") or card.get("provenance")
    if not origin:
        return []
    data = ", ".join(f"{name} (digest {digest})" for name, digest in origin["data"].items())
    where = f"{lasting(origin['seconds'])} on {origin['device']}, {origin['date']}"
    return [("trained by", origin["command"]), ("on", data), ("in", where)]


def _selected(card: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    found = card.get("validation", {})
    if not short(found):
        return []
    return [("validation", f"{short(found)}; epoch {found['epoch']}, which these images selected")]


def _measured(card: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    found = card.get("evaluation")
    if not found:
        return []
    size = f" at {found['size']} pixels" if found.get("size") else ""
    heads = ["test images", *[""] * (len(found["numbers"]) - 1)]
    rows = [str(Measured.read(row)) for row in found["numbers"]]
    rows[0] += f" ({found['data']}{size})"
    return list(zip(heads, rows, strict=True))


def _files(card: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    rows = [("licence", card["licence"])] if "licence" in card else []
    return rows + [
        ("file", f"{file['name']}, {file['bytes'] / 1e6:.2f} MB, SHA-256 {file['sha256']}")
        for file in card.get("files", ())
    ]
