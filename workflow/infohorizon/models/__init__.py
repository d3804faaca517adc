"""Vision-language models, one file per architecture: images → cached features, questions → prompts."""

from infohorizon.models.opening import load
from infohorizon.models.registry import REGISTRY, fetch, model_type

__all__ = ["REGISTRY", "fetch", "load", "model_type"]
