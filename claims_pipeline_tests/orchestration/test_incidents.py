"""Incidents that begin, grow and end, without an instance."""

import json
from datetime import date

from claims_pipeline.orchestration.incidents import Book, from_cursor

FIRST, SECOND = date(2025, 2, 3), date(2025, 2, 4)
NOT_LOADED = ("runs", "late")


def subjects(book: Book) -> list[str]:
    return [message.subject for message in book.unsent]


def test_an_incident_sends_one_alert_and_one_all_clear() -> None:
    book = Book()
    for _ in range(2):
        book.begin("codes", "codes are wrong", "2 codes", [FIRST, SECOND])
        book.report()
    book.end("codes", [FIRST])
    assert subjects(book) == ["codes are wrong"]
    book.end("codes", [SECOND])

    assert subjects(book) == ["codes are wrong", "over: codes are wrong"]


def test_one_more_message_names_all_days_that_became_worse_in_one_run() -> None:
    book = Book()
    book.begin("codes", "codes are wrong", "2 codes", [FIRST])
    book.begin("charges", "charges are odd", "3 charges", [SECOND])
    book.report()
    for _ in range(2):
        book.begin("runs", "the run failed", "no server", [FIRST, SECOND], news_unless=NOT_LOADED)
        book.report()

    assert subjects(book) == ["codes are wrong", "charges are odd", "also: the run failed"]
    assert "days: 2025-02-03, 2025-02-04\n" in book.unsent[2].text


def test_a_failed_run_of_a_late_day_is_no_news_and_neither_is_the_next_late_day() -> None:
    book = Book()
    book.begin("codes", "codes are wrong", "2 codes", [SECOND])
    for day in (FIRST, SECOND):
        book.begin("late", "not loaded", "07:00", [day], goes_on=True, news_unless=NOT_LOADED)
        book.report()
        book.begin("runs", "the run failed", "no server", [day], news_unless=NOT_LOADED)

    assert subjects(book) == ["codes are wrong", "not loaded"]


def test_a_late_day_of_an_earlier_version_is_part_of_the_incident_without_days() -> None:
    book = from_cursor('{"open": {"late": [{"subject": "not loaded", "text": "", "days": [], "since": "2025-02-04"}]}}')
    book.begin("late", "not loaded", "07:00", [SECOND], goes_on=True, news_unless=NOT_LOADED)
    book.report()
    assert subjects(book) == []
    book.end("late")

    assert subjects(book) == ["over: not loaded"]


def test_a_day_with_two_incidents_of_an_earlier_version_is_no_news_if_one_of_them_says_that_it_is_not_loaded() -> None:
    incident = {"subject": "failed", "text": "", "days": [str(FIRST)], "since": "2025-02-04"}
    book = from_cursor(json.dumps({"open": {"codes": [incident], "runs": [incident]}}))
    book.begin("runs", "the run failed", "no server", [FIRST], news_unless=NOT_LOADED)
    book.report()

    assert subjects(book) == []
