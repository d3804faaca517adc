"""`snakemake check`: everything that is wrong with a study, at once and in seconds, or what will run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from checkpoints import write_llava, write_qwen
from inputs.conftest import png

ROOT = Path(__file__).resolve().parents[2]


def study(folder: Path, questions: list[dict], **settings) -> None:
    """A study of two random models on a user's questions about i.png, wide.png and broken.png."""
    write_llava(folder / "llava", layers=2)
    write_qwen(folder / "qwen", layers=2)
    data = folder / "data"
    data.mkdir()
    (data / "i.png").write_bytes(png(size=(40, 30)))
    (data / "wide.png").write_bytes(png(size=(300, 1)))
    (data / "broken.png").write_bytes(b"<html>not here</html>")
    (data / "notes.txt").write_text("not data")
    (data / "{x}.png").write_bytes(png("green"))
    (data / "gone.png").symlink_to(data / "nowhere.png")
    (data / "q.jsonl").write_text("\n".join(map(json.dumps, questions)))
    configuration = {
        "results": "results",
        "run": {"models": ["llava", "qwen"], "benchmarks": ["mine"]},
        "models": {"llava": {"source": "llava"}, "qwen": {"source": "qwen"}},
        "benchmarks": {"mine": {"source": "data", "task": "vqa", **settings}},
        "information": {"layers": "all"},
        "sweep": {"layers": "all"},
        "schedule_run": {"names": []},
    }
    (folder / "study.yaml").write_text(json.dumps(configuration))
    (folder / "config.yaml").symlink_to(ROOT / "config.yaml")


def snakemake(folder: Path, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "snakemake", *arguments, "--cores", "2", "--snakefile", str(ROOT / "Snakefile")]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "cache")}
    command += ["--configfile", str(folder / "study.yaml")]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=400)
    return done.returncode, done.stdout + done.stderr


def question(image: str, text: str = "What is it?", **more) -> dict:
    return {"image": image, "question": text, "answer": "red", **more}


def test_a_sound_study(tmp_path):
    study(tmp_path, [question("i.png"), question("broken.png")], on_error="skip")
    code, output = snakemake(tmp_path, "check")
    assert code == 0, output
    assert "benchmark mine: 1 questions on 1 images in data" in output
    assert "skipped: row 1 of column 'image' cannot be decoded (it is a web page or XML, not an image)" in output
    assert "model qwen: qwen2_5_vl, can be asked every question" in output
    assert "llava will be asked mine: answers; information at 2 of 2 layers" in output
    assert not (tmp_path / "results" / "benchmarks").exists()


def test_everything_that_is_wrong_at_once(tmp_path):
    study(tmp_path, [question("i.png"), question("i.png", "what is <image>?"), question("wide.png")])
    (tmp_path / "llava" / "chat_template.jinja").write_text("{{ messages[0]['content'] + ' ' }}")
    code, output = snakemake(tmp_path, "check")
    assert code != 0 and "Traceback" not in output
    assert "WRONG: model llava (llava): the model's chat template takes no image and text" in output
    assert "WRONG: qwen on mine: image " in output and "one side is more than 200 times the other" in output
    assert "2 faults found; nothing was run." in output


@pytest.mark.parametrize("target", ["check", "results/benchmarks/mine.arrow"])
def test_rows_and_images_that_cannot_be_read(target, tmp_path):
    study(tmp_path, [question("i.png"), question("broken.png"), question("i.png", answer=True), question("none.png")])
    code, output = snakemake(tmp_path, target, "--retries", "0")
    assert code != 0
    assert "Benchmark 'mine': row 2: column 'answer' holds a truth value" in output
    assert "row 3 of column 'image' names an image that cannot be read" in output


def test_no_model_runs_before_every_question_was_checked(tmp_path):
    study(tmp_path, [question("i.png"), question("i.png", "what is <image>?"), question("i.png", "or <image><image>?")])
    code, output = snakemake(tmp_path, "results/vision/llava/mine/part-0.arrow", "--retries", "0")
    assert code != 0 and "rule encode_images:" not in output
    for number in (1, 2):
        assert f"llava on mine: question {number}: the prompt must hold exactly one <image>" in output
