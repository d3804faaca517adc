"""Scripts can be imported, so that a debugger or a test can call what they define; a rule and its script share a name."""

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
    pairs = re.findall(r"^rule (\w+):\n.*?^    (?:script:\n        \"\.\./scripts/(\w+)\.py\"|shell:|input:\n(?!.*script))",
                       RULES, re.MULTILINE | re.DOTALL)  # fmt: skip
    scripted = {rule: script for rule, script in pairs if script}
    assert scripted and all(rule == script for rule, script in scripted.items())
    assert {path.stem for path in SCRIPTS} == set(re.findall(r"scripts/(\w+)\.py", RULES))
