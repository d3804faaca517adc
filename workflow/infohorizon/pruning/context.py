"""`with prune(model, "schedule.json") as pruned: model.generate(**inputs)`, on plain transformers models."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Any
from weakref import WeakSet

from infohorizon.errors import UserError
from infohorizon.pruning.call import Call
from infohorizon.pruning.generation import check_arguments, given_cache
from infohorizon.pruning.plan import Plan
from infohorizon.pruning.report import Report, report_of
from infohorizon.strategies.schedule import Schedule, Stage, read

_call: ContextVar[Call | None] = ContextVar("call", default=None)
_pruned: WeakSet[Any] = WeakSet()


class Pruned:
    """A model inside `prune`.

    Attributes:
        question_ids: what identifies the rows of the next calls of generate, one id for each prompt: random strategies
            draw by them, and `kept` finds its sets by them. None: a digest of each prompt and its image.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan, self._reports = plan, list[Report]()
        self.question_ids: Sequence[str] | None = None

    def report(self) -> list[Report]:
        """What each call of generate saved, in the order of the calls."""
        return list(self._reports)


@contextmanager
def prune(
    model: Any, schedule: str | Path | Schedule | Sequence[Stage | Sequence[Any]], seed: int = 0
) -> Iterator[Pruned]:
    """Let a schedule's visual tokens leave in every call of the model's own `generate` inside the block.

    Args:
        model: LlavaForConditionalGeneration, Qwen2_5_VLForConditionalGeneration, or another of models.REGISTRY.
        schedule: path of a schedule.json, a Schedule, or stages (layer, strategy, keep) with contiguous positions.
        seed: seeds random strategies, together with each row's question.
    Raises:
        UserError: the schedule is not valid, is not for this model, or the model is pruned already; inside, from
            generate: arguments that cannot be pruned.
    """
    if model in _pruned:
        raise UserError("this model is already inside `with prune(…)`: leave that block first.")
    if isinstance(schedule, (str, Path)):
        schedule = read(schedule)
    if not isinstance(schedule, Schedule):
        schedule = Schedule([Stage(*stage) for stage in schedule])
    plan = Plan(model, schedule, seed)
    pruned = Pruned(plan)
    with ExitStack() as undo:
        _pruned.add(model)
        undo.callback(_pruned.discard, model)
        undo.callback(model.register_forward_pre_hook(_start(plan), with_kwargs=True).remove)
        for number, layer in enumerate(plan.decoder.layers):
            undo.callback(layer.register_forward_pre_hook(_entry(number), with_kwargs=True).remove)
        _replace_generate(model, pruned, undo)
        yield pruned


def _replace_generate(model: Any, pruned: Pruned, undo: ExitStack) -> None:
    """Give the model a `generate` of its own that begins and ends a Call around transformers'."""
    generate, own = model.generate, "generate" in vars(model)

    @wraps(generate)
    def pruning(inputs: Any = None, *args: Any, **kwargs: Any) -> Any:
        if inputs is not None:  # the prompts, without their name
            kwargs["input_ids"] = inputs
        check_arguments(model, kwargs, pruned._plan)
        if pruned.question_ids is None and any(stage.strategy == "kept" for stage in pruned._plan.schedule.stages):
            raise UserError("strategy 'kept' finds its sets by question: set `question_ids` before generate.")
        call = Call(pruned._plan, kwargs, pruned.question_ids)
        token = _call.set(call)
        try:
            output = generate(*args, **given_cache(model, kwargs, call.cache))
        finally:
            _call.reset(token)
        pruned._reports.append(report_of(call))
        return output

    model.generate = pruning
    undo.callback(setattr if own else delattr, model, "generate", *([generate] if own else []))


def _start(plan: Plan) -> Any:
    """The hook before the model's forward pass."""

    def start(_: Any, args: tuple[Any, ...], inputs: dict[str, Any]) -> None:
        call = _call.get()
        if call is None:
            raise UserError("inside `with prune(…)` call the model's generate, not its forward pass.")
        if not call.layouts:
            call.begin(inputs)
            new = call.layouts[0].width
        else:
            new = inputs["input_ids"].shape[1]
            if new != 1:
                raise UserError("prune takes generation token by token; this way of generating checks several at once.")
        for limit in plan.limits:
            if call.cache.seen + new > limit.tokens:
                raise UserError(f"the sequence is longer than the {limit.tokens} tokens that {limit.reason} allows.")

    return start


def _entry(number: int) -> Any:
    """The hook before a decoder layer."""

    def entry(_: Any, args: tuple[Any, ...], told: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        call = _call.get()
        assert call is not None  # the model's own hook has run
        told = dict(told)
        states = args[0] if args else told.pop("hidden_states")
        states, told = call.enter(number, states, told)
        return (states, *args[1:]), told

    return entry
