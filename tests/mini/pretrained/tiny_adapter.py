"""The smallest recipe of an adapter, and of the tower that it stands on."""

from infohorizon.mini.training.recipe import AdapterRecipe, TowerRecipe

TOWER = TowerRecipe(width=16, layers=2, heads=2, intermediate=16, steps=4, batch=2, rate=1e-3, seed=1)
ADAPTER = AdapterRecipe(
    rank=4, align_steps=3, steps=4, simple_steps=1, mixed_at=3, simple_share=0.2, batch=2, rate=1e-2,
    finish_steps=2, finish_rate=1e-3, digit_steps=3, digit_rate=1e-3, seed=1,
    dtype="bfloat16",
)  # fmt: skip
