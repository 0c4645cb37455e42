"""Where an epoch is written besides the state: JSON lines always, TensorBoard when installed.

pip install 'robustlens[track]' && tensorboard --logdir runs/models
"""

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from robustlens.files import write_text

LOG = "log.jsonl"


def log(folder: Path, history: Sequence[dict[str, Any]]) -> None:
    """Write one JSON line per epoch, atomically, and add the last epoch to TensorBoard.

    TensorBoard's event files go to the same folder, if its package (the extra `track`) is there.
    """
    write_text(folder / LOG, "".join(json.dumps(epoch) + "\n" for epoch in history))
    if find_spec("tensorboard") is not None:
        _tensorboard(folder, history[-1])


def _tensorboard(folder: Path, epoch: dict[str, Any]) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as writer:
        for name, value in epoch.items():
            if name != "epoch" and value is not None:
                writer.add_scalar(name, value, epoch["epoch"])
