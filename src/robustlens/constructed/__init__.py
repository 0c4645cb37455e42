"""Constructed data sets: from images and a net to new images and labels, in a folder with a card.

    data = relabelled(load("catdog"), net, Path("runs/made/other"), targets="other", eps="0.5")
    train on "runs/made/other"; its test images are the untouched ones of "catdog"

What a net learns from them tells which features the first net uses, and what they are worth.
"""

import typing

from robustlens import lazy

if typing.TYPE_CHECKING:
    from robustlens.constructed.builder import DROPPED, Made, Make, build
    from robustlens.constructed.controls import mistakes, random_changes, random_labels
    from robustlens.constructed.relabelled import TARGETS, relabelled
    from robustlens.constructed.robustified import START, robustified

__all__ = [
    "DROPPED",
    "START",
    "TARGETS",
    "Made",
    "Make",
    "build",
    "mistakes",
    "random_changes",
    "random_labels",
    "relabelled",
    "robustified",
]

lazy.names(__name__, {
    "robustlens.constructed.builder": "DROPPED Made Make build",
    "robustlens.constructed.controls": "mistakes random_changes random_labels",
    "robustlens.constructed.relabelled": "TARGETS relabelled",
    "robustlens.constructed.robustified": "START robustified",
})  # fmt: skip
