"""Many questions on one image in one sequence: they share the image, and cannot see each other.

The result equals one sequence per question, at a fraction of the cost: the prefix (begin, USER:, image) is run
once, every question starts at the position behind it, and a mask keeps the questions apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerFast

from infohorizon.mini.rendered.questions import RenderedQuestion
from infohorizon.mini.training.processor import ASSISTANT, USER

PREFIX, PADDING = 0, -1  # segments of tokens that belong to no question


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


def pack(questions: Sequence[Sequence[RenderedQuestion]], tokenizer: PreTrainedTokenizerFast, patches: int) -> Pack:
    """The questions of each image as one row, answers included."""
    ids = tokenizer.convert_tokens_to_ids
    head = tokenizer.encode(USER)
    assistant, image, end = ids(ASSISTANT), ids(tokenizer.image_token), tokenizer.eos_token_id
    rows = []
    for row_questions in questions:
        start = len(head) + patches
        row = [(t, i, PREFIX, -100, True) for i, t in enumerate([*head, *[image] * patches])]
        for segment, question in enumerate(row_questions, start=1):
            prompt = [*tokenizer.encode(question.text, add_special_tokens=False), assistant]
            answer = tokenizer.encode(question.answer, add_special_tokens=False)
            tokens = prompt + answer
            targets = [-100] * (len(prompt) - 1) + answer + [end]
            row += [(t, start + i, segment, targets[i], question.look) for i, t in enumerate(tokens)]
        rows.append(row)
    length = max(map(len, rows))
    for row in rows:
        row += [(tokenizer.pad_token_id, 0, PADDING, -100, True)] * (length - len(row))
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
    embeddings = embeddings.masked_scatter(is_image, model.model.multi_modal_projector(features))
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
