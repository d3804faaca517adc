"""One call of generate on its way through the decoder: what has left at each layer, and what the layers are told."""

from collections.abc import Sequence
from functools import partial
from hashlib import blake2b
from time import perf_counter
from typing import Any, cast

import torch
from torch import Tensor

from infohorizon.errors import UserError
from infohorizon.measure.questioner import choose, settled
from infohorizon.measure.trace_view import TraceView
from infohorizon.models.base import Encoded
from infohorizon.pruning.cache import PrunedCache
from infohorizon.pruning.layout import Layout, Row, mask_of
from infohorizon.pruning.plan import Plan
from infohorizon.pruning.row import Entering, Rope, RowRun, Seen
from infohorizon.pruning.twin import Image, bytes_of, images_of


class Call:
    """State of one call, from its prompt to its last token.

    A *segment* is the layers from one stage to the next: they see the same tokens.

    Args:
        given: what generate is given.
        question_ids: one for each prompt.

    Attributes:
        layouts: of the segments so far; 0 is the whole prompt.
        segments: the segment of every layer.
        selecting: seconds spent in choosing tokens.
    """

    def __init__(self, plan: Plan, given: dict[str, Any], question_ids: Sequence[str] | None) -> None:
        self.plan, self.given, self.question_ids = plan, given, question_ids
        stages = {stage.layer for stage in plan.schedule.stages}
        self.cache = PrunedCache(set().union(*plan.read.values()))
        self.segments = [sum(layer <= number for layer in stages) for number in range(plan.depth)]
        self.layouts: list[Layout] = []
        self.selecting = 0.0
        self._entering: dict[int, Entering] = {}
        self._images: dict[int, Image] = {}  # row → its image
        self._copies = 1  # rows of each prompt
        self._digests: dict[int, str] = {}  # prompt → digest
        self._embeddings: Tensor | None = None  # (B, n, d)
        self._told: dict[str, Any] = {}  # what the layers of this segment are told in this step

    def begin(self, inputs: dict[str, Any]) -> None:
        """Read the prompts off what the model's forward pass takes.

        Raises:
            UserError: they are not what prune can work with.
        """
        layout = prompts_of(inputs, self.plan.image_token_id)
        if inputs.get("past_key_values") is not self.cache:
            raise UserError("prune needs the cache that it gave to generate: call the model's own generate.")
        # Beams and returned sequences repeat each prompt; generate itself is given every prompt and image once.
        prompts = len(self.given["input_ids"])
        self._copies = copies = len(layout.rows) // prompts
        if self.question_ids is not None and len(self.question_ids) != prompts:
            raise UserError(f"question_ids holds {len(self.question_ids)} ids for {prompts} prompts.")
        seen = [number for number, row in enumerate(layout.rows) if len(row.present)]
        images = images_of(self.plan.twin, self.given, [len(layout.rows[number].present) for number in seen[::copies]])
        self._images = {number: images[order // copies] for order, number in enumerate(seen)}
        self.layouts = [layout]

    def _identity(self, number: int) -> str:
        """What seeds the draws of a row with an image: the id that it was given, else a digest of prompt and image."""
        prompt = number // self._copies
        if self.question_ids is not None:
            return self.question_ids[prompt]
        if prompt not in self._digests:
            ids = self.given["input_ids"][prompt, self.layouts[0].padding(number) :]
            digest = blake2b(ids.cpu().numpy().tobytes(), digest_size=16)
            digest.update(bytes_of(self._images[number].inputs))
            self._digests[prompt] = digest.hexdigest()
        return self._digests[prompt]

    @property
    def generated(self) -> int:
        """Tokens a row that entered the decoder after the prompt, those of this step among them."""
        return self.cache.seen - self.layouts[0].width

    def enter(self, layer: int, states: Tensor, told: dict[str, Any]) -> tuple[Tensor, dict[str, Any]]:
        """What a layer is given in place of states (B, n, d) and keyword arguments `told`."""
        if layer == 0:  # what asks before, the model's own masks and positions, means the tokens before these
            self.cache.seen += states.shape[1]
            self._told = {}
        stage, told = self.plan.stage_at.get(layer), told | self._told
        if self.generated == 0:
            if layer == 0:
                self._embeddings = states
            if stage is not None:
                states, self._told = self._prune(stage, Entering(states, told["position_embeddings"]))
            told = told | self._told
            if layer in self.cache.watched:
                self._entering[layer] = Entering(states, told["position_embeddings"])
        elif stage is not None:
            self._told = self._continued(self.layouts[self.segments[layer]], states)
        return states, told | self._told

    def _prune(self, stage: int, here: Entering) -> tuple[Tensor, dict[str, Any]]:
        """Choose each row's tokens and leave the others out.

        Returns: the states that are left, and what the layers from here on are told.
        """
        layout, states = self.layouts[-1], here.states
        started = self._now(states)
        chosen = [self._select(stage, layout, number, here) for number in range(len(layout.rows))]
        self.selecting += self._now(states) - started
        left, places = layout.without([kept for kept, _ in chosen])
        places = places.to(states.device)
        batch = torch.arange(len(places), device=states.device)[:, None]
        states = states[batch, places]
        for number, (kept, merged) in enumerate(chosen):
            if merged is not None:
                first = left.padding(number) + left.rows[number].before
                states[number, first : first + len(kept)] = merged.to(states)
        self.layouts.append(left)
        self._forget(self.plan.schedule.stages[stage].layer)
        rope = self._rope(left, places, states, here.rope)
        return states, {**self._masked(left, states), "position_embeddings": rope}

    def _select(self, stage: int, layout: Layout, number: int, here: Entering) -> tuple[Tensor, Tensor | None]:
        """Indices of the visual tokens of a row that stay, and states that replace theirs."""
        row, plan = layout.rows[number], self.plan
        if number not in self._images:
            return torch.arange(len(row.present)), None
        assert self._embeddings is not None
        image, layer = self._images[number], plan.schedule.stages[stage].layer
        count = len(self.layouts[0].rows[number].present)
        seen = {layer: Seen(here, layout, None)}
        for below in plan.read[layer]:
            known = self.layouts[self.segments[below]]
            seen[below] = Seen(self._entering[below], known, self.cache.kept_keys[below])
        embeddings = self._embeddings[number, self.layouts[0].padding(number) :]
        run = RowRun(plan.twin, number, seen, embeddings, self.layouts[0].rows[number], image.grid)
        keep, identity = plan.schedule.stages[stage].keep, partial(self._identity, number)
        view = TraceView(run, layer, cast(Encoded, image), plan.twin.projected, plan.seed, identity, amount=keep)
        return settled([choose(plan.strategies[stage], view, count)])[0]

    def _forget(self, layer: int) -> None:
        """Let go of what only strategies up to a layer read."""
        later = set().union(*(read for stage, read in self.plan.read.items() if stage > layer))
        self.cache.watched = later
        for known in (self._entering, self.cache.kept_keys):
            for below in known.keys() - later:
                del known[below]

    def _rope(self, layout: Layout, places: Tensor, states: Tensor, rope: Rope) -> Rope:
        """cos and sin of the tokens that are left: their own, or those of their new places."""
        if self.plan.schedule.positions == "contiguous":
            return self.plan.rope(states, layout.numbered(states.device))
        batch = torch.arange(len(places), device=places.device)[:, None]
        cos, sin = (part.expand(*part.shape[:-3], len(places), -1, -1).to(places.device) for part in rope)
        return cos[..., batch, places, :], sin[..., batch, places, :]

    def _continued(self, layout: Layout, states: Tensor) -> dict[str, Any]:
        """What a segment's layers are told of a token that was generated; original positions are the model's own."""
        told = self._masked(layout, states)
        if self.plan.schedule.positions == "contiguous":
            places = layout.next_numbers(self.generated - 1, states.device)
            told["position_embeddings"] = self.plan.rope(states, places)
        return told

    def _masked(self, layout: Layout, states: Tensor) -> dict[str, Any]:
        """The mask of a segment; position ids with gaps would be taken for those of packed sequences."""
        real = layout.real(self.generated, states.device)
        mask = mask_of(real, states.shape[1], layout.width + self.generated, self.plan.attention, states.dtype)
        return {"attention_mask": None if mask is None else mask.to(states.device), "position_ids": None}

    def _now(self, states: Tensor) -> float:
        if states.is_cuda:
            torch.cuda.synchronize(states.device)
        return perf_counter()


def prompts_of(inputs: dict[str, Any], image_token_id: int) -> Layout:
    """The rows of a batch of prompts.

    Raises:
        UserError: no token ids, padding behind a prompt, more than one image in a prompt.
    """
    ids, mask = inputs.get("input_ids"), inputs.get("attention_mask")
    if ids is None:
        raise UserError("prune finds the image by its tokens: give generate `input_ids`, not `inputs_embeds`.")
    if mask is None:
        mask = torch.ones_like(ids)
    mask = mask.cpu().bool()
    if mask.ndim != 2 or not mask[:, -1].all() or (mask.int().diff(dim=1) < 0).any():
        raise UserError("prune takes prompts that are padded in front: set `padding_side` of the processor to left.")
    rows = []
    for own, real in zip(ids.cpu(), mask, strict=True):
        visual = (own[real] == image_token_id).nonzero().flatten()
        if len(visual) and int(visual[-1] - visual[0]) + 1 != len(visual):
            raise UserError("prune takes one image per prompt, with consecutive tokens; a prompt has more.")
        length = int(real.sum())
        before = int(visual[0]) if len(visual) else length
        present = torch.arange(len(visual), device=ids.device)
        rows.append(Row(before, present, length - before - len(visual)))
    return Layout(rows, ids.shape[1])
