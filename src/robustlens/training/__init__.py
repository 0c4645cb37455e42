"""Training: one loop for every loss, resumable at every epoch, honest about selection.

    done = train(model, data, adversarial(bind(pgd, L2(1.5), steps=7)), TrainConfig(epochs=20),
                 seed=0, validation_attack=bind(pgd, L2(1.5), steps=10), folder=Path("runs/mine"))
    done.model          # the averaged weights of the epoch that did best on validation images

A validation split is cut from the training set; the test set is never looked at here.
"""

from robustlens.training.config import OPTIMISERS, PRECISIONS, TrainConfig
from robustlens.training.loop import Trained, train
from robustlens.training.run import Epoch
from robustlens.training.schedules import SCHEDULES

__all__ = ["OPTIMISERS", "PRECISIONS", "SCHEDULES", "Epoch", "TrainConfig", "Trained", "train"]
