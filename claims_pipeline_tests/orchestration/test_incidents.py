"""Incidents that begin, grow and end, without an instance."""

from datetime import date

from claims_pipeline.orchestration.incidents import Book

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
