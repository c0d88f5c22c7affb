"""Every route of the OpenAPI description, asked with values of all kinds, never fails with a server error."""

import re
from typing import Any
from urllib.parse import quote

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

VALUES = st.one_of(
    st.text("aZ09é 中-,.%?;:'\"\n", max_size=12),
    st.sampled_from(
        ["", "0", "-1", "1e9", "2025-01-10", "2025-02-30", "9999-12-31", "0001-01-01", "active", "'", "?", "%", "TX",
         "year", "service", "claims", "charge_pmpm", "-received_date", "end", "a, b", "patient-000001"]
    ),
)  # fmt: skip


def _operations(client: httpx.Client) -> list[tuple[str, list[str]]]:
    """Return the address of each route and the names of its parameters."""
    paths: dict[str, Any] = client.get("/openapi.json").json()["paths"]
    return [
        (path, [one["name"] for one in operation["get"].get("parameters", []) if one["in"] == "query"])
        for path, operation in paths.items()
    ]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_question_is_answered_with_a_server_error(client: httpx.Client, data: st.DataObject) -> None:
    path, names = data.draw(st.sampled_from(_operations(client)))
    chosen = data.draw(st.lists(st.sampled_from(names), max_size=4)) if names else []
    query = [(name, data.draw(VALUES)) for name in chosen]
    path = re.sub(r"{\w+}", lambda _: quote(data.draw(VALUES) or "x", safe=""), path)
    answer = client.get(path, params=tuple(query))
    assert answer.status_code < 500, (path, query, answer.text)
    if answer.status_code >= 400:
        assert set(answer.json()) == {"message", "where", "fix", "parameters"}
