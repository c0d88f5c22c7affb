"""Laboratory and imaging claims that follow a visit."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pytest

from claims_pipeline.generate.numbers.days import day_number, weekday_of
from claims_pipeline.generate.numbers.draws import NO_COUNTER, Bits, Integers
from claims_pipeline.generate.schedule.following import LONGEST_WAIT, follow
from claims_pipeline.generate.schedule.receipts import ReceiptDays
from claims_pipeline.generate.schedule.slots import Slots
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

FEED = Feed(seed=5, patients=3_000, claims=40_000, start_date=date(2025, 1, 1), end_date=date(2025, 4, 10))
STORIES = read_table("stories")


@dataclass(frozen=True)
class Followed:
    """Slots, and the story and episode of the visit that each follows."""

    slots: Slots
    received: Integers
    source_story: Integers
    source_episode: Bits


@pytest.fixture(scope="module")
def drawn() -> Followed:
    receipts = ReceiptDays(FEED, day_number(FEED.start_date), day_number(FEED.end_date))
    row = np.arange(receipts.counts.sum())
    received, _ = receipts.claims_at(row)
    slots = receipts.slots(row)
    followed = follow(receipts, slots, row)
    is_drawn = receipts.replaces == NO_COUNTER
    return Followed(slots.at(is_drawn), received[is_drawn], *(values[is_drawn] for values in followed))


def test_claims_follow_visits_in_the_share_of_their_story_and_of_their_sources(drawn: Followed) -> None:
    followed = drawn.source_story >= 0
    for number, story in enumerate(STORIES.iter_rows(named=True)):
        mine = drawn.slots.story == number
        sources = (story["sources"] or "").split()
        if not sources:
            assert not followed[mine].any()
            continue
        assert set(STORIES["story"].gather(drawn.source_story[mine & followed])) == set(sources)
        # three claims of the day are tried, which may be replacements; where none fits, the claim stands alone
        is_source = STORIES["story"].is_in(sources).to_numpy()[drawn.slots.story]
        fitting = is_source.sum() / FEED.claims
        expected = story["follows"] * (1 - (1 - fitting) ** 3)
        deviation = (expected * (1 - expected) / mine.sum()) ** 0.5
        assert followed[mine].mean() == pytest.approx(expected, abs=0.03 + 4 * deviation)


def test_a_claim_that_follows_a_visit_has_its_patient_and_is_on_its_day_or_soon_after(drawn: Followed) -> None:
    episodes = {
        (received, episode): (person, service)
        for received, episode, person, service in zip(
            drawn.received, drawn.slots.episode, drawn.slots.person, drawn.slots.service, strict=True
        )
    }
    waits = []
    for row in np.flatnonzero(drawn.source_story >= 0):
        person, service = episodes[drawn.received[row], drawn.source_episode[row]]
        assert drawn.slots.person[row] == person
        waits.append(drawn.slots.service[row] - service)
        assert drawn.slots.service[row] <= drawn.received[row]

    assert set(waits) == set(range(LONGEST_WAIT))
    assert np.mean(np.array(waits) == 0) > 0.5


def test_a_study_that_waits_is_not_on_a_weekend(drawn: Followed) -> None:
    followed = drawn.source_story >= 0
    services = {
        (received, episode): service
        for received, episode, service in zip(drawn.received, drawn.slots.episode, drawn.slots.service, strict=True)
    }
    for row in np.flatnonzero(followed):
        if drawn.slots.service[row] != services[drawn.received[row], drawn.source_episode[row]]:
            assert weekday_of(drawn.slots.service[row : row + 1])[0] < 5


def test_a_claim_that_follows_no_visit_is_marked_so(drawn: Followed) -> None:
    alone = drawn.source_story < 0
    assert set(drawn.source_story[alone]) == {-1}
    assert set(drawn.source_episode[alone]) == {0}
