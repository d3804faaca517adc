"""The smallest recipe of each training."""

from infohorizon.mini.training.recipe import ModelRecipe, TowerRecipe

TOWER = TowerRecipe(width=16, layers=2, heads=2, intermediate=16, steps=4, batch=2, rate=1e-3, seed=1)
MODEL = ModelRecipe(
    width=16, layers=2, heads=2, intermediate=16, steps=4, simple_steps=1, mixed_at=3, simple_share=0.2,
    options_from=2, sides_from=4, batch=2,
    rate=1e-3, finish_steps=2, finish_rate=1e-3, seed=1,
)  # fmt: skip
