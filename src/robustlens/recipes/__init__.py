"""A recipe says everything about a trained model; `fit` follows it, once.

    recipe = Recipe(data="fashion", loss="adversarial", norm="l2", eps="1.5")
    model, card = fit(recipe, Path("runs/models"))       # trains, or reuses what it trained
    recipe = named("cifar10-l2-0.5-small").recipe        # one of ours: recipe_names() lists them
    rehearse(recipe).estimate                            # seconds it would take here

The same recipe on the same data gives the same folder, named after its digest.
"""

from robustlens.recipes.fit import VALIDATION_STEPS, WEIGHTS, fit, untrained
from robustlens.recipes.named import Named, named, recipe_names
from robustlens.recipes.recipe import ATTACKED, LOSSES, Recipe
from robustlens.recipes.rehearse import Rehearsal, rehearse

__all__ = [
    "ATTACKED",
    "LOSSES",
    "VALIDATION_STEPS",
    "WEIGHTS",
    "Named",
    "Recipe",
    "Rehearsal",
    "fit",
    "named",
    "recipe_names",
    "rehearse",
    "untrained",
]
