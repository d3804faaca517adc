"""Protocols: everything beside the model that decides an answer, by name, model family and benchmark. No torch.

`llava`, `lmms-eval` and `vlmevalkit` do as the evaluation code of that name does, `paper` as the paper's authors' code
or text does for a family: their code is for LLaVA alone, and quotes OCR tokens for TextVQA; for the others, for which
there is none, it is lmms-eval's prompts and pixel limits without a repetition penalty. docs/protocols.md says more.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from infohorizon.models.registry import REGISTRY

Form = Literal["llava", "lmms-eval", "vlmevalkit", "vlmevalkit-llava"]
"""Whose words; VLMEvalKit words multiple choice for LLaVA in another way than for Qwen2.5-VL."""
FAMILIES = tuple(REGISTRY)
"""transformers' `model_type` of the architectures whose protocols differ."""
QWEN = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")
CELL = 28 * 28
"""Pixels of one of Qwen2.5-VL's visual tokens; the harnesses count in them even for Qwen3-VL's larger tokens."""
LONGEST = 512
"""New tokens that the engine has room for; some harnesses allow 1024 or more."""


@dataclass(frozen=True)
class Protocol:
    """What decides an answer beside the model.

    Attributes:
        name: llava, lmms-eval, vlmevalkit or paper.
        form: whose wording of the user turn.
        chat: what stands around it: the model's chat_template, vicuna_v1, or a literal.
        image: pad (to a square, with the processor's mean colour), crop (the centre square) or processor (as the
            model's own image processor does).
        min_pixels, max_pixels: of the resized image (Qwen models); None: the image processor's own.
        ocr_tokens: whether TextVQA's prompt quotes the data set's OCR output.
        max_new_tokens: length limit of answers.
        repetition_penalty: as in transformers (1: none), or "model": that of the model's generation_config.json.
        stop: whether answers run to their end, or end where no more words can change their score (Task.settled).
        options: the benchmark's options (scoring, suffix, label, …).
    """

    name: str
    form: Form
    chat: str = "chat_template"
    image: Literal["pad", "crop", "processor"] = "processor"
    min_pixels: int | None = None
    max_pixels: int | None = None
    ocr_tokens: bool = False
    max_new_tokens: int = 16
    repetition_penalty: float | Literal["model"] = 1.0
    stop: Literal["end", "settled"] = "end"
    options: Mapping[str, Any] | None = None

    @property
    def fingerprint(self) -> str:
        """Eight hex digits of everything but the name."""
        return fingerprint({key: value for key, value in asdict(self).items() if key != "name"})

    def as_dict(self) -> dict[str, Any]:
        """All settings and the fingerprint, as tables record them."""
        return {**asdict(self), "fingerprint": self.fingerprint}


_PLAIN = Protocol("vlmevalkit", "vlmevalkit")
_LLAVA = Protocol("llava", "llava", image="pad", ocr_tokens=True)
_QWEN = Protocol("lmms-eval", "lmms-eval", min_pixels=256 * CELL, max_pixels=2048 * CELL, repetition_penalty="model")
# Name → family → settings, and lengths by task where they are not the task's own.
PROTOCOLS: Mapping[str, Mapping[str, Protocol]] = {
    "llava": dict.fromkeys(FAMILIES, _LLAVA),
    "lmms-eval": {
        "llava": Protocol("lmms-eval", "lmms-eval", image="pad"),
        **dict.fromkeys(QWEN, _QWEN),
        "internvl": Protocol("lmms-eval", "lmms-eval", repetition_penalty="model"),
    },
    "vlmevalkit": {
        "llava": Protocol("vlmevalkit", "vlmevalkit-llava", image="pad"),
        **dict.fromkeys(QWEN[:2], replace(_PLAIN, min_pixels=1280 * CELL, max_pixels=16384 * CELL)),
        **dict.fromkeys(("qwen3_vl", "internvl"), _PLAIN),
    },
    "paper": {
        "llava": replace(_LLAVA, name="paper"),
        **dict.fromkeys(QWEN, replace(_QWEN, name="paper", repetition_penalty=1.0)),
        "internvl": Protocol("paper", "lmms-eval"),
    },
}
FIELD = ("mme", "textvqa", "scienceqa", "pope", "mmbench", "ocrbench", "gqa", "docvqa", "chartqa")
LENGTHS: Mapping[str, Mapping[str, int]] = {
    "llava": dict.fromkeys(("mme", "textvqa", "pope", "gqa"), 128) | dict.fromkeys(("scienceqa", "mmbench"), LONGEST),
    "lmms-eval": dict.fromkeys(("textvqa", "mmbench"), LONGEST),
    "vlmevalkit": dict.fromkeys(FIELD, LONGEST),
    "paper": {},
}
"""Whose code → task → length limit of answers where it is not the task's own."""
SCORERS: Mapping[str, Mapping[str, str]] = {
    "llava": {"scienceqa": "llava", "gqa": "llava"},
    "lmms-eval": {"pope": "lmms-eval", "scienceqa": "lmms-eval"},
    "vlmevalkit": dict.fromkeys(("mme", "pope", "scienceqa", "mmbench", "gqa"), "vlmevalkit"),
    "paper": {},
}
"""Whose code → task → option `scorer` where it is not the task's own."""
OCRBENCH_PIXELS = 100 * CELL
"""VLMEvalKit's `min_pixels` for Qwen2.5-VL on OCRBench."""


def fingerprint(settings: Mapping[str, Any]) -> str:
    """Eight hex digits of settings."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]


def protocol(name: str, family: str, task: str, length: int, changes: Mapping[str, Any]) -> Protocol:
    """A protocol for a model family on a task.

    Args:
        length: the task's own limit of answers.
        changes: settings that replace the protocol's.
    """
    known = PROTOCOLS[name][family]
    known = replace(known, max_new_tokens=LENGTHS[_whose(name, family)].get(task, length))
    if known.form == "vlmevalkit" and task == "ocrbench" and known.min_pixels:
        known = replace(known, min_pixels=OCRBENCH_PIXELS)
    if task != "textvqa":
        known = replace(known, ocr_tokens=False)
    return replace(known, **changes)


def scorer_of(name: str, family: str, task: str) -> str | None:
    """The scorer that a protocol names for a task; None: the task's own."""
    return SCORERS[_whose(name, family)].get(task)


def _whose(name: str, family: str) -> str:
    """Whose code a protocol follows: the authors' code for LLaVA is LLaVA's."""
    return "llava" if PROTOCOLS[name][family].form == "llava" else name
