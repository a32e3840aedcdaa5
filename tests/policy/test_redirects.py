"""Where redirects lead, and what travels."""

from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st

from asyncfetch import RedirectRefused, Url
from asyncfetch._policy.redirects import STATUSES, Route

from ..thorough import times

START = "https://h.example/a/b?c=1"


def route(start=START, *, limit=20, insecure=False):
    return Route(Url(start), limit=limit, insecure=insecure)


def led(*locations, start=START, **more):
    way = route(start, **more)
    for location in locations:
        way.follow(302, [location])
    return way


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("https://h.example/x", "https://h.example/x"),
        ("/x", "https://h.example/x"),
        ("x", "https://h.example/a/x"),
        ("../x", "https://h.example/x"),
        ("?d=2", "https://h.example/a/b?d=2"),
        ("//cdn.example/x", "https://cdn.example/x"),
        ("https://h.example:443/x", "https://h.example:443/x"),
        ("/a b#part", "https://h.example/a%20b"),
        ("/\u00c3\u00bc", "https://h.example/%C3%BC"),  # raw UTF-8, as Latin-1 shows it
        ("/\u00fc", "https://h.example/%C3%BC"),  # Latin-1 that is no UTF-8
        ("https://someone:else@h.example/x", "https://h.example/x"),
    ],
)
def test_targets(location, target):
    assert led(location).url.reveal() == target


@pytest.mark.parametrize(
    "locations",
    [
        [],
        [""],
        ["/x", "/y"],
        ["https://"],
        ["https://[::1/x"],
        ["http:/\r\nX: 1"],
        ["/a\0"],
        ["https://h.example:99999/"],
    ],
)
def test_locations_that_lead_nowhere(locations):
    with pytest.raises(RedirectRefused):
        route().follow(302, locations)


def test_one_place_said_twice():
    way = route()
    way.follow(302, ["/x", "/x"])
    assert way.url == "https://h.example/x"


@pytest.mark.parametrize(
    "target", ["ftp://h.example/x", "file:///etc/passwd", "s3://bucket/x", "data:,x", "javascript:x()"]
)
@pytest.mark.parametrize("insecure", [False, True])
def test_other_schemes(target, insecure):
    with pytest.raises(RedirectRefused):
        led(target, insecure=insecure)


def test_from_https_to_http():
    with pytest.raises(RedirectRefused, match="with a digest"):
        led("http://h.example/x")
    way = led("http://h.example/x", insecure=True)
    assert way.downgraded
    assert way.strayed
    assert not led("https://h.example/x", start="http://h.example/", insecure=True).downgraded


def test_http_may_rise_to_https_and_may_not_fall_again():
    with pytest.raises(RedirectRefused):
        led("https://h.example/x", "http://h.example/y", start="http://h.example/")


def test_loops():
    with pytest.raises(RedirectRefused, match="leads back"):
        led("/a/b?c=1")
    with pytest.raises(RedirectRefused, match="leads back"):
        led("/x", "/y", "/x")
    with pytest.raises(RedirectRefused, match="leads back"):
        led("https://h.example:443/a/b?c=1")
    assert led("/x?1", "/x?2").url == "https://h.example/x?2"


def test_a_loop_to_the_start_with_its_password():
    with pytest.raises(RedirectRefused, match="leads back"):
        led("/x", "/", start="https://me:pw@h.example/")


def test_limit():
    assert len(led("/1", "/2", limit=2).chain) == 2
    with pytest.raises(RedirectRefused, match="more than 2 redirects") as caught:
        led("/1", "/2", "/3", limit=2)
    assert caught.value.chain == (START, "https://h.example/1")
    assert caught.value.url == "https://h.example/2"
    with pytest.raises(RedirectRefused):
        led("/1", limit=0)


