"""File names taken from URLs: the rules (`rules.names`), and what is said when a URL gives none."""

import pytest

from asyncfetch import InvalidUrl, MistakeError, Url
from asyncfetch._policy import names
from asyncfetch._policy.names import file_name
from tests.policy.rules.names import check


def test_the_rules_hold():
    seen = check(names)
    for case in ("allowed", "allowed on Windows", "refused"):
        assert seen[case] >= 30, seen


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://h/d/p-1.0.conda", "p-1.0.conda"),
        ("https://h/d/p.conda?sig=1#x", "p.conda"),
        ("https://h/d/a%20b%2Bc", "a b+c"),
        ("https://h/d/%E2%82%AC", "\u20ac"),
        ("https://h/d/%FF", "\udcff"),
        ("https://h/d/a%252Fb", "a%2Fb"),
        ("s3://b/k", "k"),
        ("file:///a/b", "b"),
    ],
)
def test_a_name(url, name):
    assert file_name(Url(url), windows=False) == name


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://h/", "no file name"),
        ("https://h", "no file name"),
        ("s3://b", "no file name"),
        ("https://h/d/?x=/y", "no file name"),
        ("https://h/d/..", "leave the directory"),
        ("https://h/%2e%2e", "leave the directory"),
        ("https://h/d/..%2F..%2Fetc%2Fpasswd", "leave the directory"),
        ("https://h/d/a%5Cb", "leave the directory"),
        ("https://h/d/a%00b", "leave the directory"),
    ],
)
def test_no_name(url, why):
    with pytest.raises(InvalidUrl, match=why) as raised:
        file_name(Url(url), windows=False)
    assert isinstance(raised.value, MistakeError)
    assert "name the file in the destination" in str(raised.value)
    assert str(raised.value).isprintable()
