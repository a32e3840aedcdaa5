"""The examples in the docstrings of values and decisions run."""

import doctest
import importlib
import pkgutil

import pytest

import asyncfetch
import asyncfetch._model
import asyncfetch._policy

_MODULES = ["asyncfetch"] + [
    info.name
    for package in (asyncfetch._model, asyncfetch._policy)
    for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
]
_NAMES = {name: getattr(asyncfetch, name) for name in asyncfetch.__all__}


def _tests(module):
    found = doctest.DocTestFinder(exclude_empty=True).find(module, extraglobs=_NAMES)
    return [test for test in found if test.examples]


@pytest.mark.parametrize("name", _MODULES)
def test_examples(name):
    for test in _tests(importlib.import_module(name)):
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
        told = []
        runner.run(test, out=told.append)
        assert runner.failures == 0, "".join(told)


def test_there_are_examples():
    assert sum(len(_tests(importlib.import_module(name))) for name in _MODULES) >= 6
