"""The decoder, run once per question and resumed from any layer with fewer visual tokens."""

from infohorizon.engine.batching import Batch
from infohorizon.engine.decoding import Branches, decode, unforced
from infohorizon.engine.greedy import Greedy
from infohorizon.engine.language_model import LanguageModel, Positions
from infohorizon.engine.removal import Removal
from infohorizon.engine.resume import prefill, resume, unpruned
from infohorizon.engine.trace import Prompt, Trace
from infohorizon.engine.unfinished import Unfinished

__all__ = [
    "Batch",
    "Branches",
    "Greedy",
    "LanguageModel",
    "Positions",
    "Prompt",
    "Removal",
    "Trace",
    "Unfinished",
    "decode",
    "prefill",
    "resume",
    "unforced",
    "unpruned",
]
