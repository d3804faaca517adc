"""Many questions on one image in one sequence: they share the image, and cannot see each other.

The result equals one sequence per question, at a fraction of the cost: the prefix (begin, USER:, image) is run
once, every question starts at the position behind it, and a mask keeps the questions apart. What the template writes
between image and question belongs to each question: it sees the image, which not every question may.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import LlavaForConditionalGeneration, LlavaProcessor, PreTrainedTokenizerFast

from infohorizon.mini.rendered.questions import RenderedQuestion

PREFIX, PADDING = 0, -1  # segments of tokens that belong to no question


class Turn:
    """The user turn of a chat template as token ids: `head`, the image, `after`, the question, `tail`, the answer."""

    def __init__(self, processor: LlavaProcessor) -> None:
        self.tokenizer: PreTrainedTokenizerFast = processor.tokenizer
        self.image: int = processor.image_token_id
        asked = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "QUESTION"}]}]
        text = processor.apply_chat_template(asked, add_generation_prompt=True)
        head, rest = text.split(processor.image_token)
        after, tail = rest.split("QUESTION")
        self.head = self.tokenizer.encode(head)
        self.after, self.tail = self.ids(after), self.ids(tail)

    def ids(self, text: str) -> list[int]:
        """Of a text in the middle of a turn."""
        return self.tokenizer.encode(text, add_special_tokens=False)


@dataclass(frozen=True)
class Pack:
    """The questions of a batch of images, behind a prefix of equal length.

    tokens, positions, segments, targets: (batch, length); targets are −100 where nothing is to be said.
    look: (batch, length), whether the token may see the image. questions: those of each image, in order: question i is
    segment i + 1.
    """

    tokens: torch.Tensor
    positions: torch.Tensor
    segments: torch.Tensor
    targets: torch.Tensor
    look: torch.Tensor
    questions: Sequence[Sequence[RenderedQuestion]]


def pack(questions: Sequence[Sequence[RenderedQuestion]], turn: Turn, patches: int) -> Pack:
    """The questions of each image as one row, answers included."""
    prefix = [*turn.head, *[turn.image] * patches]
    rows = []
    for row_questions in questions:
        row = [(t, i, PREFIX, -100, True) for i, t in enumerate(prefix)]
        for segment, question in enumerate(row_questions, start=1):
            prompt, answer = [*turn.after, *turn.ids(question.text), *turn.tail], turn.ids(question.answer)
            targets = [-100] * (len(prompt) - 1) + answer + [turn.tokenizer.eos_token_id]
            row += [(t, len(prefix) + i, segment, targets[i], question.look) for i, t in enumerate([*prompt, *answer])]
        rows.append(row)
    length = max(map(len, rows))
    for row in rows:
        row += [(turn.tokenizer.pad_token_id, 0, PADDING, -100, True)] * (length - len(row))
    tokens, positions, segments, targets, look = torch.tensor(rows).unbind(-1)
    return Pack(tokens, positions, segments, targets, look.bool(), questions)


def attention_mask(packed: Pack, image_token: int) -> torch.Tensor:
    """(batch, 1, length, length), True where the row may attend to the column."""
    segment = packed.segments
    allowed = (segment[:, None, :] == PREFIX) | (segment[:, None, :] == segment[:, :, None])
    hidden = ~packed.look[:, :, None] & (packed.tokens == image_token)[:, None, :]
    return (allowed & ~hidden).tril().unsqueeze(1)


def answer_logits(model: LlavaForConditionalGeneration, packed: Pack, features: torch.Tensor) -> torch.Tensor:
    """Logits (n, vocabulary) at the n places of `packed.targets` that are to be said, row by row.

    features: (batch, patches, tower width), what the projector reads.
    """
    image_token = model.config.image_token_id
    embeddings = model.get_input_embeddings()(packed.tokens)
    is_image = (packed.tokens == image_token).unsqueeze(-1)
    projected = model.model.multi_modal_projector(features).to(embeddings.dtype)
    embeddings = embeddings.masked_scatter(is_image, projected)
    hidden = model.model.language_model(
        inputs_embeds=embeddings,
        attention_mask=attention_mask(packed, image_token),
        position_ids=packed.positions,
        use_cache=False,
    ).last_hidden_state
    return model.lm_head(hidden[packed.targets != -100])


def exact_matches(packed: Pack, logits: torch.Tensor) -> list[tuple[RenderedQuestion, bool]]:
    """Each question with whether greedy decoding would give its whole answer and then stop.

    Greedy decoding gives the answer exactly if every token of it is the likeliest after those before it.
    """
    spoken = packed.targets != -100
    right = logits.argmax(-1) == packed.targets[spoken]
    rows, segments = spoken.nonzero()[:, 0], packed.segments[spoken]
    wrong = set(zip(rows[~right].tolist(), segments[~right].tolist(), strict=True))
    return [
        (question, (row, segment) not in wrong)
        for row, row_questions in enumerate(packed.questions)
        for segment, question in enumerate(row_questions, start=1)
    ]
