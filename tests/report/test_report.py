"""The page: whole, self-contained, honest about what is missing, and deaf to hostile strings."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from robustlens.errors import InputError, UnknownName
from robustlens.figures import DARK, LIGHT, save_pictures
from robustlens.pictures import Cell, Gallery
from robustlens.registry import Study
from robustlens.report import write_page
from robustlens.report.words import duration, interval, shown
from robustlens.result import Result
from robustlens.studies.claims import CLAIMS

HOSTILE = "</td><script>alert('x')</script> & \"quoted\" $style"
VOID = {"meta", "link", "br", "img", "source"}


def a_study(id: str = "robust-erm") -> Study:
    return Study(
        id=id,
        title=f"Title of {id}",
        claim="A claim.",
        rule="Reproduced if so.",
        published="Found before.",
        presets={},
        function=lambda config, bench: pytest.fail("a report runs nothing"),
    )


STUDIES = {id: a_study(id) for id in ("robust-erm", "not-of-the-talk")}


def a_result(**changes: Any) -> dict[str, Any]:
    number = {"value": 0.648, "low": 0.627, "high": 0.669, "n": 2000}
    return {
        "study": "robust-erm",
        "preset": "quick",
        "verdict": "reproduced",
        "seconds": 312.4,
        "summary": "It holds.",
        "numbers": {
            "PGD-20 accuracy": {**number, "published": "70.17 %", "source": "Table 1"},
            "median radius": {**number, "published": None, "source": None},
        },
        "figures": [{"name": "cells", "caption": "Some cells."}],
        "provenance": {
            "command": "robustlens run robust-erm --preset quick ",
            "config": {"eps": "1.5"},
            "seed": 7,
            "seconds": 312.4,
            "data": {"fashion": "0123abcd"},
            "commit": "c3adeb3",
            "versions": {"torch": "2.13.0"},
            "device": "a processor",
            "threads": 2,
            "date": "2025-01-01",
        },
        **changes,
    }


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    cell = Cell(torch.zeros(1, 8, 8), "a")
    save_pictures([Gallery("cells", "Some cells.", ("image",), ((cell,),))], folder)
    return folder


def run_folder(drawn: Path, folder: Path, **changes: Any) -> Path:
    folder.mkdir(exist_ok=True)
    for picture in drawn.iterdir():
        (folder / picture.name).write_bytes(picture.read_bytes())
    (folder / "result.json").write_text(json.dumps(a_result(**changes)), encoding="utf-8")
    return folder


class Outline(HTMLParser):
    """Collects tags, ids and addresses, and checks that tags are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.values: dict[str, list[str]] = {}
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.values.setdefault(name, []).append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("p", "li"):  # may be left open in HTML, never in ours
            assert self.open[-1] == tag
        assert self.open.pop() == tag


def page_of(folders: list[Path], tmp_path: Path, studies=STUDIES) -> str:
    path = tmp_path / "page" / "index.html"
    write_page(folders, path, studies)
    return path.read_text(encoding="utf-8")


def test_a_card_says_everything(drawn, tmp_path):
    text = page_of([run_folder(drawn, tmp_path / "run")], tmp_path)
    for words in (
        "Title of robust-erm",
        "Section 2 of the talk",
        "A claim.",
        "Reproduced if so.",
        "Found before.",
        "Some cells.",
        "It holds.",
        "<b>64.8%</b>",
        "[62.7%, 66.9%]",
        "<b>0.648</b>",
        "2,000",
        "70.17 %",
        "Table 1",
        "5 min 12 s",
        "a processor",
        "<code>robustlens run robust-erm --preset quick</code>",
        "c3adeb3",
        "torch 2.13.0",
        "fashion 0123abcd",
        "2025-01-01",
        "<dt>Seed</dt><dd>7</dd>",
        "&quot;eps&quot;: &quot;1.5&quot;",
        '<span class="badge reproduced">Reproduced</span>',
    ):
        assert words in text, words


def test_the_page_is_well_formed_and_links_lead_somewhere(drawn, tmp_path):
    folder = run_folder(drawn, tmp_path / "run")
    outline = Outline(page_of([folder, folder], tmp_path))
    ids = outline.values["id"]
    assert len(ids) == len(set(ids))
    targets = [href[1:] for href in outline.values["href"] if href.startswith("#")]
    assert targets == ["robust-erm-1", "robust-erm-2"]
    assert set(targets) <= set(ids)
    assert set(outline.values["aria-labelledby"]) <= set(ids)
    assert outline.values["alt"] == ["Some cells."] * 2
    assert (
        outline.tags.count("h1") == outline.tags.count("main") == outline.tags.count("title") == 1
    )
    assert outline.values["lang"] == ["en"]


