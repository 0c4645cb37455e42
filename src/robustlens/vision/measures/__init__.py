"""Numbers for pictures, each with what it means and what it does not."""

from robustlens.vision.measures.baselines import enlarged, mean_filled, nearest_filled
from robustlens.vision.measures.estimate import Estimate
from robustlens.vision.measures.judge import judge_features, judged, sees
from robustlens.vision.measures.pairs import psnr, rank_correlation, relative_distance, ssim
from robustlens.vision.measures.sets import (
    Neighbours,
    diversity,
    frechet,
    frechet_distance,
    kernel_distance,
    nearest,
)

__all__ = [
    "Estimate",
    "Neighbours",
    "diversity",
    "enlarged",
    "frechet",
    "frechet_distance",
    "judge_features",
    "judged",
    "kernel_distance",
    "mean_filled",
    "nearest",
    "nearest_filled",
    "psnr",
    "rank_correlation",
    "relative_distance",
    "sees",
    "ssim",
]
