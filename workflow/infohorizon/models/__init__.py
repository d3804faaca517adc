"""Vision-language models, one file per architecture: images → cached features, questions → prompts."""

from infohorizon.models.registry import REGISTRY, load

__all__ = ["REGISTRY", "load"]
