"""Snakemake's own report opens on what was studied and what made it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SNAKEFILE = f"""
configfile: "config.yaml"
report: "{ROOT}/workflow/report/workflow.rst"
rule all:
    output: report("a.txt")
    shell: "echo finished > {{output}}"
"""


def test_landing_page(tmp_path: Path) -> None:
    """The description with the names of the run, and one heading for each line of metadata.yaml."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "config.yaml").write_text("run: {models: [mini, other], benchmarks: [reading]}")

    def snakemake(*arguments: str) -> None:
        command = [sys.executable, "-m", "snakemake", "--cores", "1", *arguments]
        environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)

    snakemake()
    snakemake("--report", "report.html", "--report-metadata", str(ROOT / "workflow/report/metadata.yaml"))
    page = (tmp_path / "report.html").read_text()
    assert "mini, other on reading." in page
    commit = subprocess.run(["git", "describe", "--always", "--tags"], cwd=ROOT, capture_output=True, text=True).stdout
    *_, metadata = (line for line in page.splitlines() if line.strip().startswith("var metadata = {"))
    for heading in ("Created 20", f"Commit of the workflow {commit.strip()}", "Snakemake 9.", "Machine Linux"):
        assert f'"{heading}' in metadata
    assert "encoding" not in metadata
