import pytest

from mcaclip.errors import StudioError
from mcaclip.ui.state.limits import COMPUTATIONS, Allowance, Limits, network_of
from tests.helpers.clock import Clock


def test_a_client_gets_its_amount_within_the_seconds_and_again_later():
    clock, some = Clock(), Allowance(3, 10)
    limits = Limits(clock)
    assert [limits.take("192.0.2.1", some) for _ in range(4)] == [True, True, True, False]
    assert limits.take("192.0.2.2", some), "another client has its own"
    clock.now = 9.9
    assert not limits.take("192.0.2.1", some)
    clock.now = 10.0
    assert limits.take("192.0.2.1", some)


def test_amounts_add_up():
    limits, some = Limits(Clock()), Allowance(100, 10)
    assert limits.take("a", some, 60) and not limits.take("a", some, 60) and limits.take("a", some, 40)


def test_too_many_computations_are_refused_in_words():
    limits = Limits(Clock())
    for _ in range(COMPUTATIONS.amount):
        limits.compute("192.0.2.1")
    with pytest.raises(StudioError, match="Wait a little"):
        limits.compute("192.0.2.1")


def test_nothing_is_remembered_of_clients_who_left():
    clock = Clock()
    limits = Limits(clock)
    for number in range(100):
        limits.take(f"192.0.2.{number}", Allowance(3, 10))
    clock.now = 10
    limits.take("other", Allowance(3, 10))
    assert len(limits._used) == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
    ],
)
def test_a_client_is_what_one_provider_hands_out(one, other, same):
    assert (network_of(one) == network_of(other)) is same
