"""A recipe says everything about a trained model; `fit` follows it, once.

    recipe = Recipe(data="fashion", loss="adversarial", norm="l2", eps="1.5")
    model, card = fit(recipe, Path("runs/models"))       # trains, or reuses what it trained

The same recipe on the same data gives the same folder, named after its digest.
"""

from robustlens.recipes.fit import VALIDATION_STEPS, WEIGHTS, fit
from robustlens.recipes.recipe import ATTACKED, LOSSES, Recipe

__all__ = ["ATTACKED", "LOSSES", "VALIDATION_STEPS", "WEIGHTS", "Recipe", "fit"]
