"""The page of an audit stands alone: it loads nothing, runs its own lines only, escapes words."""

import base64
import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import robustlens as rl
from robustlens.data import Dataset
from robustlens.report import write_audit

pytestmark = pytest.mark.filterwarnings("ignore::robustlens.errors.Doubtful")


@pytest.fixture
def found(trained: Any, data: Dataset, short: None) -> Any:
    return rl.audit(trained.model, data, norm=["l2", "linf"], eps=[0.5, "8/255"], limit=6)


def test_the_page_stands_alone_and_shows_everything(found: Any, tmp_path: Path) -> None:
    path = write_audit([found], tmp_path / "deep" / "index.html")
    page = path.read_text()
    assert not re.findall(r"https?://|url\(|@import", page)
    assert all(s.startswith("data:image/") for s in re.findall(r'src="([^"]*)"', page))
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    for sentence in found.verdict.sentences:
        assert sentence in page.replace("&quot;", '"').replace("&#x27;", "'")
    assert page.count("data-fate=") == len(found.rows) == 6
    assert "8/255 = 0.0314" in page
    assert page.count("<svg") == 2
    for heading in ("Signs of masked", "Weather", "Rotations", "Certified", "Every image"):
        assert heading in page
    for tag in ("table", "div", "section", "article", "ul", "figure", "details", "tr", "td"):
        assert len(re.findall(rf"<{tag}[ >]", page)) == page.count(f"</{tag}>"), tag


def test_words_from_elsewhere_are_escaped(found: Any) -> None:
    from robustlens.report.audit_page import compose

    bad = "<script>alert(1)</script>"
    names = (bad, *found.data.classes[1:])
    evil = replace(found, name=bad, notes=(bad,), data=replace(found.data, classes=names, name=bad))
    page = compose([evil])
    assert page.count("<script>") == 1
    assert "alert(1)" in page


def test_several_models_stand_side_by_side(found: Any) -> None:
    from robustlens.report.audit_page import compose

    page = compose([found, replace(found, name="another net")])
    assert "Side by side" in page
    assert page.count('class="legend"') == 2
    assert 'href="#m1">another net' in page
    assert 'id="m1"' in page
