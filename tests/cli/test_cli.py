"""The command line: what it prints where, its exit codes, and every bad input with its words."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from robustlens.cli import main
from robustlens.cli.app import COMMANDS, GROUPS
from robustlens.cli.command import device
from robustlens.errors import InputError
from robustlens.nets import SmallCNN
from robustlens.recipes import fit
from robustlens.studies import CLAIMS, STUDIES
from robustlens.studies.kit.presets import TINY_ROBUST

TRAIN = [
    *["train", "--images", "100", "--width", "4", "--epochs", "1"],
    *["--batch-size", "50", "--validation", "0.1"],
]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    fit(TINY_ROBUST, folder)
    return folder / TINY_ROBUST.name / "weights.safetensors"


def answer(capsys: pytest.CaptureFixture[str], *words: object) -> dict:
    """Run with --json and return the one object on standard output."""
    assert main([str(word) for word in words] + ["--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    return json.loads(out)


def refusal(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """Run what must fail as bad input; return standard error, its lines joined."""
    try:
        code = main([str(word) for word in words])
    except SystemExit as stop:  # refused while the flags were read
        code = stop.code
    assert code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    return " ".join(captured.err.split())


def helps() -> list[list[str]]:
    words = [[name] for name in COMMANDS] + [[g, name] for g in GROUPS for name in GROUPS[g]]
    return [[], *words, ["run", "robust-erm"]]


@pytest.mark.parametrize("words", helps(), ids=" ".join)
def test_every_command_has_help_with_an_example(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*words, "--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert "robustlens" in out
    assert len(words) != 1 or words[0] in GROUPS or "Example: robustlens" in out


def test_list_knows_all_claims(capsys: pytest.CaptureFixture[str]) -> None:
    rows = answer(capsys, "list")["claims"]
    assert [row["id"] for row in rows] == list(CLAIMS)
    assert {row["id"] for row in rows if row["runnable"]} == set(STUDIES)
    assert main(["list"]) == 0
    assert "* robust-erm" in capsys.readouterr().out


def test_run_prints_one_object_and_leaves_pictures(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["run", "perception-alignment", "--preset", "tiny", "--out", tmp_path, "--shown", "1"]
    got = answer(capsys, *words)
    assert set(got) >= {"study", "preset", "verdict", "seconds", "numbers", "provenance"}
    for number in got["numbers"].values():
        assert set(number) == {"value", "low", "high", "n", "published", "source"}
        assert number["low"] <= number["value"] <= number["high"]
    assert got["provenance"]["command"] == (
        "robustlens run perception-alignment --preset tiny --shown 1"
    )
    folder = tmp_path / "perception-alignment" / "tiny"
    assert json.loads((folder / "result.json").read_text()) == got
    assert {path.suffix for path in folder.iterdir()} == {".json", ".png"}


@pytest.mark.slow
def test_talk_reuses_what_was_run(capsys: pytest.CaptureFixture[str], talk: Path) -> None:
    again = answer(capsys, "talk", "--preset", "tiny", "--out", talk)
    assert [study["study"] for study in again["studies"]] == list(STUDIES)
    assert main(["talk", "--preset", "tiny", "--out", str(talk)]) == 0
    captured = capsys.readouterr()
    assert f"{len(STUDIES)} of {len(STUDIES)} studies are at hand" in captured.err
    assert "page:" in captured.out
    page = (talk / "talk" / "index.html").read_text()
    assert all(STUDIES[name].title in page for name in STUDIES)


def test_train_evaluate_models(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, weights: Path
) -> None:
    card = answer(capsys, *TRAIN, "--out", tmp_path)
    assert Path(card["weights"]).is_file()
    assert main([*TRAIN, "--out", str(tmp_path)]) == 0
    assert "--norm l2 --eps 1.5" in capsys.readouterr().out

    records = tmp_path / "records.jsonl"
    words = ["evaluate", "--weights", weights, "--data", "fashion", "--limit", 30, "--steps", 2]
    words += ["--restarts", 1, "--records", records]
    board = tmp_path / "board.json"
    linf = ["--eps", "8/255", "--norm", "linf", "--board", board]
    got = answer(capsys, *words, *linf)
    assert set(got["numbers"]) == {
        "clean accuracy", "accuracy under pgd linf eps 8/255, steps 2, restarts 1",
    }  # fmt: skip
    assert len(records.read_text().splitlines()) == 1 + 30
    assert json.loads(board.read_text())["eps"] == "8/255"
    whole = records.read_text()
    records.write_text("".join(whole.splitlines(keepends=True)[:12]))
    assert answer(capsys, *words, *linf, "--resume")["broken_by"] == got["broken_by"]
    assert records.read_text() == whole
    assert "its name differ" in refusal(capsys, *words, "--resume")
    assert main([str(word) for word in words]) == 0
    assert "95 % intervals" in capsys.readouterr().out
    assert records.with_suffix(".old").read_text() == whole

    rows = answer(capsys, "models", "list", "--folder", tmp_path)["models"]
    assert [row["path"] for row in rows] == [card["weights"]]
    assert main(["models", "list", "--folder", str(weights.parent.parent)]) == 0
    assert "PGD" in capsys.readouterr().out
    assert main(["models", "list", "--folder", str(tmp_path / "empty")]) == 0
    assert "no models" in capsys.readouterr().out
    shown = answer(capsys, "models", "show", weights)
    assert shown["recipe"]["loss"] == "adversarial"


def test_evaluate_a_model_that_someone_brings(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "their_pkg.py").write_text(
        "import torch\n"
        "def build():\n"
        "    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))\n"
        "def nothing():\n    return 3\n"
        "def raising():\n    raise RuntimeError('no weights here')\n"
        "class Deaf(torch.nn.Module):\n"
        "    def forward(self, x):\n        return x.detach().flatten(1)[:, :10]\n"
        "class Nan(torch.nn.Module):\n"
        "    def forward(self, x):\n        return x.flatten(1)[:, :10] / 0 - 1 / x.new_zeros(1)\n"
        "class Deep(torch.nn.Module):\n"
        "    def forward(self, x):\n        return x.flatten(1)[:, :10, None]\n"
        "class Masked(torch.nn.Module):\n"
        "    def forward(self, x):\n        return x.sign().flatten(1)[:, :10]\n"
        "class Dict(torch.nn.Module):\n"
        "    def forward(self, x):\n        return {'logits': x.flatten(1)[:, :10]}\n"
        "def three():\n"
        "    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 3))\n"
    )
    monkeypatch.chdir(tmp_path)
    words = ["evaluate", "--data", "fashion", "--limit", "20", "--model"]
    assert "unknown attack 'pdg'" in refusal(capsys, *words, "their_pkg:build", "--attack", "pdg")
    eight = refusal(capsys, *words, "their_pkg:build", "--norm", "linf", "--eps", "8")
    assert "did you mean 8/255?" in eight
    far = refusal(capsys, *words, "their_pkg:build", "--eps", "128")
    assert "black and white images are 28 apart" in far
    assert "not finite for 20 of 20" in refusal(capsys, *words, "their_pkg:Nan")
    assert "shape (8, 10, 1)" in refusal(capsys, *words, "their_pkg:Deep")
    words[1:1] = ["--steps", "1"]
    got = answer(capsys, *words, "their_pkg:build")
    assert got["numbers"]["clean accuracy"]["n"] == 20
    assert "gives something of type int" in refusal(capsys, *words, "their_pkg:nothing")
    assert "no weights here" in refusal(capsys, *words, "their_pkg:raising")
    assert "a model without a gradient" in refusal(capsys, *words, "their_pkg:Deaf")
    queries = ("--attack", "square", "--queries", "20", "--records", str(tmp_path / "deaf.jsonl"))
    assert main([*words[:1], *words[3:], "their_pkg:Deaf", *queries]) == 0
    assert main([*words, "their_pkg:Dict"]) == 0
    assert "its logits are taken" in capsys.readouterr().err
    assert "3 classes for data with 10" in refusal(capsys, *words, "their_pkg:three")
    assert main([*words, "their_pkg:Masked"]) == 0
    assert "gradient at the first images is zero" in capsys.readouterr().err
    assert "batch size 0" in refusal(capsys, *words, "their_pkg:build", "--batch-size", "0")
    assert "no_such_pkg" in refusal(capsys, *words, "no_such_pkg:build")
    assert "module:function" in refusal(capsys, *words, "their_pkg:absent")
    np.savez(tmp_path / "rgb.npz", x=np.zeros((20, 9, 9, 3), np.uint8), y=np.arange(20) % 2)
    misfit = refusal(capsys, "evaluate", "--data", "rgb.npz", "--model", "their_pkg:build")
    assert "the model fails on images of shape (3, 9, 9)" in misfit
    assert "neither --weights nor --model" in refusal(capsys, "evaluate", "--data", "fashion")


def test_data_commands(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    names = {row["name"] for row in answer(capsys, "data", "list")["data"]}
    assert {"fashion", "fashion-full", "cifar10", "catdog", "imagenette128"} <= names
    assert main(["data", "list"]) == 0
    assert "MIT" in capsys.readouterr().out
    sheet = tmp_path / "sheet.png"
    got = answer(capsys, "data", "show", "fashion", "--columns", "2", "--out", sheet)
    assert (got["images"], got["shape"], len(got["classes"])) == (10000, [1, 28, 28], 10)
    with Image.open(sheet) as image:
        assert image.size[0] > 100
    assert main(["data", "show", "fashion", "--out", str(sheet)]) == 0
    assert "digest" in capsys.readouterr().out
    assert "columns is 0" in refusal(capsys, "data", "show", "fashion", "--columns", "0")
    assert "cifar10" in refusal(capsys, "data", "get", "mnist")


def picture(path: Path, size: tuple[int, int] = (8, 8)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((*size, 3), np.uint8)).save(path)


def test_bad_data(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def says(path: Path) -> str:
        return refusal(capsys, *TRAIN, "--data", path, "--out", tmp_path / "models")

    assert "there is no" in says(tmp_path / "absent" / "folder")
    good = tmp_path / "good"
    for k in "ab":
        for i in range(4):
            picture(good / k / f"{i}.png")
    (good / "c").mkdir()
    assert "c holds no image" in says(good)
    picture(good / "c" / "0.png", (9, 8))
    message = says(good)
    assert "0.png" in message
    assert "size" in message
    (good / "c" / "0.png").write_bytes(b"\x89PNG not really")
    assert str(Path("c") / "0.png") in says(good)

    x, y = np.zeros((20, 8, 8), np.float32), np.arange(20) % 2
    for name, arrays, words in (
        ("labels", {"x": x, "y": y - 1}, "label"),
        ("fraction", {"x": x, "y": y + 0.5}, "expected integers"),
        ("nan", {"x": x * np.nan, "y": y}, "nan"),
        ("bytes", {"x": x + 200, "y": y}, "200"),
    ):
        np.savez(tmp_path / f"{name}.npz", **arrays)
        assert words in says(tmp_path / f"{name}.npz").lower()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["train", "--eps", "-1"], "eps is -1"),
        (["train", "--eps", "8/0"], "eps is '8/0'"),
        (["train", "--data", "fashoin"], "did you mean 'fashion'"),
        (
            ["train", "--net", "resnt"],
            "one of denoised, mlp, resnet, resnet-gelu, small, vgg, vgg-bn, vgg-gn, wide",
        ),
        (
            ["train", "--loss", "adv"],
            "one of adversarial, consistency, denoise, fgsm, macer, noise, smoothadv",
        ),
        (["train", "--norm", "l3"], "one of l1, l2, linf"),
        (["train", "--schedule", "step"], "one of cosine, one-cycle, piecewise"),
        (["train", "--device", "tpu9"], "device 'tpu9'"),
        (["run", "robust-emr"], "did you mean 'robust-erm'"),
        (["run", "interactive-class-manipulation"], "its study is not written yet"),
        (["run", "robust-erm", "--preset", "fast"], "one of full, quick, tiny"),
        (["run", "robust-erm", "--preset", "tiny", "--robust.eps", "x"], "eps is 'x'"),
        (["talk", "--preset", "fast"], "unknown preset 'fast'"),
        (["models", "show", "absent.safetensors"], "no file absent.safetensors"),
        (["evaluate", "--weights", "absent.safetensors", "--data", "fashion"], "no file"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)
def test_bad_words(capsys: pytest.CaptureFixture[str], words: list[str], expected: str) -> None:
    if words[0] == "train":
        words = [*TRAIN, *words[1:]]
    assert expected in refusal(capsys, *words)


def test_bad_files(capsys: pytest.CaptureFixture[str], tmp_path: Path, weights: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    unwritable = tmp_path / "file" / "models"
    assert "cannot write" in refusal(capsys, *TRAIN, "--out", unwritable)
    torch.save(SmallCNN().state_dict(), tmp_path / "w.pt")
    words = ["evaluate", "--data", "fashion", "--weights"]
    assert "is a pickle" in refusal(capsys, *words, tmp_path / "w.pt")
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(weights.read_bytes()[:-100])
    assert cut.name in refusal(capsys, *words, cut)
    (tmp_path / "wide_pkg.py").write_text(
        "from robustlens.nets import SmallCNN\ndef build():\n    return SmallCNN(width=9)\n"
    )
    sys.path.insert(0, str(tmp_path))
    message = refusal(capsys, *words, weights, "--model", "wide_pkg:build")
    sys.path.remove(str(tmp_path))
    assert "another architecture" in message


def test_a_full_disk_is_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, content: bytes) -> int:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "write_bytes", full)
    message = refusal(capsys, *TRAIN, "--out", tmp_path)
    assert "No space left on device" in message
    assert not list(tmp_path.rglob("*.safetensors"))


def test_divergence_is_a_failure_not_bad_input(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main([*TRAIN, "--lr", "1e30", "--epochs", "3", "--out", str(tmp_path)]) == 1
    assert "training diverged" in capsys.readouterr().err


def test_interruption_exits_with_130(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("robustlens.cli.studies.run", interrupt)
    assert main(["run", "robust-erm", "--preset", "tiny"]) == 130
    assert "continues from what is saved" in capsys.readouterr().err


def test_no_command_and_wrong_flags_exit_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["trian"], ["train", "--epoch", "3"], ["run"], ["run", "robust-erm", "--x"]):
        with pytest.raises(SystemExit) as stop:
            main(words)
        assert stop.value.code == 2
    assert capsys.readouterr().out == ""


def test_devices() -> None:
    assert device("cpu") == torch.device("cpu")
    assert device("auto").type in ("cpu", "cuda")
    with pytest.raises(InputError, match="auto, cpu or cuda"):
        device("abacus")


@pytest.mark.slow
def test_the_module_runs() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "robustlens", "list", "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert len(json.loads(done.stdout)["claims"]) == len(CLAIMS)


@pytest.mark.slow
def test_a_reader_who_has_seen_enough_is_no_error() -> None:
    words = [sys.executable, "-m", "robustlens", "list"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as done:
        assert done.stdout is not None
        assert done.stderr is not None
        done.stdout.close()
        said = done.stderr.read()
    assert (done.returncode, said) == (141, b"")
