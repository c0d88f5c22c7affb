"""What has to stay visible where the system chooses the colours (forced colors, as in Windows' high contrast)."""

from base64 import b64encode

import pytest
from playwright.sync_api import Locator, Page, expect

from claims_pipeline_tests.dashboard.pages import expect_claims, expect_ready, needs_chromium

pytestmark = needs_chromium

STYLE = "(element, [pseudo, name]) => getComputedStyle(element, pseudo)[name]"
CANVAS = """
() => {
  const probe = document.createElement("p");
  probe.style.background = "Canvas";
  document.body.append(probe);
  const color = getComputedStyle(probe).backgroundColor;
  probe.remove();
  return color;
}
"""
INK = """
async ([picture, paper]) => {
  const image = new Image();
  image.src = picture;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  let count = 0;
  for (let at = 0; at < data.length; at += 4) {
    if (`rgb(${data[at]}, ${data[at + 1]}, ${data[at + 2]})` !== paper) count += 1;
  }
  return count / (data.length / 4);
}
"""


@pytest.fixture
def forced(page: Page) -> Page:
    page.emulate_media(forced_colors="active", reduced_motion="reduce")
    return page


def style(place: Locator, name: str, pseudo: str = "") -> str:
    """Return a property of a place as the browser draws it."""
    return str(place.evaluate(STYLE, [pseudo or None, name]))


def paper(page: Page) -> str:
    """Return the colour that the system chose for the background."""
    return str(page.evaluate(CANVAS))


def ink(place: Locator) -> float:
    """Return the share of a place's pixels that have another colour than the page."""
    picture = f"data:image/png;base64,{b64encode(place.screenshot()).decode()}"
    return float(place.page.evaluate(INK, [picture, paper(place.page)]))


def test_the_bars_of_a_ranking_are_seen(forced: Page) -> None:
    forced.goto("/?tab=drivers")
    expect_ready(forced)

    assert ink(forced.locator("#bars .measure").first) > 0.8  # the largest fills its place


def test_the_charts_are_seen(forced: Page) -> None:
    forced.goto("/")
    expect_ready(forced)
    marks = forced.locator("#charts .plot svg")

    expect(marks).to_have_count(6)
    assert all(ink(one) > 0.02 for one in marks.all())  # axes and marks; nothing else is on white


def test_a_state_and_a_status_have_their_dots(forced: Page) -> None:
    forced.goto("/?tab=quality")
    expect_ready(forced)
    assert style(forced.locator("#steps .state").first, "backgroundColor", "::before") != paper(forced)

    forced.goto("/?tab=claims")
    expect_claims(forced, 5)
    dots = {style(one, "backgroundColor", "::before") for one in forced.locator("#claims tbody .status").all()}
    assert paper(forced) not in dots
    assert len(dots) == 3  # one for each status


def test_the_tab_that_is_shown_is_marked(forced: Page) -> None:
    forced.goto("/?tab=members")
    expect_ready(forced)
    mark = style(forced.locator("#tabs a[aria-current]"), "borderBottomColor")
    others = {style(one, "borderBottomColor") for one in forced.locator("#tabs a:not([aria-current])").all()}

    assert mark != paper(forced)
    assert others == {paper(forced)}


def test_what_leads_somewhere_is_underlined_and_the_focus_is_seen(forced: Page) -> None:
    forced.goto("/?tab=providers")
    expect_ready(forced)
    name = forced.locator("#by-provider").get_by_role("button", name="Dora Diaz")
    assert style(name, "textDecorationLine") == "underline"

    forced.keyboard.press("Tab")
    name.focus()
    assert style(name, "outlineStyle") != "none"
    assert style(name, "outlineColor") != paper(forced)
