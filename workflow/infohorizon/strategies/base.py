"""What a pruning strategy is: from a lazy view of the visual tokens to the indices that stay."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize, one_hot

from infohorizon.units import layer_of

Section = Literal["visual", "text"]
Measure = Literal["first token", "whole answer"]  # what of the label information is about
Reads = Literal["nothing", "layer", "output", "layers"]


class View:
    """The visual tokens of one question at the input of one decoder layer, as far as a strategy asks.

    The sequence is prefix | visual | text; `text` means the tokens after the image. What is not asked for is not
    computed. All tensors are float32 unless the model runs in float64, and on the model's device. In the second stage
    of a schedule the view shows the tokens that survived the first.

    Attributes:
        layer: decoder layer at whose input the tokens leave; with option `read`, the one where they would have to
            leave for what is read to be what was published.
        depth: number of decoder layers.
        count: number of visual tokens N at this point.
        text_count: number of text tokens M after the image.
        visual_start: tokens before the image, i.e. absolute position of visual token 0 in the sequence.
        grid: rows and columns of the image's visual tokens.
        present: (N,) indices of the tokens in that grid; 0 … N−1 unless an earlier stage removed some.
        identity: gives question_id.
        question_id, amount, repeat: the cell: amount is keep as configured (a count or a fraction).
        notes: what strategies remember of this question for its other layers and keeps; larger keeps are asked first.
            Keys begin with the strategy's name and hold whatever else the remembered value depends on.
        layers: those at which this question will be asked, as far as they are known.
    """

    layer: int
    depth: int
    count: int
    text_count: int
    visual_start: int
    grid: tuple[int, int]
    present: Tensor
    identity: Callable[[], str]
    amount: float
    repeat: int
    layers: Sequence[int] = ()

    @cached_property
    def question_id(self) -> str:
        """Found when a strategy draws by it, not before: to digest an image can take as long as the prefill."""
        return self.identity()

    @cached_property
    def notes(self) -> dict[Any, Any]:
        return {}

    def noted(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """What the notes hold under a key, made where they do not."""
        if key not in self.notes:
            self.notes[key] = make()
        return self.notes[key]

    def together(self, first: int = 0) -> list["View"]:
        """The views of all layers from `first` on at which this question will be asked, this one's among them: many
        small steps take as long on a device for one layer as for all at once."""
        layers = sorted({self.layer, *(layer for layer in self.layers if layer >= first)})
        return [self.at(layer) for layer in layers]

    def on_cpu(self, what: str, **which: Any) -> Tensor:
        """What a method gives that depends on the image alone (saliency, received, features, vision_keys), on the CPU.

        It is read back from the device once for all layers and keeps of a question.
        """
        return self.noted(("on_cpu", what, *which.items()), lambda: getattr(self, what)(**which).cpu())

    def last_row(self) -> Tensor:
        """(1,) the last prompt token among the text tokens, as `attention` takes it."""
        return torch.full((1,), self.text_count - 1, device=self.present.device)

    def at(self, layer: int) -> "View":
        """The same tokens as they are seen at another layer, up to 1 above the one at whose input they leave."""
        raise NotImplementedError

    def hidden(self, section: Section = "visual", before: int = 0) -> Tensor:
        """Hidden states entering `layer` − `before`, (tokens, width)."""
        raise NotImplementedError

    def normed_hidden(self, section: Section = "visual") -> Tensor:
        """The same after the model's final norm, (tokens, width)."""
        raise NotImplementedError

    def keys(self, section: Section = "visual") -> Tensor:
        """Post-RoPE keys of layer − 1, unrepeated, (key/value heads, tokens, head width)."""
        raise NotImplementedError

    def queries(self) -> Tensor:
        """Post-RoPE queries of layer − 1 of the visual tokens, (heads, N, head width)."""
        raise NotImplementedError

    def transition(self, layer: int) -> Tensor:
        """How much attention and MLP of a lower layer turned each token, (N,); the softmax in it ran over the whole
        sequence that was there (engine/reading.py)."""
        raise NotImplementedError

    def attention(self, rows: Tensor, ahead: bool = False, rotary: bool = True) -> Tensor:
        """Softmax attention of the given text tokens over the visual tokens, (heads, rows, N).

        Args:
            rows: indices into the text section, 0 … M−1; M−1 is the last prompt token.
            ahead: of `layer` itself instead of layer − 1. The softmax runs over the whole visible sequence.
            rotary: False leaves the rotary embedding out.
        """
        raise NotImplementedError

    def embeddings(self, section: Section = "visual") -> Tensor:
        """Input embeddings (layer 0), (tokens, width); of all visual tokens, even of those that left before."""
        raise NotImplementedError

    def prompt_embeddings(self) -> Tensor:
        """Input embeddings of all text of the prompt, before and after the image, (tokens, width)."""
        raise NotImplementedError

    def saliency(self, early: bool = False) -> Tensor:
        """Attention each visual token receives in the vision tower (CLS row, mean over heads), (N,).

        Of a late layer, or a layer a quarter of the way up. Where there is no CLS token: as `received`.
        """
        raise NotImplementedError

    def received(self, middle: bool = False) -> Tensor:
        """Attention each visual token receives from all tokens of the tower, mean over heads and queries, (N,).

        Of the layer of `saliency`, or one in the middle.
        """
        raise NotImplementedError

    def features(self) -> Tensor:
        """Vision features as cached (before the projector for LLaVA), (N, feature width)."""
        raise NotImplementedError

    def projected(self, features: Tensor) -> Tensor:
        """What enters the language model for vision features (tokens, feature width), (tokens, width)."""
        raise NotImplementedError

    def vision_keys(self) -> Tensor:
        """Keys of the vision tower, mean over heads, (N, key width)."""
        raise NotImplementedError

    def information(self, by: Measure = "first token") -> Tensor:
        """I(w, layer) of each token's window from the information table, (N,). Uses the label: an oracle."""
        raise NotImplementedError

    def places(self) -> Tensor:
        """Row and column of each token in the image's token grid, (N, 2), on the CPU."""
        raise NotImplementedError

    def generator(self, keep: int) -> torch.Generator:
        """Random generator seeded by (seed, question, layer, keep, repeat) alone."""
        raise NotImplementedError


