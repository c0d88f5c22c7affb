"""A measure and a dimension of one's own, as docs/dashboard.md says how: one entry each, and nothing else."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import claims_pipeline
from claims_pipeline.settings import Settings
from claims_pipeline_tests.dashboard.test_docs import DOCS

pytestmark = pytest.mark.heavy  # another Python

ASK = """
import json, sys
from pathlib import Path
from starlette.testclient import TestClient
from claims_pipeline.dashboard import create_app
from claims_pipeline.settings import Settings

client = TestClient(create_app(Settings(home=Path(sys.argv[1]), cache=Path(sys.argv[2]))), base_url="http://127.0.0.1")
print(json.dumps({path: client.get(path).text for path in sys.argv[3:]}))
"""


@pytest.fixture(scope="module")
def answers(example_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a copy of the package with the two examples of the docs answers, by address."""
    folder = tmp_path_factory.mktemp("declared")
    package = Path(shutil.copytree(Path(claims_pipeline.__file__).parent, folder / "claims_pipeline"))
    example = DOCS.partition("```python\nMeasure(")[2].partition("```")[0]
    measure, _, dimension = example.partition("\nDimension(")
    declare(package / "dashboard" / "measures.py", f"Measure({measure}")
    declare(package / "dashboard" / "dimensions.py", f"Dimension({dimension}")
    addresses = [
        "/",
        "/openapi.json",
        "/api/stats/by-billing-npi",
        "/api/stats/by-state?measure=charged_percent",
        "/api/stats?billing_npi=9000000001",
        "/api/stats?billing_npi=none-of-them",
        "/api/claims?billing_npi=none-of-them",
    ]
    home, cache = str(example_settings.home), str(example_settings.cache)
    asked = subprocess.run(
        [sys.executable, "-c", ASK, home, cache, *addresses], cwd=folder, check=True, capture_output=True, text=True
    )
    found: dict[str, str] = json.loads(asked.stdout)
    return found


def declare(module: Path, entry: str) -> None:
    """Add an entry to the declarations of a module, behind the last one."""
    source = module.read_text(encoding="utf-8")
    before, end, after = source.partition("\n        )\n    }\n)")
    assert end, f"{module.name} has another shape"
    module.write_text(f"{before}\n{entry.strip()},{end}{after}", encoding="utf-8")


def answer(answers: dict[str, str], path: str) -> Any:
    return json.loads(answers[path])


def test_the_breakdowns_have_them(answers: dict[str, str]) -> None:
    by_npi = answer(answers, "/api/stats/by-billing-npi")
    assert (by_npi["dimension"], by_npi["value_count"]) == ("billing_npi", 1)
    [row] = by_npi["items"]
    assert (row["figures"]["claim_count"], row["figures"]["charged_percent"]) == (5, 60.0)
    by_state = answer(answers, "/api/stats/by-state?measure=charged_percent")
    assert by_state["measure"] == "charged_percent"
    assert {one["value"]: one["figures"]["charged_percent"] for one in by_state["items"]} == {"CA": 100.0, "TX": 33.3}
    assert by_state["total"]["charged_percent"] == 60.0


def test_the_dimension_is_a_filter(answers: dict[str, str]) -> None:
    [row] = answer(answers, "/api/stats/by-billing-npi")["items"]
    assert row["value"] == "9000000001"
    assert answer(answers, "/api/stats?billing_npi=9000000001")["claim_count"] == 5
    assert answer(answers, "/api/stats?billing_npi=none-of-them")["claim_count"] == 0
    assert answer(answers, "/api/claims?billing_npi=none-of-them")["total"] == 0


def test_the_page_offers_them(answers: dict[str, str]) -> None:
    options = dict(re.findall(r'<option value="(\w+)"[^>]*>([^<]*)</option>', answers["/"]))
    assert options["charged_percent"] == "Charged claims"
    assert options["billing_npi"] == "Billing NPI"


def test_openapi_describes_them(answers: dict[str, str]) -> None:
    paths = answer(answers, "/openapi.json")["paths"]
    breakdown = paths["/api/stats/by-billing-npi"]["get"]
    assert breakdown["description"].startswith("National Provider Identifier of the billing provider.")
    parameters = {one["name"]: one["schema"] for one in breakdown["parameters"]}
    assert "charged_percent" in parameters["measure"]["enum"]
    assert "billing_npi" in parameters
    assert "billing_npi" in {one["name"] for one in paths["/api/claims"]["get"]["parameters"]}
