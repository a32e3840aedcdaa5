"""What must hold of redirects: nothing follows that would take a secret, or the guarantee of TLS, from the user."""

from collections import Counter
from itertools import pairwise

import hypothesis
from hypothesis import strategies as st

from asyncfetch import RedirectRefused, Url

_PLACES = [
    "https://h.example/a", "https://h.example/b", "https://h.example:444/a", "http://h.example/a", "https://other.example/a",
    "//h.example/c", "/d", "e?q", "https://thief:x@h.example/f", "ftp://h.example/a", "file:///etc/passwd", "s3://b/k",
    "http://", "", "https://h.example/a\r\nx", "https://[::1",
]  # fmt: skip
_SECRET = [("Authorization", "s3cr3t"), ("Cookie", "s3cr3t"), ("X-Api-Key", "s3cr3t"), ("PRIVATE-TOKEN", "s3cr3t")]
_HEADERS = [*_SECRET, ("Accept", "x"), ("USER-AGENT", "x")]


def check(module, *, examples=300, phases=tuple(hypothesis.Phase)):
    """Follow ways through good and bad places, and look what travels."""
    seen = Counter()

    @hypothesis.settings(max_examples=examples, phases=phases)
    @hypothesis.given(
        st.sampled_from(["https://me:s3cr3t@h.example/a", "http://h.example/a", "https://h.example/0"]),
        st.lists(st.sampled_from(_PLACES), min_size=1, max_size=6),
        st.integers(0, 4),
        st.booleans(),
    )
    def follow(start, places, limit, insecure):
        route = module.Route(Url(start), limit=limit, insecure=insecure)
        _check_way(route, [route.url], places, limit, insecure, seen)

    follow()
    return seen


def _check_way(route, way, places, limit, insecure, seen):
    for place in places:
        here = route.url
        try:
            route.follow(302, [place])
            refusal = None
        except RedirectRefused as error:
            refusal = error
        if refusal is not None:
            seen["refused"] += 1
            assert route.url is here
            assert refusal.chain == tuple(str(url) for url in way[:-1]) == route.chain
            assert "s3cr3t" not in str(refusal)
            assert not _is_plain(here, place, way, limit, insecure)
            return
        way.append(route.url)
        assert route.url.scheme in {"http", "https"}
        assert route.url.userinfo is None
        assert insecure or (here.scheme, route.url.scheme) != ("https", "http")
        assert len(way) - 1 <= limit
        reached = [(url.origin, url.target) for url in way]
        assert len(reached) == len(set(reached))
        _check_luggage(route, way, seen)


def _is_plain(here, place, way, limit, insecure):
    """Whether nothing at all speaks against going there."""
    if place in {"http://", "", "https://h.example/a\r\nx", "https://[::1"} or len(way) > limit:
        return False
    target = here.join(place)
    if target.scheme not in {"http", "https"} or (here.scheme == "https" and target.scheme == "http" and not insecure):
        return False
    return (target.origin, target.target) not in [(url.origin, url.target) for url in way]


def _check_luggage(route, way, seen):
    strayed = any(url.origin != way[0].origin for url in way)
    assert route.strayed == strayed
    assert route.downgraded == any(one.scheme == "https" and other.scheme == "http" for one, other in pairwise(way))
    assert route.chain == tuple(str(url) for url in way[:-1])
    travelling = list(route.travelling(_HEADERS))
    if strayed:
        seen["strayed"] += 1
        assert travelling == [("Accept", "x"), ("USER-AGENT", "x")]
        assert route.userinfo_of is None
        seen["came back"] += route.url.origin == way[0].origin
    else:
        seen["stayed"] += 1
        assert travelling == _HEADERS
        assert route.userinfo_of is way[0]
