"""What a command says of the images that it measures models on.

print(heading(data))                                 # "photos, all 64 images"
"""

from typing import Any

from robustlens.data import Dataset
from robustlens.data.dataset import numbered
from robustlens.data.holdout import words
from robustlens.subject import Prepared

heading = words
"""Say which images these are: the beginning of the first line of an answer."""


def about(ready: Prepared) -> list[str]:
    """Return the lines under the first: order of classes, what was resized, what is to be known."""
    data, resized = ready.data, ready.data.reading.resized
    lines = [f"  classes: {numbered(data.classes)}"] + [f"  pixels: {resized}"] * bool(resized)
    return lines + [f"  note: {note}" for note in ready.notes]


def described(data: Dataset) -> dict[str, Any]:
    """Return the images of a command for its JSON: how many, of which split, what is held out.
    "held out" counts the images that training on these data leaves for "test", where they are cut.
    """
    split, n, whole = data.piece or (None, len(data), len(data))
    return {
        "name": data.name,
        "split": split,
        "n": len(data),
        "images of the split": n,
        "cut from": whole,
        "held out": n if split == "test" and n < whole else whole - n,
        "classes": list(data.classes),
    }


def reading(data: Dataset) -> dict[str, Any]:
    """Return for the JSON of a command what became of the files as they were read.

    "left out" counts the files of a folder that were not read, by why; "read otherwise" those that
    were, in a way one might not expect; "resized" says from which sizes to which, or nothing.
    """
    found = data.reading
    return {
        "left out": dict(found.left_out),
        "read otherwise": dict(found.otherwise),
        "resized": found.resized,
    }