def test_the_page_loads_nothing(drawn, tmp_path):
    text = page_of([run_folder(drawn, tmp_path / "run")], tmp_path)
    outline = Outline(text)
    assert "http://" not in text
    assert "https://" not in text
    assert "url(" not in text
    assert "@import" not in text
    assert not {"script", "iframe", "object"} & set(outline.tags)
    sources = outline.values["src"] + outline.values["srcset"]
    assert len(sources) == 2
    assert all(source.startswith("data:image/webp;base64,") for source in sources)
    assert all(href.startswith(("#", "data:,")) for href in outline.values["href"])


def test_a_preview_lies_beside_the_page_and_shows_the_most_telling_study(drawn, tmp_path):
    folder = run_folder(drawn, tmp_path / "run")
    page_of([folder], tmp_path)
    with Image.open(tmp_path / "page" / "preview.png") as preview:
        assert preview.size == (1200, 630)
        assert preview.getpixel((0, 0)) == (0xFC, 0xFB, 0xF8)
        assert preview.getpixel((600, 315)) != (0xFC, 0xFB, 0xF8)
    other = tmp_path / "bare"
    write_page([run_folder(drawn, tmp_path / "none", figures=[])], other / "index.html", STUDIES)
    assert not (other / "preview.png").exists()


def test_a_folder_with_a_record_is_told_apart(drawn, tmp_path):
    folder = run_folder(drawn, tmp_path / "run")
    (folder / "record.json").write_text("{}", encoding="utf-8")
    text = page_of([folder], tmp_path)
    Outline(text)
    assert "Recorded by us on 2025-01-01: it took 5 min 12 s on a processor." in text
    assert "0 computed here, 1 recorded by us" in text


def test_hostile_strings_stay_words(drawn, tmp_path):
    origin = a_result()["provenance"]
    hostile = dict.fromkeys(("command", "commit", "device", "date"), HOSTILE)
    tables = {k: {HOSTILE: HOSTILE} for k in ("config", "data", "versions")}
    number = {"value": 1, "low": 1, "high": 1, "n": 1, "published": HOSTILE, "source": HOSTILE}
    folder = run_folder(
        drawn,
        tmp_path / "run",
        preset=HOSTILE,
        summary=HOSTILE,
        numbers={HOSTILE: number},
        figures=[{"name": "cells", "caption": HOSTILE}],
        provenance={**origin, **hostile, **tables},
    )
    text = page_of([folder], tmp_path)
    assert "script" not in Outline(text).tags
    assert "&lt;script&gt;" in text
    assert "$style" in text  # a dollar sign of a result is no placeholder


def test_the_same_runs_give_the_same_bytes(drawn, tmp_path):
    folder = run_folder(drawn, tmp_path / "run")
    assert page_of([folder], tmp_path) == page_of([folder], tmp_path)


def test_a_page_without_runs_lists_what_there_is_to_run(tmp_path):
    text = page_of([], tmp_path)
    Outline(text)
    assert "Nothing has been run yet" in text
    for id in STUDIES:
        assert f"robustlens run {id} --preset quick" in text
    assert f"{len(CLAIMS) - 1} claims of the talk that have no study here yet" in text


def test_studies_with_a_run_are_not_waiting(drawn, tmp_path):
    folder = run_folder(drawn, tmp_path / "run")
    assert "Not run yet" not in page_of([folder], tmp_path, {"robust-erm": a_study()})
    text = page_of([folder], tmp_path)
    assert "robustlens run not-of-the-talk" in text


def test_a_run_without_numbers_or_pictures_of_a_study_outside_the_talk(drawn, tmp_path):
    folder = run_folder(
        drawn,
        tmp_path / "run",
        study="not-of-the-talk",
        verdict="not comparable",
        numbers={},
        figures=[],
        provenance={**a_result()["provenance"], "data": {}},
    )
    text = page_of([folder], tmp_path)
    Outline(text)
    assert "no numbers" in text
    assert 'class="badge not-comparable">Not comparable' in text
    assert "<dd>none</dd>" in text
    assert "Claim 1 · preset" in text


