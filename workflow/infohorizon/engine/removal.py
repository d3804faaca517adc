"""Ways to take information away from resumed rows, and which tokens are then recomputed.

From the input of a row's layer on, of the visual tokens `kept` are left as they are, and

    delete    the others leave the sequence (what pruning does);
    zero      the others' states are zero at that input, and evolve from there;
    mean      the others' states are, at the input of every layer, the image's own mean state: the mean over its visual
              tokens of what enters that layer in the unpruned run;
    knockout  no position after the image attends to the others; visual tokens see each other as before
              (Geva et al., arXiv 2304.14767);
    text      the others leave, and so does the text between the image and the last prompt token.

What a prompt adds to visual tokens after the first layers (DeepStack) reaches those that are left: a token that was
deleted or set to zero before layer 2 gets nothing of it from then on, so that no removal lets the image in again; the
mean state already contains it, and knocked-out tokens stay as they were.

Causality makes two of them cheap. Visual tokens never see the text, so that under knockout their keys and values are
the unpruned run's at every layer; without any kept token it is therefore the same as delete. Under `text` the image is
also untouched, since only the tokens that are read are recomputed.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from infohorizon.engine.caches import Pair
from infohorizon.engine.trace import Trace

Removal = Literal["delete", "zero", "mean", "knockout", "text"]
SHORTENING = ("delete", "text")  # tokens leave the sequence, so that the rest can be renumbered


@dataclass(frozen=True)
class Rest:
    """What R resumed rows consist of; indices are the trace's own.

    Attributes:
        shared: how many leading tokens of the trace have its keys and values in every row.
        given: (R, g) later tokens whose keys and values are also the trace's.
        own: (R, n) tokens that are recomputed, visual ones first.
        visual: how many of them are visual ones.
        gone: (R, v) which of the first v of `own` are replaced; None where none is.
        lasting: whether they are replaced by the mean state at every layer, not by zero at the first.
    """

    shared: int
    given: Tensor
    own: Tensor
    visual: int
    gone: Tensor | None = None
    lasting: bool = False

    def given_at(self, trace: Trace, layer: int, rows: int) -> Pair | None:
        """Keys and values of `given` for the first `rows` rows, (rows, key/value heads, g, head width)."""
        if self.given.shape[1] == 0:
            return None
        keys, values = (part[:, self.given[:rows]].transpose(0, 1) for part in (trace.keys(layer), trace.values(layer)))
        return keys, values

    def replace(self, trace: Trace, layer: int, x: Tensor, joined: int) -> None:
        """Replace, in place, states of `gone` tokens entering a layer: x (rows, n, d), those from `joined` on new."""
        if self.gone is None:
            return
        start, count = trace.prompt.start, trace.prompt.count
        first = 0 if self.lasting else joined
        value = trace.hidden(layer)[start : start + count].mean(dim=0) if self.lasting else x.new_zeros(())
        gone = self.gone[first : len(x)]
        x[first:, : gone.shape[1]] = torch.where(gone[..., None], value, x[first:, : gone.shape[1]])

    def add(self, trace: Trace, layer: int, x: Tensor) -> None:
        """Add, in place, what the prompt adds after a layer to the visual tokens of x (rows, n, d) but `gone` ones."""
        if layer >= len(trace.prompt.additions) or self.visual == 0:
            return
        added = trace.prompt.additions[layer][self.own[: len(x), : self.visual] - trace.prompt.start].to(x)
        if self.gone is not None:
            added = added.masked_fill(self.gone[: len(x), :, None], 0)
        x[:, : self.visual] += added


def rest_of(trace: Trace, kept: Tensor, removal: Removal, reused: int) -> Rest:
    """What is left of the rows.

    Args:
        kept: (R, T) ascending indices of visual tokens; reused: how many leading visual tokens each row keeps as they
            are.
    """
    prompt, device = trace.prompt, trace.device
    rows, shared = len(kept), prompt.start + reused
    end = prompt.start + prompt.count + prompt.suffix
    after = torch.arange(end - (prompt.read if removal == "text" else prompt.suffix), end, device=device)
    text, none = after.expand(rows, -1), kept.new_empty(rows, 0)
    chosen = prompt.start + kept[:, reused:]
    if removal == "knockout":
        return Rest(shared, chosen, text, 0)
    if removal in ("zero", "mean"):
        visual = torch.arange(shared, prompt.start + prompt.count, device=device).expand(rows, -1)
        gone = torch.ones(rows, prompt.count, dtype=torch.bool, device=device).scatter_(1, kept, False)
        own = torch.cat([visual, text], dim=1)
        return Rest(shared, none, own, visual.shape[1], gone[:, reused:], lasting=removal == "mean")
    return Rest(shared, none, torch.cat([chosen, text], dim=1), chosen.shape[1])
