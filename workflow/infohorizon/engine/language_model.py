"""The language model of a vision-language model as the engine uses it: layers, norm, head, rotary embedding."""

from collections.abc import Sequence
from copy import copy
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from infohorizon.engine.layers import DecoderLayer, keep_residual_in_float32
from infohorizon.errors import UserError

Positions = Literal["original", "contiguous"]
ROOM = 512  # places prepared beyond the prompt, for generated tokens
LOGITS_AT_ONCE = 1 << 26  # values of a logits tensor that is only needed for a few of its entries


class Rope:
    """cos and sin of every place of a sequence; rows are gathered from one table computed once.

    A *place* is an index into the table: the token's index in the full prompt under original positions, its index in
    the shortened sequence under contiguous ones. Generated tokens follow the last place of the prompt.
    """

    def __init__(self, rotary: nn.Module, ids: Tensor, like: Tensor) -> None:
        new = ids[..., -1:] + torch.arange(1, ROOM + 1, device=ids.device)
        ids = torch.cat([ids, new], dim=-1).unsqueeze(-2)  # (1, S + ROOM) or (3, 1, S + ROOM)
        cos, sin = rotary(like, ids)
        self.cos, self.sin = cos[..., 0, :, :], sin[..., 0, :, :]

    def at(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """cos, sin at places (R, n): (R, n, head width), with a leading 3 where the layer merges M-RoPE itself."""
        return self.cos[..., places, :], self.sin[..., places, :]

    def following(self, place: int, count: int) -> tuple[Tensor, Tensor]:
        """The same of one row at `count` places from `place` on, (1, count, head width); beyond the table its last."""
        last = self.cos.shape[-2] - 1
        return self.at(torch.arange(place, place + count, device=self.cos.device).clamp(max=last)[None])


class Limit(NamedTuple):
    """How many tokens a sequence may have so that all see each other and places are rotated alike.

    Attributes:
        reason: what of the decoder says so.
        room: places beyond the prompt that count, however short the answer.
    """

    tokens: int
    reason: str
    room: int = 0


def limits_of(decoder: Any) -> list[Limit]:
    """What limits the length of a decoder's sequences here; the model itself may take longer ones."""
    config, found = decoder.config, []
    window = getattr(config, "sliding_window", None)
    if window and "sliding_attention" in (getattr(config, "layer_types", None) or ["sliding_attention"]):
        found.append(Limit(window, "the sliding window of its attention"))
    kind = getattr(decoder.rotary_emb, "rope_type", "default")
    if kind in ("dynamic", "longrope"):
        rope = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
        original = rope.get("original_max_position_embeddings") or getattr(
            config, "original_max_position_embeddings", config.max_position_embeddings
        )
        found.append(Limit(original, f"its rotary embedding of type '{kind}', which depends on the length,", ROOM))
    return found


def widened(head: nn.Linear, dtype: torch.dtype) -> nn.Linear:
    """The head in a wider dtype, beside its own weights; these are copied once, in the wider dtype."""
    wide = copy(head)
    wide._parameters = {
        name: None if part is None else nn.Parameter(part.detach().to(dtype), requires_grad=False)
        for name, part in head._parameters.items()
    }
    return wide


class LanguageModel:
    """Embeds tokens, holds the decoder layers, and turns final states into logits.

    The residual stream is fp32 (fp64 for an fp64 model) whatever the weights' dtype.

    Args:
        decoder: transformers' decoder; has layers, norm, rotary_emb, embed_tokens.
        head: maps (…, d) to (…, vocabulary).
    """

    layers: Sequence[DecoderLayer]
    norm: nn.Module
    embed: nn.Embedding
    rotary: nn.Module
    head: nn.Linear

    def __init__(self, decoder: Any, head: nn.Linear) -> None:
        self.layers, self.norm = decoder.layers, decoder.norm
        self.embed, self.rotary = decoder.embed_tokens, decoder.rotary_emb
        self.width = self.embed.weight.shape[1]
        self.weights_dtype = self.embed.weight.dtype
        self.dtype = torch.promote_types(self.weights_dtype, torch.float32)
        if self.embed.weight.dtype != self.dtype:
            keep_residual_in_float32(decoder)
            head = widened(head, self.dtype)
        self.head = head
        self.limits = limits_of(decoder)

    def check_length(self, tokens: int, answer: int = 0) -> None:
        """Refuse a prompt for which layers called without a mask are not what the model itself computes.

        Args:
            answer: tokens that may be generated behind the prompt.
        Raises:
            UserError: with its answer it is longer than a sliding window, or than a length-dependent rotary embedding
                allows.
        """
        for limit in self.limits:
            behind = max(answer, limit.room)
            if tokens + behind > limit.tokens:
                more = f" and {behind} places for its answer" if behind else ""
                raise UserError(
                    f"a prompt has {tokens} tokens{more}, but {limit.reason} allows {limit.tokens} at most."
                )

    def check_finite(self, values: Tensor) -> None:
        """Refuse states or logits that overflowed.

        Raises:
            UserError: some are not finite; the sentence says what to do.
        """
        if values.isfinite().all():
            return
        if self.weights_dtype == torch.float16:
            raise UserError("the model gives values that are not finite in float16: set `dtype: bfloat16` or float32.")
        raise UserError("the model gives values that are not finite: its weights are damaged, or need another `dtype`.")

    @property
    def depth(self) -> int:
        """Number of decoder layers L."""
        return len(self.layers)

    def enter(self, embeddings: Tensor) -> Tensor:
        """Input embeddings in the residual stream's dtype."""
        return embeddings.to(self.dtype)

    def rope(self, ids: Tensor, positions: Positions) -> Rope:
        """Rotary table of a prompt with position ids (S,) or (3, S); contiguous ones count from 0."""
        if positions == "contiguous":
            ids = torch.arange(ids.shape[-1], device=ids.device).expand_as(ids)
        return Rope(self.rotary, ids, torch.empty(1, dtype=self.dtype, device=ids.device))

    def logits(self, final: Tensor) -> Tensor:
        """Final-normed states (…, d) → logits (…, vocabulary), fp32 or fp64."""
        return self.head(final.to(self.dtype))

    def log_probabilities(self, final: Tensor, targets: Tensor | Sequence[int]) -> Tensor:
        """log p of target tokens at each read position, without holding (R, read, vocabulary) at once.

        Args:
            final: (R, read, d) final-normed states.
            targets: (read,) token ids.
        Returns: (R, read).
        """
        targets = torch.as_tensor(targets, device=final.device)
        rows = max(1, LOGITS_AT_ONCE // (self.head.weight.shape[0] * final.shape[1]))
        parts = []
        for chunk in final.split(rows):
            log_p = self.logits(chunk).log_softmax(dim=-1)
            index = targets.expand(len(chunk), -1)[..., None]
            parts.append(log_p.gather(dim=-1, index=index)[..., 0])
        return torch.cat(parts)
