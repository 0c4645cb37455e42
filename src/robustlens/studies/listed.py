"""The studies that can be run, listed without importing them: the id and title of each.

    LISTED["robust-erm"].title

A study lies in the module or package of its id, as its `STUDY` with that title; a test compares.
`claims` has sections and sentences, and `table` the studies themselves.
"""

from typing import NamedTuple


class Listed(NamedTuple):
    """A study that can be run, before it is imported."""

    id: str
    title: str

    @property
    def module(self) -> str:
        """Its module or package, in this package."""
        return self.id.replace("-", "_")


_TITLES = {
    "adversarial-perturbations": "A change nobody sees",
    "robust-erm": "Training against the worst case",
    "security-curve": "How far until it falls",
    "gradient-masking": "Robust, or only hard to attack?",
    "harder-training-capacity": "Training against the worst case wants a larger net",
    "standard-accuracy-curve": "Robust training helps with few images",
    "tension-theorem": "Accuracy against robustness",
    "computational-barrier": "There, and out of reach",
    "gaussian-sample-complexity": "Robust accuracy takes more samples",
    "linear-vs-threshold": "The right kind of rule needs less data",
    "aberration-view": "Near everything, in high dimension",
    "simple-experiment": "Right from wrong labels",
    "experiment-controls": "What else could it be?",
    "features-model": "Useful features, robust and not",
    "gaussian-theory": "Two Gaussians, with and without an adversary",
    "gradient-alignment-theory": "Robust gradients point across the classes",
    "robustification": "Robustness from the images alone",
    "not-batchnorm-alone": "It is the images, not one ingredient",
    "transferability-plot": "Who learns from a net falls for its examples",
    "human-vs-model-priors": "Alignment is a matter of training",
    "robust-training-prior": "Robust training gives up what is not robust",
    "smoothing-certify": "A radius that no attack can break",
    "smoothing-sample-saving": "Asking until it is settled",
    "smoothing-training": "Five ways to train for noise",
    "smoothing-as-prior": "Noise drowns what small changes can flip",
    "data-efficiency": "Robustness needs more images",
    "perception-alignment": "Gradients that look like the object",
    "representation-inversion": "Pictures from the representation alone",
    "interpolation": "From any image to any other",
    "feature-visualization": "What a single unit wants to see",
    "feature-manipulation": "More of one feature, by degrees",
    "feature-sensitivity": "Which feature made this mistake",
    "generation": "Pictures out of a classifier",
    "image-to-image": "From one class to another",
    "in-painting": "Filling holes with a classifier",
    "super-resolution": "Enlarging with a classifier",
    "sketch-to-image": "From a sketch to an object",
    "paint-with-features": "Painting with a single feature",
    "shift-by-representations": "Measured where the net looks",
    "alignment-at-training-time": "What alignment buys, and what it costs",
    "adversary-as-critic": "Another critic, another robustness",
}
LISTED: dict[str, Listed] = {id: Listed(id, title) for id, title in _TITLES.items()}
"""What can be run, by id, in the order of the talk."""
