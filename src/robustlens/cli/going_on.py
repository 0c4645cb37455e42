"""A measurement that is saved row by row: it goes on with its own rows, and loses nobody's."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from robustlens.errors import AnotherRun
from robustlens.journal import put_aside, rows_saved

T = TypeVar("T")


def going_on(measured: Callable[[], T], save: Path, *, total: int, resume: bool, anew: bool) -> T:
    """Return what is measured, with the rows in `save` where they are of the same run.

    Another run's rows are put aside, or refused with `resume`; with `anew` those of the same run
    are put aside too. An interruption says how many of `total` rows are saved.
    """
    if anew:
        put_aside(save)
    try:
        try:
            return measured()
        except AnotherRun as error:
            if resume:
                raise
            put_aside(save, error.received)
            return measured()
    except KeyboardInterrupt:
        saved = f"{rows_saved(save)} of {total} rows are saved in {save}"
        raise KeyboardInterrupt(saved) from None
