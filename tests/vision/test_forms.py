"""Forms: what can be asked of the tools, with help and in bounds; what is derived from them."""

import json
from dataclasses import fields

import pytest

from robustlens.cli.flags.make import TOOLS
from robustlens.errors import InputError, UnknownName
from robustlens.registry import run, tasks
from robustlens.streams import stream
from robustlens.vision import noise
from robustlens.vision.forms import FORMS, Form
from robustlens.vision.makers import MAKERS, make
from robustlens.vision.outcome import Given
from robustlens.vision.painter import Painter
from robustlens.vision.settings import Add, Entry, Generate, Inpaint, Settings, Translate, Upscale
from robustlens.zoo import pretrained


def test_a_form_has_a_maker_a_task_and_a_command() -> None:
    assert set(FORMS) == set(MAKERS) == set(TOOLS) - {"seeds"}
    assert set(FORMS) <= set(tasks())
    for form in FORMS.values():
        assert tasks()[form.id].config is form.settings
        flags = {one.name for one in fields(TOOLS[form.id])}
        assert {one.name for one in form.inputs} <= flags
        assert {one.name for one in form.fields()} <= flags


@pytest.mark.parametrize("form", FORMS.values(), ids=lambda form: form.id)
def test_every_field_says_what_it_is(form: Form) -> None:
    found = form.fields()
    assert {one.name for one in found} == {one.name for one in fields(form.settings)}
    assert all(one.help and one.kind for one in found)
    assert [one.name for one in found][-1] in ("rms", "seed")  # what is common comes last
    assert form.settings() is not None  # the defaults are in bounds
    page = json.loads(json.dumps(form.as_dict()))
    assert [row["name"] for row in page["fields"]] == [one.name for one in found]
    assert [row["name"] for row in page["inputs"]] == [one.name for one in form.inputs]
    assert form.example.startswith(f"make {form.id}")


def test_a_page_can_ask_for_what_a_command_can() -> None:
    page = FORMS["upscale"].as_dict()
    assert page["inputs"][0]["required"]
    factor = page["fields"][0]
    assert (factor["name"], factor["type"], factor["default"]) == ("factor", "float", 4.0)
    assert (factor["low"], factor["high"], factor["kind"]) == (1.01, 32, "number")
    assert page["fields"][1]["kind"] == "class"
    assert page["fields"][2]["type"] == "int | None"


def test_a_flag_is_that_of_its_own_field() -> None:
    flags = {form.id: [one.flag for one in form.fields()] for form in FORMS.values()}
    assert flags["translate"][0] == "to"
    assert flags["sketch"][0] == "class"
    assert flags["morph"][:2] == ["from", "to"]
    assert flags["sensitivity"][0] == "true"


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        (Generate, {"n": 0}, "n 0; expected at least 1 and at most 400"),
        (Generate, {"n": 401}, "n 401"),
        (Settings, {"steps": 0}, "steps 0"),
        (Settings, {"seed": -1}, "seed -1; expected at least 0"),
        (Inpaint, {"rms": 0.0}, "rms 0.0"),
        (Inpaint, {"rms": float("nan")}, "rms nan"),
        (Upscale, {"factor": 1.0}, "factor 1.0; expected at least 1.01"),
        (Add, {"levels": (0.5, float("inf"))}, "levels inf"),
    ],
)
def test_what_is_out_of_bounds_is_refused(kind: type, settings: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        kind(**settings)


def test_entries_of_one_help_text_and_another_flag_are_two() -> None:
    assert Entry("a class", flag="to") != Entry("a class", flag="class")
    assert Entry("a class", 0, 1) == Entry("a class", 0, 1)
    assert len({Entry("a", 0), Entry("a", 1), Entry("a", 1)}) == 2


def test_what_a_tool_does_not_take_is_refused() -> None:
    found = pretrained("fashion-l2-1.5")
    painter = Painter.of(found.model, found.card, "fashion-l2-1.5")
    x = noise(1, (1, 28, 28), generator=stream(0, "x"))
    with pytest.raises(UnknownName, match="one of add, feature"):
        make("melt", painter, Translate(), Given(x))
    with pytest.raises(InputError, match="Translate for inpaint; expected Inpaint"):
        make("inpaint", painter, Translate(), Given(x))
    with pytest.raises(InputError, match="translate without a image; expected image"):
        make("translate", painter, Translate(to="dress"), Given())
    with pytest.raises(InputError, match="translate with a second"):
        make("translate", painter, Translate(to="dress"), Given(x, x))
    with pytest.raises(InputError, match="no class; expected one of T-shirt/top, Trouser"):
        make("translate", painter, Translate(), Given(x))
    with pytest.raises(InputError, match="no seeds for fashion"):
        make("generate", painter, Generate(n=1), Given())


@pytest.mark.parametrize("name", sorted(FORMS))
def test_the_task_of_a_tool_shows_it_on_packaged_images(name: str, tmp_path: str) -> None:
    task = tasks()[name]
    result = run(task, "tiny", task.presets["tiny"], folder=tmp_path)
    assert result.verdict is None
    assert FORMS[name].title in result.summary
    (figure,) = result.figures
    assert figure.name == name
    assert "moved, mean of" in " ".join(result.numbers)
