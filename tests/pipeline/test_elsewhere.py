"""The workflow used from other places: another folder, another workflow's module, with a user's own rules."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def snakemake(folder: Path, *arguments: str) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-6000:]
    return done.stdout + done.stderr


def counted(output: str) -> dict[str, int]:
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", output, re.MULTILINE)}


def test_from_another_folder_the_default_study_is_the_projects(tmp_path: Path) -> None:
    """Without a config.yaml there; the bundled models are found in the project's own folder."""
    planned = counted(snakemake(tmp_path, "--snakefile", str(ROOT / "Snakefile"), "--dry-run"))
    assert planned["fetch_model"] == 2 and planned["sweep_strategies"] == 6
    directory = counted(snakemake(ROOT, "--directory", str(tmp_path), "--dry-run"))
    assert directory == planned


def test_a_config_file_in_the_folder_extends_the_projects(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("run: {models: [mini-llava], benchmarks: [reading]}\n")
    planned = counted(snakemake(tmp_path, "--snakefile", str(ROOT / "Snakefile"), "--dry-run"))
    assert planned["fetch_model"] == planned["sweep_strategies"] == 1


@pytest.mark.parametrize("prefix", [None, "ih"])
def test_as_a_module_of_another_workflow(tmp_path: Path, prefix: str | None) -> None:
    """Not only planned: a rendered benchmark is drawn, built and encoded where the module's files belong."""
    (tmp_path / "Snakefile").write_text(
        f'configfile: "{ROOT}/config.yaml"\n\n'
        f'module horizon:\n    snakefile: "{ROOT}/Snakefile"\n    config: config\n'
        + (f'    prefix: "{prefix}"\n' if prefix else "")
        + "\nuse rule * from horizon as horizon_*\n"
        "\nrule all:\n    default_target: True\n    input: rules.horizon_all.input\n"
    )
    planned = counted(snakemake(tmp_path, "--dry-run"))
    assert planned["horizon_fetch_model"] == 2 and planned["horizon_build_report"] == 1
    table = Path(prefix or ".") / "results/vision/mini-llava/reading/part-0.arrow"
    snakemake(tmp_path, str(table))
    assert (tmp_path / table).is_file()


def test_rules_of_a_users_own(tmp_path: Path) -> None:
    (tmp_path / "mine.smk").write_text(
        'rule count_models:\n    output: f"{RESULTS}/models.txt"\n'
        '    shell: "echo " + str(len(MODELS)) + " > {output}"\n'
    )
    (tmp_path / "config.yaml").write_text("own_rules: [mine.smk]\n")
    snakemake(tmp_path, "count_models", "--snakefile", str(ROOT / "Snakefile"))
    assert (tmp_path / "results/models.txt").read_text() == "2\n"


def test_results_in_a_newer_clone_are_not_made_again(tmp_path: Path) -> None:
    """Results were copied without Snakemake's records, and every file of the project is newer than they are."""
    project = ("--snakefile", str(ROOT / "Snakefile"))
    lines = snakemake(tmp_path, *project, "--summary").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("output_file\t"))
    outputs = [tmp_path / line.partition("\t")[0] for line in lines[start + 1 :] if "\t" in line]
    assert len(outputs) > 75
    for path in outputs:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch() if path.suffix else path.mkdir()  # a merged model is a folder
    for path in outputs:
        os.utime(path, (1e9, 1e9))
    assert counted(snakemake(tmp_path, *project, "--dry-run")) == {}
