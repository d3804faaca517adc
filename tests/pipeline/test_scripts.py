"""Scripts can be imported, so that a debugger or a test can call what they define; rule and script share a name."""

import re
import runpy
from pathlib import Path

import pytest

WORKFLOW = Path(__file__).resolve().parents[2] / "workflow"
SCRIPTS = sorted((WORKFLOW / "scripts").glob("*.py"))
RULES = "\n".join(path.read_text() for path in sorted((WORKFLOW / "rules").glob("*.smk")))


@pytest.mark.parametrize("script", SCRIPTS, ids=[path.stem for path in SCRIPTS])
def test_a_script_runs_nothing_when_it_is_imported(script: Path) -> None:
    assert callable(runpy.run_path(str(script), run_name="imported")["main"])


def test_a_rule_and_its_script_share_their_name() -> None:
    scripts = {}
    for rule in RULES.split("\nrule ")[1:]:
        if found := re.search(r"scripts/(\w+)\.py", rule):
            scripts[rule.partition(":")[0]] = found[1]
    assert scripts.keys() == set(scripts.values()) == {path.stem for path in SCRIPTS}
    assert all(rule == script for rule, script in scripts.items())
