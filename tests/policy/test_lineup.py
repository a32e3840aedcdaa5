"""The order in which wishes are carried out: nothing lost, nothing twice, a full host holds up no other."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, strategies as st

from asyncfetch._policy.lineup import Lineup


def carry_out(hosts: list[str], per_host: int, aside: int, ends: list[int]) -> Counter[str]:
    """Play a batch: begin what may begin, end a transfer chosen by ``ends`` when nothing may; check all the way."""
    seen: Counter[str] = Counter()
    lineup: Lineup[tuple[int, str]] = Lineup(per_host, aside)
    wishes = iter(enumerate(hosts))
    running: list[tuple[int, str]] = []
    begun: list[tuple[int, str]] = []
    chosen = iter(ends)
    exhausted = False
    while not exhausted or running or len(begun) < len(hosts):
        wish = lineup.take()
        if wish is not None:
            seen["from aside"] += 1
        while wish is None and not exhausted and not lineup.full:
            read = next(wishes, None)
            if read is None:
                exhausted = True
            elif lineup.admits(read[1]):
                wish = read
            else:
                lineup.set_aside(read[1], read)
                seen["set aside"] += 1
        if wish is None:
            if lineup.full:
                seen["full"] += 1
            ended = running.pop(next(chosen, 0) % len(running)) if running else None
            assert ended is not None or exhausted, "nothing runs, and nothing may begin"
            if ended is None:
                break
            lineup.end(ended[1])
            continue
        lineup.begin(wish[1])
        running.append(wish)
        begun.append(wish)
        assert Counter(host for _, host in running)[wish[1]] <= per_host
    assert sorted(begun) == list(enumerate(hosts))
    for host in set(hosts):
        numbers = [number for number, where in begun if where == host]
        assert numbers == sorted(numbers), "the wishes of one host keep their order"
    return seen


def test_everything_is_carried_out_once_and_no_host_has_too_many():
    total: Counter[str] = Counter()

    @given(
        st.lists(st.sampled_from("abcd"), max_size=60),
        st.integers(1, 3),
        st.integers(1, 8),
        st.lists(st.integers(0, 20), max_size=30),
    )
    def play(hosts: list[str], per_host: int, aside: int, ends: list[int]) -> None:
        total.update(carry_out(hosts, per_host, aside, ends))

    play()
    assert total["set aside"] > 100
    assert total["from aside"] > 100
    assert total["full"] > 20


def test_a_full_host_holds_up_no_other():
    lineup: Lineup[str] = Lineup(per_host=1, aside=4)
    lineup.begin("full")
    lineup.set_aside("full", "waits")
    assert lineup.take() is None
    assert lineup.admits("other")
    lineup.end("full")
    assert lineup.take() == "waits"
