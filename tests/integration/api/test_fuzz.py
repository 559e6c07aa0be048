"""Every route of the OpenAPI document, called with what the document allows and what it does not."""

from __future__ import annotations

import uuid
from collections import Counter
from contextlib import suppress

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.integration.api.conftest import Api, Served

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
ENDLESS = {"/api/events"}


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_request_brings_a_fault_of_ours_or_an_answer_that_the_document_does_not_describe(
    ann: Api, served: Served, mode: GenerationMode
) -> None:
    schema = schemathesis.openapi.from_url(f"{served.base_url}/api/openapi.json")
    seen: Counter[int] = Counter()
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        if operation.path in ENDLESS:
            continue

        @settings(
            max_examples=12,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def fuzz(case: schemathesis.Case) -> None:
            headers = {"Authorization": f"Bearer {ann.key}", "Idempotency-Key": str(uuid.uuid4())}
            answer = case.call(headers=headers)
            seen[answer.status_code] += 1
            case.validate_response(answer, checks=CHECKS)

        # A route without parameters has nothing that could be wrong.
        with suppress(Unsatisfiable):
            fuzz()
    assert sum(seen.values()) > 200
    assert not [status for status in seen if status >= 500], seen
