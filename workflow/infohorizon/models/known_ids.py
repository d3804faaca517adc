"""Token ids that the real tokenizers of known models give a prompt, to notice one that splits otherwise.

With another pre-tokenizer ("first" Metaspace in place of a Prepend normaliser) a token behind LLaVA's image is missing,
and every position after it is another than the model was trained on.
"""

from typing import NamedTuple

from infohorizon.errors import UserError
from infohorizon.models.base import VisionLanguageModel

QUESTION = "Is a python code shown in the picture?\nAnswer the question using a single word or phrase."
# vicuna_v1 in Llama's tokenizer, the image (32000) at index 35; Qwen's template in its tokenizer, the image at index 15
LLAVA_15 = (
    1, 319, 13563, 1546, 263, 12758, 1404, 322, 385, 23116, 21082, 20255, 29889, 450, 20255, 4076, 8444, 29892,
    13173, 29892, 322, 1248, 568, 6089, 304, 278, 1404, 29915, 29879, 5155, 29889, 3148, 1001, 29901, 29871,
    32000, 29871, 13, 3624, 263, 3017, 775, 4318, 297, 278, 7623, 29973, 13, 22550, 278, 1139, 773, 263, 2323,
    1734, 470, 16549, 29889, 319, 1799, 9047, 13566, 29901,
)  # fmt: skip
QWEN_25_VL = (
    151644, 8948, 198, 2610, 525, 264, 10950, 17847, 13, 151645, 198, 151644, 872, 198, 151652, 151655, 151653,
    3872, 264, 10135, 2038, 6839, 304, 279, 6802, 5267, 16141, 279, 3405, 1667, 264, 3175, 3409, 476, 17133, 13,
    151645, 198, 151644, 77091, 198,
)  # fmt: skip
QWEN3_VL = QWEN_25_VL[11:]  # without the system turn
# <img>, the image and </img>, each a token, and a line feed
INTERNVL3 = (151644, 872, 198, 151665, 151667, 151666, 198, *QWEN_25_VL[17:])


class Known(NamedTuple):
    """The prompt style (the model's `prompt`) and the ids of QUESTION in it."""

    prompt: str
    ids: tuple[int, ...]


# hub id → what its tokenizer gives
KNOWN = {
    "llava-hf/llava-1.5-7b-hf": Known("vicuna_v1", LLAVA_15),
    "llava-hf/llava-1.5-13b-hf": Known("vicuna_v1", LLAVA_15),
    **{
        f"Qwen/{name}-Instruct": Known("chat_template", QWEN_25_VL)
        for name in ("Qwen2-VL-2B", "Qwen2-VL-7B", "Qwen2.5-VL-3B", "Qwen2.5-VL-7B", "Qwen2.5-VL-32B", "Qwen2.5-VL-72B")
    },
    **{f"Qwen/Qwen3-VL-{size}-Instruct": Known("chat_template", QWEN3_VL) for size in ("2B", "4B", "8B")},
    **{f"OpenGVLab/InternVL3-{size}-hf": Known("chat_template", INTERNVL3) for size in ("1B", "8B")},
}


def check(source: str, model: VisionLanguageModel) -> None:
    """Compare a known model's tokenizer with the real one; other models, and other prompts, pass.

    Raises:
        UserError: the ids differ.
    """
    known = KNOWN.get(source)
    if known is None or model.settings.get("prompt", "chat_template") != known.prompt:
        return
    ids = tuple(model.token_ids(QUESTION))
    if ids != known.ids:
        place = next(i for i, (a, b) in enumerate(zip((*ids, -1), (*known.ids, -1), strict=False)) if a != b)
        found, wanted = ((*sequence, "none")[place] for sequence in (ids, known.ids))
        raise UserError(
            f"model {source}: its tokenizer is not the real one: token {place} of a known prompt is {found}, not "
            f"{wanted}; fetch its files again, or install the pinned version of transformers."
        )
