"""A conformance report as JUnit XML, which continuous-integration servers show."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from chainrule.conformance import SUITE_VERSION, Report

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_xml(report: Report) -> str:
    """Return a test suite for each case and a test case for each check; unchecked names are failures of their own."""
    root = ElementTree.Element("testsuites", name=f"chainrule conformance {SUITE_VERSION}, seed {report.seed}")
    for case in report.cases:
        suite = ElementTree.SubElement(root, "testsuite", name=case.id)
        counts = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
        for result in report.of_case(case.id):
            test = ElementTree.SubElement(
                suite, "testcase", classname=case.id, name=result.check_id, time=f"{result.seconds:.6f}"
            )
            counts["tests"] += 1
            if result.status == "error":
                _tell(test, "error", result.rule, result.message)
                counts["errors"] += 1
            elif result.counts_against:
                _tell(test, "failure", result.rule, str(result))
                counts["failures"] += 1
            elif result.status != "passed":
                _tell(test, "skipped", f"{result.status}: {result.message}", "")
                counts["skipped"] += 1
        suite.attrib.update({name: str(count) for name, count in counts.items()})
    if report.unchecked:
        names = {"tests": str(len(report.unchecked)), "failures": str(len(report.unchecked))}
        suite = ElementTree.SubElement(root, "testsuite", {"name": "unchecked", **names})
        for name in report.unchecked:
            _tell(
                ElementTree.SubElement(suite, "testcase", classname="unchecked", name=name), "failure", "no case", name
            )
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _tell(test: ElementTree.Element, kind: str, message: str, text: str) -> None:
    element = ElementTree.SubElement(test, kind, message=_NOT_XML.sub("?", message))
    element.text = _NOT_XML.sub("?", text)
