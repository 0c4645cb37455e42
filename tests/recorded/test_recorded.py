"""Records: read as they were written, told stale when code or settings change, never in silence."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from robustlens.errors import InputError
from robustlens.recorded import HOME, code, code_of, recorded, stale
from robustlens.registry import Bench, Findings, Study, run
from robustlens.result import Number, Verdict
from robustlens.studies import STUDIES


@dataclass(frozen=True, kw_only=True)
class Config:
    size: int = 1


def measure(config: Config, bench: Bench) -> Findings:
    numbers = {"size": Number.exact(config.size)}
    return Findings(Verdict.REPRODUCED, "It is.", numbers, (), 0, {})


def a_study(size: int = 1) -> Study:
    return Study(
        id="a-study",
        title="A study",
        presets={"tiny": Config(), "quick": Config(size=size)},
        function=measure,
        claim="It is.",
        rule="Reproduced if it is.",
        published="none",
    )


def a_record(home: Path, digest: str) -> None:
    study = a_study()
    result = run(study, "quick", study.presets["quick"], folder=home)
    folder = home / "a-study" / "quick"
    result.write(folder)
    number = {"value": 1.0, "low": 1.0, "high": 1.0, "n": 0, "published": None, "source": None}
    words = json.dumps({"code": digest, "tiny": {"size": number}})
    (folder / "record.json").write_text(words, encoding="utf-8")


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert recorded("a-study", "quick", tmp_path) is None
    a_record(tmp_path, "0123")
    found = recorded("a-study", "quick", tmp_path)
    assert found is not None
    assert (found.code, found.tiny) == ("0123", {"size": Number.exact(1.0)})
    assert found.result.numbers == {"size": Number.exact(1)}
    assert recorded("a-study", "full", tmp_path) is None


@pytest.mark.parametrize("words", ["{}", "[", '{"code": "a", "tiny": {"a": 1}}'])
def test_a_broken_record_is_refused_by_name(tmp_path: Path, words: str) -> None:
    a_record(tmp_path, "0123")
    (tmp_path / "a-study" / "quick" / "record.json").write_text(words, encoding="utf-8")
    with pytest.raises(InputError, match=r"record\.json"):
        recorded("a-study", "quick", tmp_path)


def test_other_settings_or_other_code_make_a_record_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robustlens.recorded.code_of", lambda module: "0123")
    a_record(tmp_path, "0123")
    found = recorded("a-study", "quick", tmp_path)
    assert found is not None
    assert stale(found, a_study()) == ""
    assert "settings of its preset 'quick'" in stale(found, a_study(size=2))
    assert "code has changed" in stale(replace(found, code="4567"), a_study())


SOURCES = {
    "__init__.py": "from package.a import first",
    "a.py": '"""Words."""\nfrom package.b import second\nfirst = second + 1  # a comment\n',
    "b.py": "second = 1\n",
    "c.py": "third = 3\n",
    "sub/__init__.py": "from package.sub.d import fourth\nfrom package.sub.e import fifth\n",
    "sub/d.py": "fourth = 4\n",
    "sub/e.py": "fifth = 5\n",
    "top.py": "from package import first\nfrom package.sub import fourth\n",
}


@pytest.mark.parametrize(
    ("file", "text", "changes"),
    [
        ("a.py", "from package.b import second\n\n\nfirst = (second + 1)\n", False),
        ("a.py", "from package.b import second\nfirst = second + 2\n", True),
        ("b.py", "second = 2\n", True),  # two modules away
        ("c.py", "third = 4\n", False),  # imported by nobody
        ("sub/d.py", "fourth = 5\n", True),  # through a package that hands it on
        ("sub/e.py", "fifth = 6\n", False),  # handed on by that package, not asked for
        ("top.py", "from package import first\n", True),
    ],
)
def test_the_digest_sees_what_is_imported_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, text: str, changes: bool
) -> None:
    root = tmp_path / "package"
    (root / "sub").mkdir(parents=True)
    for name, source in SOURCES.items():
        (root / name).write_text(source, encoding="utf-8")
    monkeypatch.setattr(code, "ROOT", root)
    monkeypatch.setattr(code, "PACKAGE", "package")

    def digest() -> str:
        for cached in (code._file, code._parsed, code._tree, code._imports):
            cached.cache_clear()
        return code_of("package.top")

    try:
        before = digest()
        (root / file).write_text(text, encoding="utf-8")
        assert (digest() != before) == changes
    finally:
        for cached in (code._file, code._parsed, code._tree, code._imports):
            cached.cache_clear()


RECORDS = [path.parts[-3:-1] for path in sorted(HOME.glob("*/*/record.json"))]


@pytest.mark.parametrize(("study", "name"), RECORDS, ids="/".join)
def test_a_record_measured_the_code_of_today(study: str, name: str) -> None:
    found = recorded(study, name)
    assert found is not None
    assert not stale(found, STUDIES[study]), "run: python tools/record.py confirm " + study
