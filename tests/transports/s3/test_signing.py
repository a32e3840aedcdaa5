"""Our signatures are botocore's, byte for byte."""

import random
from datetime import UTC, datetime

from botocore import auth
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings, strategies as st

from asyncfetch._transports.s3.address import canonical_query, encode_key
from asyncfetch._transports.s3.signing import Keys, Signer

NAMES = ["range", "if-match", "if-none-match", "if-modified-since", "x-amz-checksum-mode", "x-amz-request-payer"]
TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30)


def botocore_signs(keys, region, method, url, headers, stamp):
    """What the headers of the request are after botocore has signed it at that moment."""
    request = AWSRequest(method=method, url=url, headers=dict(headers))
    request.context["payload_signing_enabled"] = True
    moment = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    original = auth.get_current_datetime
    auth.get_current_datetime = lambda *args, **kwargs: moment.replace(tzinfo=None)
    try:
        S3SigV4Auth(Credentials(keys.access_key, keys.secret_key, keys.token), "s3", region).add_auth(request)
    finally:
        auth.get_current_datetime = original
    return {name.lower(): value for name, value in request.headers.items()}


@settings(max_examples=150, deadline=None)
@given(
    method=st.sampled_from(["GET", "HEAD"]),
    key=st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=40),
    query=st.lists(st.tuples(TEXT, TEXT), max_size=4, unique_by=lambda pair: pair[0]),
    headers=st.dictionaries(st.sampled_from(NAMES), TEXT, max_size=4),
    token=st.none() | TEXT,
    port=st.sampled_from(["", ":9000"]),
    now=st.integers(1_000_000_000, 4_000_000_000),
)
def test_any_request_is_signed_as_botocore_does(method, key, query, headers, token, port, now):
    keys, region = Keys("AKIDEXAMPLE", "secret/with+signs", token), "eu-west-1"
    authority = f"bucket.example.com{port}"
    path, text = f"/{encode_key(key)}", canonical_query(query)
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    ours = dict(Signer(keys, region).sign(method, authority, path, text, list(headers.items()), now=now))
    url = f"http://{authority}{path}{'?' + text if text else ''}"
    theirs = botocore_signs(keys, region, method, url, headers, stamp)
    for name, value in ours.items():
        assert theirs[name] == value, name


def test_the_key_of_a_day_is_kept_and_changes_at_midnight():
    signer = Signer(Keys("id", "secret"), "us-east-1")
    days = [86_400 * 365 * 50 - 1, 86_400 * 365 * 50, 86_400 * 365 * 50 + 5]
    random.Random(1).shuffle(days)
    for now in days:
        fresh = Signer(Keys("id", "secret"), "us-east-1").sign("GET", "h", "/", "", [], now=now)
        assert signer.sign("GET", "h", "/", "", [], now=now) == fresh


def test_neither_keys_nor_signer_show_a_secret():
    keys = Keys("AKID", "the-secret", "the-token")
    shown = repr(keys) + repr(Signer(keys, "us-east-1"))
    assert "AKID" in shown
    assert "the-secret" not in shown
    assert "the-token" not in shown
