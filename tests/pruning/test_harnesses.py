"""The guide's example, and wrappers that call generate as lmms-eval and VLMEvalKit do."""

import re
from pathlib import Path
from typing import Any

import pytest
import transformers

from infohorizon import prune
from infohorizon.pruning import Schedule
from pruning.batches import Asking

ROOT = Path(__file__).resolve().parents[2]
SCHEDULE = Schedule([(1, "fastv", 0.4), (4, "drop-all", 0)], "original")


@pytest.mark.skipif(transformers.__version__ < "5", reason="the bundled models are saved by transformers 5")
def test_the_guide_s_ten_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    code = re.findall(r"```python\n(.*?)```", (ROOT / "docs/prune.md").read_text(), re.S)[0]
    assert len(code.splitlines()) == 10
    names: dict[str, Any] = {}
    exec(code, names)
    printed = capsys.readouterr().out
    assert printed.startswith("ring 32 visual tokens a layer; cache")  # (2 · 64 + 4 · 32 + 2 · 0) / 8 = 32
    assert [len({*row}) for row in names["pruned"].report()[0].visual] == [3]


class LmmsEval:
    """Calls generate as lmms-eval's llava_hf and qwen2_5_vl do: in batches, the longest prompts first."""

    def __init__(self, asking: Asking, batch: int) -> None:
        self.model, self.asking, self.batch, self.use_cache = asking.plain, asking, batch, True

    def generate_until(self, requests: list[int]) -> list[list[int]]:
        order = sorted(requests, key=lambda number: -len(self.asking.questions[number][0]))
        found = {}
        for start in range(0, len(order), self.batch):
            chunk = order[start : start + self.batch]
            inputs = self.asking.inputs(chunk)
            end = self.asking.plain.generation_config.eos_token_id
            cont = self.model.generate(
                **inputs,
                do_sample=False,
                temperature=0,
                top_p=None,
                num_beams=1,
                max_new_tokens=6,
                use_cache=self.use_cache,
                eos_token_id=end,
                pad_token_id=end,
            )
            found.update(zip(chunk, self.asking.answers(cont, inputs), strict=True))
        return [found[number] for number in requests]


class VLMEvalKit:
    """Calls generate as VLMEvalKit's LLaVA and Qwen2-VL classes do: one prompt at a time."""

    def __init__(self, asking: Asking) -> None:
        self.model, self.asking = asking.plain, asking
        self.generate_kwargs = dict(max_new_tokens=6, top_p=0.001, top_k=1, temperature=0.01, repetition_penalty=1.0)

    def generate_inner(self, number: int) -> list[int]:
        inputs = self.asking.inputs([number])
        generated = self.model.generate(**inputs, **self.generate_kwargs)
        trimmed = [out[len(given) :] for given, out in zip(inputs["input_ids"], generated, strict=True)]
        (answer,) = self.asking.answers(generated, inputs)
        assert trimmed[0].tolist()[: len(answer)] == answer
        return answer


def test_lmms_eval_s_way(asking: Asking) -> None:
    wrapper, numbers = LmmsEval(asking, 2), list(range(5))
    with prune(wrapper.model, SCHEDULE) as pruned:
        answers = wrapper.generate_until(numbers)
    assert answers == [asking.engine(number, SCHEDULE) for number in numbers]
    assert [len(report.tokens) for report in pruned.report()] == [2, 2, 1]


def test_vlmevalkit_s_way(asking: Asking) -> None:
    wrapper = VLMEvalKit(asking)
    with prune(wrapper.model, SCHEDULE):
        answers = [wrapper.generate_inner(number) for number in range(3)]
    assert answers == [asking.engine(number, SCHEDULE) for number in range(3)]
