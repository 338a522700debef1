"""The last line of a run of tests: how many were not run, and why."""

from collections import Counter

import pytest


def untested(reporter: pytest.TerminalReporter) -> str:
    """One line that counts skipped and deselected tests by reason."""
    reasons: Counter[str] = Counter()
    for report in reporter.stats.get("skipped", []):
        where = report.longrepr
        said = where[2] if isinstance(where, tuple) else str(where)
        reasons[said.removeprefix("Skipped: ")] += 1
    left_out = len(reporter.stats.get("deselected", []))
    if left_out:
        reasons["deselected"] += left_out
    if not reasons:
        return "Not tested: nothing"
    parts = (f"{count} ({reason})" for reason, count in reasons.most_common())
    return f"Not tested: {reasons.total()} tests: {', '.join(parts)}"


def pytest_unconfigure(config: pytest.Config) -> None:
    """Print the line below all else that pytest prints."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and not hasattr(config, "workerinput"):
        reporter.ensure_newline()
        reporter.write_line(untested(reporter))
