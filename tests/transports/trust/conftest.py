"""The world of the matrix: started once a module."""

from contextlib import ExitStack

import pytest

from .places import open_world


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with ExitStack() as stack:
        yield open_world(stack, tmp_path_factory.mktemp("world"))
