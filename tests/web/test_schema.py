"""Whatever is sent by the description of the lab's requests: no 500, and nothing undocumented."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.specs.openapi.checks import (  # noqa: E402
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)


@pytest.fixture(scope="module")
def served(pair: Any, serve: Any) -> Iterator[Any]:
    from robustlens.web import lab_app

    with serve(lab_app({"toy": pair})) as address:
        yield address


def tried(case: Any, served: str) -> None:
    """Send a case, half of them to a desk that there is, and look at the answer."""
    parts = case.path_parameters or {}
    if len(str(parts.get("desk", ""))) % 2:
        answer = httpx.post(f"{served}/api/desks", json={"model": "toy"})
        case.path_parameters["desk"] = answer.json()["desk"]
    asked = case.body if isinstance(case.body, dict) else {}
    asked.pop("steps", None)  # how long, not what
    case.call_and_validate(
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ]
    )


@pytest.mark.slow
def test_no_500_and_nothing_undocumented(served: str) -> None:
    described = schemathesis.openapi.from_url(f"{served}/openapi.json")
    operations = [found.ok() for found in described.get_all_operations()]
    assert len(operations) >= 18
    quietly = settings(
        max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    for operation in operations:
        json = any("json" in body.media_type for body in operation.body)
        wrong = [schemathesis.GenerationMode.NEGATIVE] if json else []  # bytes are never wrong
        for mode in (schemathesis.GenerationMode.POSITIVE, *wrong):
            cases = operation.as_strategy(generation_mode=mode)

            @quietly
            @given(case=cases)
            def whatever(case: Any) -> None:
                tried(case, served)

            whatever()
