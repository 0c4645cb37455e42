"""The report: one page that stands alone, every claim a picture, a number and a verdict.

write_page([Path("runs/robust-erm/quick")], Path("runs/talk/index.html"), STUDIES)

A run folder holds `result.json` and the pictures it names. The page loads nothing from anywhere:
style and pictures are inside it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from robustlens.audit import Audit
from robustlens.files import AnyPath, as_path, write_text
from robustlens.registry import Study
from robustlens.report import audit_page
from robustlens.report.page import compose
from robustlens.report.preview import PREVIEW, write_preview

__all__ = ["write_audit", "write_page"]


def write_audit(found: Sequence[Audit], page: AnyPath) -> Path:
    """Write one self-contained HTML page of one audit or more, atomically; return its path."""
    write_text(page, audit_page.compose(found))
    return as_path(page)


def write_page(folders: Sequence[AnyPath], page: AnyPath, studies: Mapping[str, Study]) -> None:
    """Write one self-contained HTML page of the runs in `folders`, in that order, atomically.

    Studies of `studies` without a run are listed with the command that runs them. Beside it lies
    preview.png, which is shown where people share the address of the page.

    Raises:
        InputError: a missing or broken result or picture; a study that is not in `studies`.
    """
    path = as_path(page)
    write_text(path, compose(folders, studies))
    write_preview(folders, path.with_name(PREVIEW))
