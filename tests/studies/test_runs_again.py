"""A run folder is used again where its config is this one, also one of an older version."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from robustlens.provenance import provenance
from robustlens.registry import ran_with
from robustlens.result import Result
from robustlens.studies import STUDIES


def write(folder: Path, config: dict[str, Any]) -> None:
    where = provenance("robustlens run x", config, seed=0, seconds=1.0)
    Result("x", "tiny", None, "", {}, (), where).write(folder)


def known(folder: Path, config: Any) -> bool:
    return ran_with(Result.read(folder), config)


@pytest.mark.parametrize("study", STUDIES)
def test_the_config_of_a_run_is_known_again(study: str, tmp_path: Path) -> None:
    for config in STUDIES[study].presets.values():
        write(tmp_path, json.loads(json.dumps(asdict(config))))
        assert known(tmp_path, config)


def test_runs_from_before_a_field_was_are_used_again(tmp_path: Path) -> None:
    config = STUDIES["robust-erm"].presets["tiny"]
    said = asdict(config)
    usual = asdict(type(config)())
    key = next(key for key in said if said[key] == usual[key])
    write(tmp_path, {k: v for k, v in said.items() if k != key})
    assert known(tmp_path, config)
    differs = next(key for key in said if said[key] != usual[key])
    for changed in (
        {k: v for k, v in said.items() if k != differs},
        {**said, differs: usual[differs]},
        {**said, "of another version": 1},
        {**said, differs: "a word"},
    ):
        write(tmp_path, changed)
        assert not known(tmp_path, config)
