"""What generate may be asked for inside `prune`: generation token by token, with a cache that can shrink."""

from inspect import signature
from typing import Any

from infohorizon.errors import UserError
from infohorizon.pruning.cache import PrunedCache
from infohorizon.pruning.plan import Plan

GROWING = (None, "dynamic", "dynamic_full")
ATTENTIONS = ("sdpa", "eager", "infohorizon")
ASSISTED = ("assistant_model", "prompt_lookup_num_tokens", "assistant_early_exit", "use_mtp")


def check_arguments(model: Any, given: dict[str, Any], plan: Plan) -> None:
    """Refuse arguments of generate that a pruned cache or a prompt in pieces cannot serve.

    Raises:
        UserError: one sentence that names the argument.
    """

    def setting(name: str) -> Any:
        return _setting(model, given, name)

    if any(setting(name) for name in ASSISTED):
        raise UserError("assisted decoding checks several tokens at once, which a pruned cache cannot take back.")
    if setting("penalty_alpha"):
        raise UserError("contrastive search asks the cache for several candidates, which prune does not support.")
    if setting("prefill_chunk_size"):
        raise UserError("prune needs the whole prompt at once: leave `prefill_chunk_size` out.")
    if setting("use_cache") is False:
        raise UserError("prune works in the cache: leave `use_cache=False` out.")
    if given.get("past_key_values") is not None:
        raise UserError("prune brings a cache of its own: leave `past_key_values` out.")
    if (cache := setting("cache_implementation")) not in GROWING:
        raise UserError(
            f"a cache of kind '{cache}' cannot hold fewer tokens in some layers: leave `cache_implementation` out."
        )
    if given.get("input_ids") is None or given.get("inputs_embeds") is not None:
        raise UserError("prune finds the image by its tokens: give generate `input_ids`, not `inputs_embeds`.")
    typed = "mm_token_type_ids" in signature(model.forward).parameters  # transformers 5
    if typed and given.get("image_grid_thw") is not None and given.get("mm_token_type_ids") is None:
        raise UserError(
            "without `mm_token_type_ids` transformers puts the image on one line: pass generate everything that the "
            "processor returns."
        )
    if not plan.attention.startswith("flash") and plan.attention not in ATTENTIONS:
        raise UserError(f"prune cannot mask attention of kind '{plan.attention}': load the model with sdpa or flash.")


def given_cache(model: Any, given: dict[str, Any], cache: PrunedCache) -> dict[str, Any]:
    """The arguments of generate with the call's cache."""
    named = {"cache_implementation": None} if _setting(model, given, "cache_implementation") else {}
    return {**given, **named, "past_key_values": cache}


def _setting(model: Any, given: dict[str, Any], name: str) -> Any:
    """What generate will go by: its argument, else that of the generation config it is given, else the model's."""
    if given.get(name) is not None:
        return given[name]
    own = getattr(given.get("generation_config"), name, None)
    return getattr(model.generation_config, name, None) if own is None else own
