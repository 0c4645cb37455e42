"""Models that a person's own function builds, named as `module:function`.

net = built("my_pkg:build")
"""

import importlib
import sys
from pathlib import Path

from torch import nn

from robustlens.errors import InputError
from robustlens.subject.tracing import in_words


def built(path: str) -> nn.Module:
    """Return what `module:function` builds; modules of the working folder are found too.

    Raises `InputError` when it cannot be imported or called, or returns something else.
    """
    module, _, function = path.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        model = getattr(importlib.import_module(module), function)()
    except Exception as error:  # it is someone's code: it may raise anything
        file = Path(module.removesuffix(".py"))
        hint = f"no file: {file.stem}:{function}, run in its folder"
        raise InputError(
            f"--model {path}: {in_words(error)}",
            "module:function that returns a torch.nn.Module",
            hint if module.endswith(".py") or len(file.parts) > 1 else "",
        ) from error
    finally:
        sys.path.pop(0)
    if not isinstance(model, nn.Module):
        raise InputError(
            f"--model {path} gives something of type {type(model).__name__}", "a torch.nn.Module"
        )
    return model
