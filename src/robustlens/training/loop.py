"""The training loop, one for every loss."""

from typing import NamedTuple

from torch import nn

from robustlens.data import Dataset
from robustlens.files import AnyPath, as_path
from robustlens.progress import bar
from robustlens.training.config import TrainConfig
from robustlens.training.run import Epoch, Run
from robustlens.types import Attack, Loss


class Trained(NamedTuple):
    """The selected model, in evaluation mode, and what happened."""

    model: nn.Module
    history: tuple[Epoch, ...]
    best: Epoch


def train(
    model: nn.Module,
    data: Dataset,
    loss: Loss,
    config: TrainConfig,
    *,
    seed: int,
    validation_attack: Attack | None = None,
    folder: AnyPath | None = None,
) -> Trained:
    """Train `model` by the optimiser of `config`; return the epoch that validates best.

    What is evaluated and returned is the exponential moving average of the weights (and of batch
    norm's statistics). Selection is by accuracy under `validation_attack` if there is one, on a
    class-stratified split cut from `data`: robust overfitting makes the last epoch a bad choice
    (Rice, Wong, Kolter 2020). With `config.validation` 0 nothing is cut and the last epoch is
    returned: for data whose labels say nothing about the test, as constructed sets (Ilyas et al.
    2019, appendix C). Training runs where the model's parameters are.

    With a `folder`, the state is saved there after each epoch (`state.safetensors`) and a line
    goes to `log.jsonl`; the same call continues after a kill and ends, on a CPU with the same
    number of threads, with the same weights to the bit.

    Args:
        model: trained in place; holds the selected weights afterwards.
        data: training images; the validation split is taken from them.
        loss: see `losses`.
        config: see `TrainConfig`.
        seed: names every draw: the split, the order, the augmentation, the attacks.
        validation_attack: measured on the validation split after each epoch.
        folder: where the state and the log live.

    Warns:
        Doubtful: the run in `folder` began with other weights than `model` has; it goes on.

    Raises:
        TrainingDiverged: the loss is not finite, or above 10^4.
        InputError: bad data, or a folder with the state of another run.
    """
    place = None if folder is None else as_path(folder)
    run = Run.begin(model, data, loss, config, seed, validation_attack, place)
    total = config.epochs * run.steps
    with bar("training", total) as advance:
        advance(len(run.history) * run.steps)
        while len(run.history) < config.epochs:
            run.epoch(advance)
    run.model.load_state_dict(run.best_weights)
    best = max(run.history, key=lambda epoch: epoch.score)
    return Trained(run.model.eval(), tuple(run.history), best)
