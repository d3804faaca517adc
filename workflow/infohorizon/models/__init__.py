"""Vision-language models, one file per architecture: images → cached features, questions → prompts."""

from infohorizon.models.registry import REGISTRY, fetch, load, model_type

__all__ = ["REGISTRY", "fetch", "load", "model_type"]
