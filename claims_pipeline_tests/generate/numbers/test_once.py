"""Results that are computed once."""

from claims_pipeline.generate.numbers.once import forget_large, once


def test_large_results_are_made_again_after_they_are_forgotten_and_others_are_not() -> None:
    made: list[str] = []

    @once(is_large=True)
    def large(name: str) -> str:
        made.append(f"large {name}")
        return name

    @once()
    def small(name: str) -> str:
        made.append(f"small {name}")
        return name

    for _ in range(2):
        assert (large("a"), large("a"), small("a")) == ("a", "a", "a")
        forget_large()

    assert made == ["large a", "small a", "large a"]
