"""Of every check it is asked whether some mutant needs it: workers see a part of the mutants each, all report here."""

import pytest
from mutants import every
from mutants.table import needless


def pytest_configure(config):
    config.pluginmanager.register(Kills(), "kills")


class Kills:
    def __init__(self):
        self.found = {}
        self.needless = set()

    def pytest_runtest_logreport(self, report):
        self.found.update(value for name, value in report.user_properties if name == "kills")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session):
        here_are_all = not hasattr(session.config, "workerinput") and len(self.found) == len(every("MUTANTS"))
        self.needless = needless(self.found) if here_are_all else set()
        if self.needless:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter):
        for name in sorted(self.needless):
            told = f"FAILED {name} is no mutant's only killer, and mutants.table.STAYS has no reason for it"
            terminalreporter.write_line(told, red=True)
