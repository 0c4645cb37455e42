"""What the commands about models say in the same words."""

from collections.abc import Mapping, Sequence

from robustlens.cli.command import columns
from robustlens.nets.cards import Card
from robustlens.progress import lasting
from robustlens.rate import Rate
from robustlens.zoo.measure import Tested
from robustlens.zoo.table import File


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


def told(card: Card) -> list[str]:
    """Return a card for people: of a shipped model, of a trained one, or of any checkpoint."""
    rows = [row for part in (_net, _training, _selected, _measured, _files) for row in part(card)]
    return columns(("", ""), rows)[1:]


def _net(card: Card) -> Sequence[tuple[str, str]]:
    rows, net = [("for", card.purpose)] if card.purpose else [], card.architecture
    if net is not None:
        shape = f"{net.channels} x {net.size} x {net.size}"
        rows.append(("net", f"{net.short}, for images of {shape}"))
    return rows + ([("classes", ", ".join(card.classes))] if card.classes else [])


def _training(card: Card) -> Sequence[tuple[str, str]]:
    origin = card.origin
    if origin is None:
        return []
    data = ", ".join(f"{name} (digest {digest})" for name, digest in origin.data.items())
    where = f"{lasting(origin.seconds)} on {origin.device}, {origin.date}"
    return [("trained by", origin.command), ("on", data), ("in", where)]


def _selected(card: Card) -> Sequence[tuple[str, str]]:
    best = card.validation
    if best is None or not best.short:
        return []
    return [("validation", f"{best.short}; epoch {best.epoch}, which these images selected")]


def _measured(card: Card) -> Sequence[tuple[str, str]]:
    found = Tested.read(card)
    if found is None:
        return []
    size = f" at {found.size} pixels" if found.size else ""
    heads = ["test images", *[""] * (len(found.numbers) - 1)]
    rows = list(map(str, found.numbers))
    rows[0] += f" ({found.data}{size})"
    return list(zip(heads, rows, strict=True))


def _files(card: Card) -> Sequence[tuple[str, str]]:
    licence = card.entry("licence", str)
    rows = [("licence", licence)] if licence is not None else []
    return rows + [
        ("file", f"{file.name}, {file.bytes / 1e6:.2f} MB, SHA-256 {file.sha256}")
        for file in card.entry("files", tuple[File, ...]) or ()
    ]
