"""Of every check it is asked whether some mutant needs it: workers see a part of the mutants each, all report here."""

import pytest


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
        if hasattr(session.config, "workerinput") or not self.found:
            return
        from mutants import every  # some of them print where they are made
        from mutants.table import needless

        self.needless = needless(self.found) if len(self.found) == len(every("MUTANTS")) else set()
        if self.needless:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter):
        for name in sorted(self.needless):
            told = f"FAILED {name} is no mutant's only killer, and mutants.table.STAYS has no reason for it"
            terminalreporter.write_line(told, red=True)