def test_the_refusal_tells_its_story_without_secrets():
    way = route("https://me:pw@h.example/t/tk-secret/x")
    way.follow(301, ["https://cdn.example/x?X-Amz-Signature=secret"])
    with pytest.raises(RedirectRefused) as caught:
        way.follow(301, ["http://token:secret@cdn.example/y?sig=secret"])
    text = str(caught.value)
    assert "secret" not in text
    assert "pw" not in text
    assert "https://***@h.example/t/***/x" in text
    assert caught.value.status == 301


# -- what travels

HEADERS = [("Authorization", "x"), ("Cookie", "x"), ("PRIVATE-TOKEN", "x"), ("Accept", "x"), ("User-Agent", "x")]


def names(way):
    return [name for name, _ in way.travelling(HEADERS)]


def test_all_travels_within_the_origin():
    assert names(route()) == names(led("/x")) == names(led("https://H.example:443/x")) == [name for name, _ in HEADERS]


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://other.example/",
        "https://h.example.evil.test/",
        "https://sub.h.example/",
        "https://h.example:444/",
        "https://h.example@evil.test/",
        "https://h.example./",
    ],
)
def test_little_travels_elsewhere(elsewhere):
    assert names(led(elsewhere)) == ["Accept", "User-Agent"]
    assert led(elsewhere, start="https://me:pw@h.example/").userinfo_of is None


def test_what_stayed_behind_does_not_come_back():
    way = led("https://evil.test/", "https://h.example/admin", start="https://me:pw@h.example/")
    assert names(way) == ["Accept", "User-Agent"]
    assert way.userinfo_of is None


def test_userinfo_stays_within_the_origin():
    way = led("/x", start="https://me:pw@h.example/")
    assert way.userinfo_of.password == "pw"
    assert way.url.userinfo is None


HOSTS = st.sampled_from(["https://h.example", "https://H.EXAMPLE:443", "https://cdn.example", "http://h.example"])
PLACES = st.builds("{}{}".format, HOSTS, st.sampled_from(["/", "/a", "/b", "/a/b?c=1", "/%61"]))
ODD = st.sampled_from(["ftp://h.example/", "file:///x", "s3://b/k", "https://me:pw@h.example/z", "", "//", "?x", "\0"])
LOCATIONS = st.integers(0, 9).flatmap(lambda n: ODD if n == 0 else st.text(max_size=8) if n == 1 else PLACES)


def test_rules_hold_for_any_chain():
    seen = {"followed": 0, "refused": 0, "strayed": 0, "downgraded": 0, "returned": 0}

    @settings(max_examples=times(250, 2_500), derandomize=True)
    @given(st.lists(st.tuples(st.sampled_from(sorted(STATUSES)), LOCATIONS), min_size=2, max_size=6), st.booleans())
    def walk(steps, insecure):
        way = route("https://me:pw@h.example/start", limit=4, insecure=insecure)
        visited = [way.url]
        for status, location in steps:
            try:
                way.follow(status, [location])
            except RedirectRefused:
                seen["refused"] += 1
                assert way.url == visited[-1]
                break
            seen["followed"] += 1
            visited.append(way.url)
            assert way.chain == tuple(str(url) for url in visited[:-1])
        away = any(url.origin != visited[0].origin for url in visited)
        fell = any(a.scheme == "https" and b.scheme == "http" for a, b in pairwise(visited))
        seen["strayed"] += away
        seen["downgraded"] += fell
        seen["returned"] += away and visited[-1].origin == visited[0].origin
        assert {url.scheme for url in visited} <= {"http", "https"}
        assert way.downgraded == fell
        assert insecure or not fell
        assert way.strayed == away
        assert len(visited) <= 5
        assert len({(url.origin, url.target) for url in visited}) == len(visited)
        assert all(url.userinfo is None for url in visited[1:])
        assert (way.userinfo_of is None) == away
        assert ("Authorization" in names(way)) == (not away)

    walk()
    assert min(seen.values()) >= 5, seen


def test_a_location_without_end():
    """Every error and every result repeats the chain."""
    way = route()
    way.follow(302, ["/" + "x" * 8000])
    with pytest.raises(RedirectRefused, match="more than 16384 characters"):
        way.follow(302, ["/" + "y" * 20_000])
