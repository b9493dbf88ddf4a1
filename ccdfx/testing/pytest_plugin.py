"""The pytest plugin: a test for every law and every object of a plugin of ccdfx.

A test module sets ``ccdfx_conformance = ["my-plugin"]`` (or a list of `ccdfx.testing.Conformance` records),
or pytest gets ``--ccdfx-conformance my-plugin``. pytest imports this module in every run in an environment
that has ccdfx, so it imports nothing else until one of the two is present.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

NAME = "ccdfx_conformance"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("ccdfx")
    group.addoption(
        "--ccdfx-conformance",
        action="append",
        default=[],
        metavar="PLUGIN",
        help="Hold this plugin of ccdfx against the laws of its kinds (may be given several times).",
    )


def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> pytest.Collector | None:
    if name != NAME or not isinstance(collector, pytest.Module):
        return None
    return Suite.from_parent(collector, name=NAME, plugins=obj)


@pytest.hookimpl(tryfirst=True)  # before -k and -m select tests
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    plugins = config.getoption("--ccdfx-conformance")
    if plugins:
        items.extend(Suite.from_parent(session, name=NAME, plugins=plugins).collect())


class Suite(pytest.Collector):
    """A collector of the tests of some plugins."""

    def __init__(self, *, plugins: Any, **options: Any) -> None:
        super().__init__(**options)
        self.plugins = plugins

    def collect(self) -> Iterator[pytest.Item]:
        """Yield a test for each law and record."""
        from ccdfx.testing.conformance import Conformance

        if isinstance(self.plugins, str) or not isinstance(self.plugins, list | tuple):
            raise self.CollectError(f'{NAME} must be a list of names of plugins, such as ["my-plugin"]')
        for plugin in self.plugins:
            conformance = plugin if isinstance(plugin, Conformance) else Conformance(plugin)
            for case in conformance.cases():
                law = case.law.replace(" ", "_")
                yield LawItem.from_parent(self, name=f"{case.kind}[{case.name}]-{law}", case=case)


class LawItem(pytest.Item):
    """The test of one law with one record."""

    def __init__(self, *, case: Any, **options: Any) -> None:
        super().__init__(**options)
        self.case = case

    def runtest(self) -> None:
        self.case.run()

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return the broken law with its example, and the traceback into the plugin if it raised an error."""
        from ccdfx.testing.laws import ConformanceError

        error = excinfo.value
        if not isinstance(error, ConformanceError):
            return super().repr_failure(excinfo)
        if error.__cause__ is None or isinstance(error.__cause__, AssertionError):
            return str(error)
        raised = pytest.ExceptionInfo.from_exception(error.__cause__)
        return f"{error}\n\n{raised.getrepr(style='short')}"

    def reportinfo(self) -> tuple[Any, int | None, str]:
        return self.path, None, f"{self.case.kind} {self.case.name}: {self.case.law}"
