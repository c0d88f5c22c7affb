"""The page's scripts and styles: addresses that change with the content, and what a browser may keep."""

import re

import httpx
import pytest

from claims_pipeline.dashboard.assets import read_assets, with_addresses


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


def test_a_page_of_before_an_upgrade_gets_todays_files_and_does_not_keep_them(client: httpx.Client) -> None:
    answer = client.get("/assets/of-before/main.js")
    assert answer.content == read_assets()["main.js"]
    assert answer.headers["cache-control"] == "no-store"


def test_every_module_that_the_page_imports_is_fetched_at_once(client: httpx.Client) -> None:
    early = set(re.findall(r'modulepreload" href="/assets/\w+/([^"]+)"', client.get("/").text))
    imported, left = {"main.js"}, ["main.js"]
    while left:
        for name in re.findall(r'from "\./(\w+\.js)"', read_assets()[left.pop()].decode()):
            if name not in imported:
                imported.add(name)
                left.append(name)
    assert early == imported