class Selection(NamedTuple):
    """kept: (T,) indices 0 … N−1; states: (T, width) replacements of their hidden states, or None (no merging)."""

    kept: Tensor
    states: Tensor | None = None


class Strategy(ABC):
    """A pruning strategy; the class docstring says what it does, its paper and its parameters.

    Attributes:
        name: name in config.yaml; the module has the same name.
        paper, published, licence, golden, differs, needs, training_free: facts for docs/strategies.md: citation; where
            the authors prune; the licence of their code (`none` where it has none, nothing where there is no code);
            whether kept sets equal those that their code gave; how this one differs; what it reads from the view; and
            whether it needs no training.
        first_layer: lowest decoder layer at which it is defined (1 where it reads attention or keys of layer − 1).
        reads: what it looks at in a decoder layer, and with option `read` in another one: `layer` (what enters it, its
            queries, keys or attention), `layers` (also others below it), `output` (what it gives out, so that it must
            lie below the layer where tokens leave), or `nothing`.
        random: True where repeats differ.
        repeats: most repeats that are worth their cost; None for as many as configured.
        keeps_none: True for strategies that take no keep (drop-all).
        merges: True where kept tokens take new states; `verify` leaves such rows out.
        once: True where the choice depends on image, question and keep alone: one serves all layers of a sweep.
        sizes_itself: True where `keep` does not say how many tokens stay: even a keep above N asks for a selection.
    """

    name: str
    paper: ClassVar[str]
    needs: ClassVar[str]
    published: ClassVar[str] = "any layer"
    licence: ClassVar[str] = ""
    golden: ClassVar[bool] = False
    differs: ClassVar[str] = ""
    training_free: ClassVar[bool] = True
    first_layer: ClassVar[int] = 0
    reads: ClassVar[Reads] = "nothing"
    read: int | float | None = None
    random: bool = False
    repeats: int | None = None
    keeps_none: ClassVar[bool] = False
    merges: ClassVar[bool] = False
    once: ClassVar[bool] = False
    sizes_itself: bool = False

    def __init__(self, read: int | float | None = None, **options: Any) -> None:
        """`read`: the layer that is looked at, a number or a fraction of the depth; None for the published one."""
        if read is not None and self.reads == "nothing":
            options["read"] = read
        if options:
            raise TypeError(f"{type(self).__name__} has no option {', '.join(sorted(options))}")
        self.read = None if read is None else checked_layer("read", read)

    def choose(self, view: View, keep: int) -> Selection:
        """`select`, as the layer says that option `read` names."""
        if self.read is not None:
            view = view.at(layer_of(self.read, view.depth) + self.first_layer)
        return self.select(view, keep)

    @abstractmethod
    def select(self, view: View, keep: int) -> Selection:
        """Choose about `keep` of the view's N tokens; kept is sorted and unique."""


class ScoreStrategy(Strategy):
    """A strategy that keeps the tokens with the highest score; ties go to the earlier token."""

    @abstractmethod
    def score(self, view: View, keep: int) -> Tensor:
        """(N,) scores, higher stays."""

    def select(self, view: View, keep: int) -> Selection:
        return Selection(top(self.score(view, keep), keep))


def checked_layer(option: str, layer: int | float) -> int | float:
    """The layer, if it is a number from 0 on or a fraction below 1 of the depth.

    Raises:
        ValueError: it is neither.
    """
    whole = type(layer) is int and layer >= 0
    if not whole and not (type(layer) is float and 0 <= layer < 1):
        raise ValueError(f"{option} is {layer!r}; give a layer's number from 0 on, or a fraction of the depth below 1")
    return layer


def top(scores: Tensor, keep: int) -> Tensor:
    """Indices of the `keep` highest scores in reading order; NaN counts as lowest, ties go to the earlier token."""
    scores = torch.nan_to_num(scores, nan=-torch.inf)
    return torch.sort(scores, descending=True, stable=True).indices[:keep].sort().values


def members(mask: Tensor, number: int) -> Tensor:
    """(…, number) the indices at which a mask (…, N) is true, ascending: `nonzero` where their number is known.

    The host need not wait for the device to tell how many there are.
    """
    return mask.sort(descending=True, stable=True).indices[..., :number]


def merged(states: Tensor, alike: Tensor, targets: Tensor, merging: Tensor) -> Tensor:
    """States (N, d) in which each token that merges is added to its most similar target, and sums become means.

    Args:
        alike: (N, f) whose cosine says how similar tokens are.
        targets: (t,) indices of the tokens that take up others, ascending.
        merging: (m,) indices of the tokens that are added to them, ascending.
    """
    alike = normalize(alike, dim=1)
    nearest = (alike[merging] @ alike[targets].T).argmax(dim=1)
    # A product, not a scattered sum: the latter's rounding depends on thread order on a GPU.
    assigned = one_hot(nearest, len(targets)).T.to(states)
    result = states.clone()
    result[targets] = (states[targets] + assigned @ states[merging]) / (1 + assigned.sum(dim=1, keepdim=True))
    return result
