from pathlib import Path

import pytest

from claims_pipeline.dashboard.bundle import vega_bundle
from claims_pipeline.errors import ServiceError


@pytest.mark.heavy
def test_the_script_is_made_once_and_holds_what_the_page_calls(cache: Path) -> None:
    file = vega_bundle(cache)
    assert "window.vegaEmbed" in file.read_text(encoding="utf-8")
    made_at = file.stat().st_mtime_ns
    assert vega_bundle(cache) == file
    assert file.stat().st_mtime_ns == made_at


@pytest.mark.heavy
def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    with pytest.raises(ServiceError, match="could not be made") as caught:
        vega_bundle(tmp_path / "cache")
    assert "CLAIMS_CACHE" in caught.value.fix
