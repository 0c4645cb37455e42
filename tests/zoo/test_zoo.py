"""Shipped models: loaded by name, refused when they are not what was shipped, measured again."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import robustlens as rl
from robustlens.cli import main
from robustlens.data import load
from robustlens.errors import InputError, UnknownName
from robustlens.evaluation import Rate
from robustlens.nets import checkpoints
from robustlens.recipes import fit
from robustlens.studies.kit.presets import TINY, TINY_ROBUST
from robustlens.zoo import (
    Outcome,
    Trial,
    entries,
    entry,
    get,
    located,
    measure,
    pretrained,
    ship,
    table,
    trials,
    verify,
)
from robustlens.zoo.seeds import SEEDS
from serving import Server, serving

NAMES = sorted(entries())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two tiny models and their cards: "first" whole, "second" in shards."""
    folder = tmp_path_factory.mktemp("zoo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "SHIPPED", folder)
        patch.setattr("robustlens.attacks.ensemble.VERSIONS", {"standard": _short})
        for name, recipe in (("first", TINY_ROBUST), ("second", replace(TINY, size=14))):
            patch.setattr(checkpoints, "SHARD_BYTES", {"first": 10**6, "second": 2000}[name])
            fit(recipe, folder / "models")
            source = folder / "models" / recipe.name / "weights.safetensors"
            ship(source, name, folder, pgd=40, autoattack=10, records=folder, say=lambda _: None)
    return folder


def _short(ball: Any, classes: int) -> Any:
    return (rl.bind(rl.apgd, ball, steps=3),)


@pytest.fixture
def zoo(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The two models in a checkout's folder of weights, and a machine with an empty cache."""
    cards, weights = tmp_path / "cards", tmp_path / "weights"
    cards.mkdir()
    weights.mkdir()
    for path in made.iterdir():
        if path.suffix in (".json", ".safetensors"):
            here = weights if ".safetensors" in path.name else cards
            (here / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(table, "SHIPPED", cards)
    monkeypatch.setattr(table, "WEIGHTS", weights)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("ROBUSTLENS_MODELS_URL", raising=False)
    return weights


@pytest.fixture
def server(zoo: Path) -> Iterator[Server]:
    """The files of both models on a server, and no longer here."""
    contents = {path.name: path.read_bytes() for path in zoo.iterdir()}
    for path in zoo.iterdir():
        path.unlink()
    with serving(contents) as server:
        yield server


def said(capsys: pytest.CaptureFixture[str], code: int, *words: object) -> str:
    assert main([str(word) for word in words]) == code
    captured = capsys.readouterr()
    return " ".join((captured.out + captured.err).split())


def test_a_shipped_model_loads_by_name_with_its_card(zoo: Path) -> None:
    model, card = pretrained("first")
    assert not model.training
    assert card["recipe"]["loss"] == "adversarial"
    assert card["training"]["command"].startswith("robustlens train --images 400")
    assert card["licence"].startswith("weights: MIT")
    clean, pgd, ensemble = card["evaluation"]["numbers"]
    assert (clean["attack"], clean["n"]) == ("none", 2000)
    assert (pgd["norm"], pgd["eps"], pgd["settings"]["steps"], pgd["n"]) == ("l2", "1.5", 20, 40)
    assert (ensemble["attack"], ensemble["settings"]) == ("autoattack", {"version": "standard"})
    assert ensemble["low"] <= ensemble["value"] <= ensemble["high"]
    half, _ = checkpoints.read(zoo / "first.safetensors")
    assert {t.dtype for t in half.values() if t.is_floating_point()} == {torch.float16}
    assert len(entry("second").files) > 2
    assert pretrained("second").model(torch.zeros(1, 1, 28, 28)).shape == (1, 10)
    with pytest.raises(UnknownName, match=r"unknown model 'fist'; .*did you mean 'first'"):
        pretrained("fist")


def test_a_card_alone_is_measured_anew_and_the_weights_stay(zoo: Path, tmp_path: Path) -> None:
    before = (zoo / "first.safetensors").read_bytes()
    ship(zoo / "first.safetensors", "first", zoo, pgd=10, autoattack=1, records=tmp_path)
    assert (zoo / "first.safetensors").read_bytes() == before
    assert entry("first").card["evaluation"]["numbers"][1]["n"] == 10
    bare = tmp_path / "bare.safetensors"
    checkpoints.write_tensors(bare, checkpoints.read(zoo / "first.safetensors")[0], {})
    with pytest.raises(InputError, match="has no card"):
        ship(bare, "bare", zoo)


def damaged(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def swapped(path: Path) -> None:
    path.write_bytes(next(path.parent.glob("second-00001-*")).read_bytes())


def pickled(path: Path) -> None:
    torch.save({"w": torch.zeros(3)}, path)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (damaged, r"first.safetensors is damaged or was changed: SHA-256 [0-9a-f]{64}; expected"),
        (cut, r"first.safetensors is truncated: \d+ bytes; expected \d+ bytes"),
        (swapped, r"first.safetensors holds the weights of second; expected those of first"),
        (pickled, r"first.safetensors is a pickle"),
    ],
)
def test_what_was_not_shipped_is_refused_by_name(
    zoo: Path, capsys: pytest.CaptureFixture[str], harm: Any, words: str
) -> None:
    harm(zoo / "first.safetensors")
    for attempt in (pretrained, lambda name: get(entry(name))):
        with pytest.raises(InputError, match=words):
            attempt("first")
    verdict = verify(entry("first"))
    assert verdict.outcome is Outcome.REFUSED
    assert "first.safetensors" in verdict.reason
    evaluate = ("evaluate", "--data", "fashion", "--weights", "first")
    assert "first.safetensors" in said(capsys, 2, *evaluate)
    assert "1 refused" in said(capsys, 1, "models", "verify", "first")


def test_a_missing_shard_is_named(zoo: Path) -> None:
    missing = next(zoo.glob("second-00002-*"))
    missing.unlink()
    with pytest.raises(InputError, match=f"no file .*{missing.name}"):
        located(entry("second"))


def test_damaged_cards_are_refused(zoo: Path) -> None:
    (table.SHIPPED / "third.json").write_text("{}")
    with pytest.raises(InputError, match=r"the card .*third.json is damaged"):
        entries()


def test_verify_measures_again(zoo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verdict = verify(entry("first"))
    assert verdict.outcome is Outcome.AGREES
    assert [m.rate.value for m, _ in verdict.numbers] == [now.value for _, now in verdict.numbers]
    assert [m.trial.attack for m, _ in verdict.numbers] == ["none", "pgd"]
    assert "first agrees clean" in said(capsys, 0, "models", "verify", "--limit", "50")

    path = table.SHIPPED / "first.json"
    card = json.loads(path.read_text())
    card["evaluation"]["numbers"][0].update(Rate.share(1998, 2000)._asdict())
    path.write_text(json.dumps(card))
    words = said(capsys, 1, "models", "verify", "first", "second", "--limit", "50")
    assert "first differs clean 99.9%" in words
    assert "first: clean is" in words
    assert "1 agrees, 1 differs" in words
    assert main(["models", "verify", "first", "--limit", "50", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["differs"], told["models"][0]["numbers"][0]["now"]["n"]) == (1, 50)


def test_verify_skips_what_is_not_here(zoo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = table.SHIPPED / "first.json"
    card = json.loads(path.read_text())
    for change, reason in (
        ({"data": "elsewhere.npz"}, "the files are right; but there is no elsewhere.npz"),
        ({"digest": "0"}, "the images of fashion are not those of the card"),
    ):
        path.write_text(json.dumps({**card, "evaluation": {**card["evaluation"], **change}}))
        verdict = verify(entry("first"))
        assert verdict.outcome is Outcome.SKIPPED
        assert reason in verdict.reason
    (zoo / "first.safetensors").unlink()
    words = said(capsys, 0, "models", "verify", "first")
    assert "1 skipped" in words
    assert "the weights of first are not on this machine" in words


def test_a_download_that_breaks_off_resumes(
    server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("models", "get", "first", "--url")
    assert "broke off" in said(capsys, 2, *words, server.at("broken"))
    kept = next((table.WEIGHTS.parent / "cache").rglob("first.safetensors.part"))
    have = kept.stat().st_size
    assert 0 < have < entry("first").files[0].bytes
    assert "first is at" in said(capsys, 0, *words, server.at("range/"))
    assert server.asked[-1] == ("/range/first.safetensors", have)
    asked = len(server.asked)
    assert "first is at" in said(capsys, 0, *words, server.at("range"))
    assert len(server.asked) == asked
    damaged(get(entry("first")))
    with pytest.raises(InputError, match="is damaged or was changed"):
        pretrained("first")
    monkeypatch.setenv("ROBUSTLENS_MODELS_URL", server.at("plain"))
    for name in ("first", "second"):
        get(entry(name))
        assert pretrained(name).card["name"] == name


def test_an_offline_machine_is_told_what_to_place_where(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    file = entry("first").files[0]
    for words in (
        ("models", "get", "first"),
        ("evaluate", "--data", "fashion", "--model", "first"),
    ):
        told = said(capsys, 2, *words)
        assert f"first.safetensors (SHA-256 {file.sha256}) in {table.SHIPPED} or" in told
        assert "ROBUSTLENS_MODELS_URL" in told
    told = said(capsys, 2, "models", "get", "first", "--url", "http://127.0.0.1:9")
    assert f"place first.safetensors (SHA-256 {file.sha256}) in" in told


def test_a_server_with_other_bytes_is_refused(server: Server) -> None:
    server.contents = {"first.safetensors": b"something else"}
    with pytest.raises(InputError, match=r"first.safetensors has SHA-256 .*deleted"):
        get(entry("first"), server.at("range"))


def test_names_are_accepted_where_models_are(
    zoo: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    base = ("evaluate", "--data", "fashion", "--limit", 20, "--steps", 1, "--restarts", 1)
    base = (*base, "--records", tmp_path / "r.jsonl")
    answers, reused = zip(*(
        said(capsys, 0, *base, *words).split(" s ", 1)[1].partition("robustlens: ")[::2]
        for words in (("--weights", "first"), ("--model", "first"),
                      ("--weights", zoo / "first.safetensors"))
    ), strict=True)  # fmt: skip
    assert len({answer.strip() for answer in answers}) == 1
    assert ["20 of 20 rows reused" in words for words in reused] == [False, True, True]
    for flag in ("--weights", "--model"):
        words = said(capsys, 2, *base, flag, "frist")
        assert "unknown model" in words
        assert "did you mean 'first'" in words


def test_list_and_show(zoo: Path, made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    next(zoo.glob("second*.index.json")).unlink()
    for shard in zoo.glob("second-*"):
        shard.unlink()
    words = said(capsys, 0, "models", "list", "--folder", made / "models")
    assert words.index("first l2 1.5") < words.index("weights/ second")
    assert "not here" in words
    assert words.index("trained into") < words.index("weights.safetensors clean accuracy")
    assert main(["models", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["shipped"]
    assert [(row["name"], row["folder"]) for row in rows] == [("first", str(zoo)), ("second", None)]
    assert json.loads(said(capsys, 0, "models", "show", "first", "--json"))["name"] == "first"
    words = said(capsys, 0, "models", "show", "first")
    clean, pgd, _ = entry("first").card["evaluation"]["numbers"]
    assert words.startswith("first net small, width 4, for images of 1 x 28 x 28 classes T-shirt")
    assert "trained by robustlens train --images 400" in words
    assert f"clean {clean['value']:.1%} [{clean['low']:.1%}, " in words
    assert f"PGD-20 l2 1.5 {pgd['value']:.1%}" in words
    assert entry("first").files[0].sha256 in words
    assert "fashion at 14 pixels" in said(capsys, 0, "models", "show", "second")
    source = next((made / "models").glob("*adversarial*/weights.safetensors"))
    trained = said(capsys, 0, "models", "show", source)
    assert "test images" not in trained
    assert "PGD accuracy" in trained
    checkpoints.write_tensors(zoo / "bare.safetensors", {"w": torch.zeros(1)}, {"about": "this"})
    assert said(capsys, 0, "models", "show", zoo / "bare.safetensors").endswith("bare.safetensors")


def test_noise_is_a_trial_of_its_own() -> None:
    *_, shaken = trials("l2", "0.5", total=200, pgd=10, ensemble=10, sigma=0.5)
    data, model = load("fashion", "test"), pretrained("fashion-standard").model
    calm, noisy = (Trial(n=200).on(model, data).rate, shaken.on(model, data).rate)
    assert noisy.high < calm.low
    assert shaken.on(model, data).rate == noisy
    assert shaken.short == "noise 0.5"
    assert replace(shaken, settings={"sigma": 0.0}).on(model, data).rate == calm


def test_seconds_are_of_all_turns_on_the_same_records(tmp_path: Path) -> None:
    data, model = load("fashion", "test"), pretrained("fashion-standard").model
    clean, pgd, _ = trials("l2", "0.5", total=50, pgd=50, ensemble=1)
    save, kept = tmp_path / "pgd.jsonl", tmp_path / "pgd.seconds"
    first = measure(pgd, model, data, save)
    again = measure(pgd, model, data, save)
    assert again.rate == first.rate
    assert again.seconds > first.seconds
    save.unlink()
    kept.write_text("1000.0")
    assert measure(pgd, model, data, save).seconds < 1000
    measure(clean, model, data, tmp_path / "clean.jsonl")
    assert {path.name for path in tmp_path.iterdir()} == {save.name, kept.name}


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_card_is_whole(name: str) -> None:
    card = entry(name).card
    assert set(card) >= {"recipe", "training", "licence", "files", "evaluation", "validation"}
    assert set(card["training"]) >= {"command", "device", "seconds", "data", "commit"}
    last = ["noise"] if card["recipe"]["loss"] == "noise" else []
    found = [row["attack"] for row in card["evaluation"]["numbers"]]
    assert found == ["none", "pgd", "autoattack", *last]
    assert all(file.bytes < 16 * 2**20 for file in entry(name).files)


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_file_is_what_the_table_says(name: str) -> None:
    model, card = pretrained(name)
    architecture = card["architecture"]
    shape = (2, architecture["channels"], architecture["size"], architecture["size"])
    assert model(torch.rand(shape)).shape == (2, len(card["classes"]))


def test_what_is_shipped_is_small_and_nothing_else_is() -> None:
    files = {file.name for item in entries().values() for file in item.files}
    files |= {file.name for file in SEEDS.values()}
    for folder, most in ((table.SHIPPED, 3), (table.WEIGHTS, 150)):
        there = [path for path in folder.iterdir() if ".safetensors" in path.name]
        assert {path.name for path in there} <= files
        assert sum(path.stat().st_size for path in there) < most * 2**20


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_shipped_models_agree_with_their_cards(name: str, big: Path) -> None:
    verdict = verify(entry(name), limit=300)
    assert verdict.outcome is Outcome.AGREES, verdict.reason
