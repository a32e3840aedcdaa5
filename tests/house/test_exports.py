"""What the package exports: `asyncfetch.__all__` is sorted, exact, and loads; public modules say what is public."""

import ast
import importlib
import inspect
import pkgutil

import pytest

import asyncfetch


def _public_modules():
    for info in pkgutil.walk_packages(asyncfetch.__path__, "asyncfetch."):
        if not any(part.startswith("_") for part in info.name.split(".")):
            yield info.name


_MODULES = sorted(_public_modules())


def test_all_is_sorted_exact_and_loads():
    assert asyncfetch.__all__ == sorted(set(asyncfetch.__all__))
    for name in asyncfetch.__all__:
        assert getattr(asyncfetch, name) is not None, name
    assert set(asyncfetch.__all__) <= set(dir(asyncfetch))
    public = {name for name in asyncfetch._HOMES if not name.startswith("_")}
    assert public == set(asyncfetch.__all__) - {"__version__"}


def test_every_name_is_what_its_home_calls_it():
    for name, home in asyncfetch._HOMES.items():
        value = getattr(importlib.import_module(f"asyncfetch.{home}"), name)
        assert getattr(asyncfetch, name) is value
        assert getattr(value, "__name__", name) == name  # a union has none


def test_star_import_gives_all_names():
    space = {}
    exec("from asyncfetch import *", space)
    assert set(asyncfetch.__all__) <= set(space)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        asyncfetch.nonsense  # noqa: B018 - asking is the test


def test_there_are_public_modules():
    assert {"asyncfetch.cli", "asyncfetch.testing", "asyncfetch.integrations"} <= set(_MODULES)


@pytest.mark.parametrize("name", _MODULES)
def test_a_public_module_explains_itself_and_says_what_is_public(name):
    source = importlib.util.find_spec(name).origin
    with open(source, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    assert ast.get_docstring(tree), f"{name} does not say what it is for"
    said = [node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"]
    if not said:
        return
    module = importlib.import_module(name)
    exported = list(module.__all__)
    assert exported == sorted(set(exported)), f"{name}.__all__ is not sorted"
    for one in exported:
        assert getattr(module, one) is not None
        assert not one.startswith("_") or one == "__version__"


def test_everything_exported_is_documented():
    for name in asyncfetch.__all__:
        value = getattr(asyncfetch, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            text = value.__doc__
            assert text, name
            assert not text.startswith(f"{name}("), f"{name} has only the docstring that dataclass makes"


def test_public_methods_are_documented():
    for name in ("Client", "Url", "Digest", "Validator", "Body", "S3"):
        for method, value in inspect.getmembers(getattr(asyncfetch, name), inspect.isfunction):
            if not method.startswith("_") and value.__module__.startswith("asyncfetch"):
                assert value.__doc__, f"{name}.{method}"
