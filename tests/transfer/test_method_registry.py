"""The registry, with real distributions of third parties on the path."""

from __future__ import annotations

import sys
import textwrap

import pytest

from timbrebench.core.errors import ConfigurationError, UnknownNameError
from timbrebench.transfer import create, method_class, method_names
from timbrebench.transfer.methods.controls import Identity

METHOD = """
    from timbrebench.transfer import Method

    class Halve(Method):
        name = "halve"
        version = 1
        summary = "the content at half its level"
        source = "this test"

        def transfer(self, content, style, *, sample_rate, seed):
            return content / 2
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution of one module and one method for the length of a test."""

    def install(distribution, method, module, source, attribute="Halve"):
        site = tmp_path / distribution
        info = site / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[timbrebench.methods]\n{method} = {module}:{attribute}\n")
        (site / f"{module}.py").write_text(textwrap.dedent(source))
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.delitem(sys.modules, module, raising=False)

    loaded = set(sys.modules)
    yield install
    for module in set(sys.modules) - loaded:
        if module.startswith("lab_"):
            del sys.modules[module]


def test_the_built_in_methods_are_registered_under_their_own_names():
    names = method_names()
    assert names == sorted(names)
    assert {"identity", "style-copy", "reference", "silence", "noise", "ulyanov"} <= set(names)
    assert [method_class(name).name for name in names] == names


def unbounded(schema):
    """List the properties of a schema that are integers of any size."""
    names = []
    for table in (schema, *schema.get("$defs", {}).values()):
        for name, field in table.get("properties", {}).items():
            for kind in (field, *field.get("anyOf", ())):
                bounds = {"maximum", "exclusiveMaximum", "enum", "const"}
                if kind.get("type") == "integer" and not bounds & kind.keys():
                    names.append(name)
    return names


@pytest.mark.parametrize("name", method_names())
def test_every_whole_number_among_the_parameters_has_a_maximum(name):
    """They are counts that take time or memory, or seeds, which libraries read into 64 bits."""
    assert unbounded(method_class(name).Parameters.model_json_schema()) == []


@pytest.mark.parametrize("count", [10**12, 10**30])
def test_counts_beyond_all_sense_are_refused(count):
    with pytest.raises(ConfigurationError, match=r"max_iterations: .* less than or equal to"):
        create("ulyanov", {"max_iterations": count})


def test_the_name_gives_the_class():
    assert method_class("identity") is Identity
    assert isinstance(create("identity", {}), Identity)


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match=r"unknown method 'ulianov': did you mean 'ulyanov'\?"):
        method_class("ulianov")


def test_a_third_partys_method_is_found_and_imported_only_when_asked_for(install):
    install("lab-a", "halve", "lab_a", METHOD)
    assert "halve" in method_names()
    assert "lab_a" not in sys.modules
    assert create("halve", {}).summary == "the content at half its level"
    assert "lab_a" in sys.modules


def test_a_method_without_parameters_says_so(install):
    install("lab-a", "halve", "lab_a", METHOD)
    with pytest.raises(ConfigurationError, match="parameters of method 'halve': unknown key 'self'"):
        create("halve", {"self": 1})


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import a_package_that_is_not_there", "ModuleNotFoundError: No module named 'a_package_that"),
        ("def broken(:", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("Other = 1", "AttributeError.*Halve"),
    ],
)
def test_a_method_that_cannot_be_imported_names_package_and_cause_and_harms_no_other(install, source, cause):
    install("lab-b", "halve", "lab_b", source)
    with pytest.raises(ConfigurationError, match=f"'halve' of package 'lab-b' .*{cause}"):
        method_class("halve")
    assert "halve" in method_names()
    assert method_class("identity") is Identity


def test_two_methods_of_one_name_are_refused_with_both_packages(install):
    install("lab-a", "halve", "lab_a", METHOD)
    install("lab-c", "halve", "lab_c", METHOD)
    with pytest.raises(
        ConfigurationError, match=r"2 methods named 'halve', of package 'lab-a'.* and package 'lab-c'"
    ):
        method_class("halve")
    assert method_names().count("halve") == 1


def test_a_built_in_method_cannot_be_replaced_silently(install):
    install("lab-d", "identity", "lab_d", METHOD)
    with pytest.raises(ConfigurationError, match=r"package 'lab-d'.* and package 'timbrebench'"):
        method_class("identity")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("class Halve(Method)", "class Halve", "not a subclass of timbrebench.transfer.Method"),
        ("version = 1", "", "does not set version"),
        ("def transfer", "def run", "does not define transfer"),
        ('name = "halve"', 'name = "half"', "calls itself 'half'"),
        (
            "version = 1",
            "version = 1\n        Parameters = dict",
            "not a subclass of timbrebench.transfer.Parameters",
        ),
    ],
)
def test_a_class_that_breaks_the_contract_is_refused(install, old, new, problem):
    install("lab-e", "halve", "lab_e", METHOD.replace(old, new))
    with pytest.raises(ConfigurationError, match=f"'halve' breaks the contract of methods: .*{problem}"):
        method_class("halve")
