from __future__ import annotations

import pytest

from train.common.budget import Budget


class Clock:
    """Seconds that pass when told."""

    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def budget(clock):
    return Budget(10, {"first": 0.5, "second": 0.3, "last": 0.2}, clock)


def test_every_stage_gets_its_share_when_all_keep_to_it(budget, clock):
    for stage, minutes in (("first", 5), ("second", 3), ("last", 2)):
        assert budget.minutes(stage) == pytest.approx(minutes)
        clock.seconds += 60 * minutes


def test_the_time_of_an_early_stage_goes_to_the_later_ones(budget):
    assert budget.minutes("second") == pytest.approx(6)
    assert budget.minutes("last") == pytest.approx(10)


def test_a_stage_that_overran_takes_from_the_later_ones_and_never_below_nothing(budget, clock):
    clock.seconds += 60 * 8
    assert budget.minutes("second") == pytest.approx(2 * 0.6)
    clock.seconds += 60 * 5
    assert budget.minutes("last") == 0


def test_an_unknown_stage_is_refused(budget):
    with pytest.raises(ValueError, match="other"):
        budget.minutes("other")
