"""Someone's model and someone's images, brought together: one door for every face.

    subject = bring("my_pkg:build", weights="w.safetensors")       # or a shipped name
    ready = prepare([subject], "./photos", limit=200, ball=L2(0.5))
    attacked_accuracy(subject.model, ready.data, bind(pgd, L2(0.5)), seed=0)
    print(*subject.notes, *ready.notes, sep="\n")

Nothing is printed here. What a person should know is in `notes`; what makes a number doubtful is a
warning (`errors.Doubtful`), which each face says in its way.
"""

import typing

from robustlens import lazy

if typing.TYPE_CHECKING:
    from robustlens.subject.bring import bring
    from robustlens.subject.images import choose
    from robustlens.subject.prepare import Prepared, prepare
    from robustlens.subject.subject import Subject
    from robustlens.subject.trial import ask, probe

__all__ = ["Prepared", "Subject", "ask", "bring", "choose", "prepare", "probe"]

lazy.names(__name__, {
    "robustlens.subject.bring": "bring",
    "robustlens.subject.images": "choose",
    "robustlens.subject.prepare": "Prepared prepare",
    "robustlens.subject.subject": "Subject",
    "robustlens.subject.trial": "ask probe",
})  # fmt: skip
