"""The page shows code that runs."""

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "vision.md"


@pytest.mark.slow
def test_the_code_of_the_page_runs() -> None:
    names: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S):
        exec(code, names)
    assert names["made"].numbers["outside"].tolist() == [0.0] * 4
    assert names["engine"](names["x"]).shape == (4, 10)