def test_a_run_that_is_too_small_says_how_to_decide(drawn, tmp_path):
    folder = run_folder(drawn, tmp_path / "run", verdict="too small to tell", preset="tiny")
    text = page_of([folder], tmp_path)
    Outline(text)
    assert text.count('class="badge too-small-to-tell">Too small to tell') == 2
    assert ".too-small-to-tell {" in text
    assert "To decide: robustlens run robust-erm --preset quick" in text
    folder = run_folder(drawn, tmp_path / "other", verdict="not reproduced", preset="tiny")
    assert "To decide:" not in page_of([folder], tmp_path)


def test_colours_of_the_page_are_those_of_the_pictures(tmp_path):
    text = page_of([], tmp_path)
    light, dark = text.split("@media (prefers-color-scheme: dark)")[:2]
    for part, theme in ((light, LIGHT), (dark, DARK)):
        for name, colour in (
            ("paper", theme.background),
            ("ink", theme.text),
            ("muted", theme.muted),
            ("line", theme.grid),
            ("accent", theme.good[0]),
            ("alarm", theme.bad[0]),
        ):
            assert f"--{name}: {colour};" in part


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"seconds": "long"}, "result.seconds is a str"),
        ({"numbers": {"a": {"value": 1}}}, "result.numbers.a has no low"),
        ({"figures": [{"name": "a", "caption": 3}]}, r"result.figures\[0\].caption is a int"),
        ({"figures": {}}, "result.figures is a dict"),
    ],
)
def test_faults_are_named(drawn, tmp_path, changes, fault):
    with pytest.raises(InputError, match=fault):
        Result.read(run_folder(drawn, tmp_path / "run", **changes))


def test_a_whole_result_is_read_as_it_is(drawn, tmp_path):
    assert Result.read(run_folder(drawn, tmp_path / "run")).as_dict() == a_result()


def test_missing_broken_and_foreign_pictures_are_refused(drawn, tmp_path):
    folder = run_folder(drawn, tmp_path / "run")
    (folder / "cells-dark.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="10 bytes that are no PNG"):
        page_of([folder], tmp_path)
    (folder / "cells-dark.png").unlink()
    with pytest.raises(InputError, match=r"cells-dark\.png: no such picture"):
        page_of([folder], tmp_path)
    other = run_folder(drawn, tmp_path / "other", figures=[{"name": "../run/cells", "caption": ""}])
    with pytest.raises(InputError, match="no such picture"):
        page_of([other], tmp_path)
    assert not (tmp_path / "page").exists()


def test_unknown_studies_and_verdicts_are_refused(drawn, tmp_path):
    folder = run_folder(drawn, tmp_path / "run", verdict="perhaps")
    with pytest.raises(UnknownName, match="verdict 'perhaps'"):
        page_of([folder], tmp_path)
    folder = run_folder(drawn, tmp_path / "other")
    with pytest.raises(UnknownName, match="study 'robust-erm'"):
        page_of([folder], tmp_path, {})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("robust accuracy", 0.6484, "64.8%"),
        ("Share of images", 1, "100.0%"),
        ("accuracies", 0, "0.0%"),
        ("accuracy ratio", 1.5, "1.50"),
        ("perturbation separate", 0.5, "0.500"),  # "rate" inside a word is no rate
        ("radius", 1.2345, "1.23"),
        ("radius", 150.2, "150"),
        ("images", 12345, "12,300"),
        ("change", 0.0000123, "1.23e-05"),
        ("change", -0.5, "-0.500"),
        ("change", 0, "0"),
    ],
)
def test_numbers_are_written_for_readers(name, value, expected):
    assert shown(name, value) == expected


def test_an_interval_is_per_cent_as_a_whole_or_not_at_all():
    assert interval("accuracy", 0.5, 0.25, 0.75, 9) == ("50.0%", "[25.0%, 75.0%]")
    assert interval("growth rate", 0.5, -0.25, 1.25, 9) == ("0.500", "[-0.250, 1.25]")
    assert interval("a closed form", 0.5, 0.5, 0.5, 0) == ("0.500", "exact")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(7.25, "7.2 s"), (59.99, "60.0 s"), (312.4, "5 min 12 s"), (7300, "2 h 1 min")],
)
def test_times_are_written_for_readers(seconds, expected):
    assert duration(seconds) == expected
