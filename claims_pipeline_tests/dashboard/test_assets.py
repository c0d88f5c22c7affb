"""The page's scripts and styles: addresses that change with the content, and what a browser may keep."""

import re
from pathlib import Path

import httpx
import pytest

from claims_pipeline.dashboard import assets as assets_module
from claims_pipeline.dashboard.assets import read_assets, with_addresses
from claims_pipeline.dashboard.bundle import bundle_name


@pytest.mark.parametrize("page", ["/", "/docs"])
def test_a_browser_keeps_the_files_of_a_page(client: httpx.Client, page: str) -> None:
    addresses = set(re.findall(r"/assets/[^\"]+", client.get(page).text))
    assert addresses
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert answer.headers["cache-control"] == "max-age=31536000, immutable"


def test_scripts_styles_and_pictures_say_what_they_are(client: httpx.Client) -> None:
    types = {
        name: client.get(f"/assets/x/{name}").headers["content-type"] for name in ("main.js", "style.css", "icon.svg")
    }
    assert [one.split(";")[0] for one in types.values()] == ["text/javascript", "text/css", "image/svg+xml"]


def test_a_file_that_changed_has_another_address() -> None:
    page, assets = '<script src="/assets/main.js">', read_assets()
    changed = assets | {"state.js": assets["state.js"] + b" "}
    assert with_addresses(page, assets) == with_addresses(page, dict(assets))
    assert with_addresses(page, assets) != with_addresses(page, changed)


def test_a_page_that_was_loaded_before_an_upgrade_gets_the_files_of_now_and_does_not_keep_them(
    client: httpx.Client,
) -> None:
    answer = client.get("/assets/earlier/main.js")
    assert answer.content == read_assets()["main.js"]
    assert answer.headers["cache-control"] == "no-store"


def test_the_script_of_the_charts_is_kept_only_under_the_version_that_it_has(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    [current] = set(re.findall(r"/assets/(\w+)/main", client.get("/").text))
    script = tmp_path / bundle_name()
    script.write_text("vega")
    monkeypatch.setattr(assets_module, "vega_bundle", lambda _: script)
    assert client.get(f"/assets/{current}/vega.js").headers["cache-control"] == "max-age=31536000, immutable"
    assert client.get("/assets/earlier/vega.js").headers["cache-control"] == "no-store"

    upgraded = script.rename(tmp_path / "vega-9.9.9.js")
    monkeypatch.setattr(assets_module, "vega_bundle", lambda _: upgraded)
    assert client.get(f"/assets/{current}/vega.js").headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", ["nope.js", "index.html"])
def test_what_is_no_asset_is_not_there_and_not_kept(client: httpx.Client, name: str) -> None:
    [current] = set(re.findall(r"/assets/(\w+)/main", client.get("/").text))
    answer = client.get(f"/assets/{current}/{name}")
    assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-cache")


def test_every_module_that_the_page_imports_is_fetched_at_once(client: httpx.Client) -> None:
    early = set(re.findall(r'modulepreload" href="/assets/\w+/([^"]+)"', client.get("/").text))
    imported, left = {"main.js"}, ["main.js"]
    while left:
        for name in re.findall(r'from "\./(\w+\.js)"', read_assets()[left.pop()].decode()):
            if name not in imported:
                imported.add(name)
                left.append(name)
    assert early == imported
