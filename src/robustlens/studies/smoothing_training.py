"""How a net is trained decides how far it is certified: five ways side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest
from torch import nn

from robustlens.data import Dataset
from robustlens.doubts import quiet
from robustlens.errors import InputError
from robustlens.pictures import Bar, Bars, Curves, Series
from robustlens.recipes import Recipe, fit
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.smoothing import (
    Certificate,
    CertifiedCurve,
    Fixed,
    Gaussian,
    average_radius,
    certified_accuracy,
    certify,
)
from robustlens.smoothing.reading import ABOUT_THE_AVERAGE, ROUNDING
from robustlens.studies.kit.smoothing import SHIPPED, cifar_net, tiny_net
from robustlens.studies.kit.words import above

PLAIN, DENOISED, BARE = "noise", "denoising", "no denoiser, no noise"
BETTER = ("SmoothAdv", "MACER", "consistency")
"""What is to beat plain noise."""
LEVEL = 0.05
"""The rule: of all comparisons with plain noise together."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """One net trained in five ways for the same noise, and how it is certified."""

    noise: Recipe = SHIPPED["noise"]  # its sigma is that of all certificates
    smoothadv: Recipe = SHIPPED["smoothadv"]
    macer: Recipe = SHIPPED["macer"]
    consistency: Recipe = SHIPPED["consistency"]
    denoised: Recipe = SHIPPED["denoised"]  # a denoiser before a net that never saw noise
    parts: tuple[float, ...] = (0.0, 0.5, 1.0, 1.5)  # radii in units of sigma, growing
    images: int = 250  # test images, alike from every class; 0: all
    n: int = 250  # votes that certify an image
    n0: int = 25  # votes that choose its class
    alpha: float = 0.001  # the chance of a false certificate, for each image
    seed: int = 0


class Duel(NamedTuple):
    """Two nets on the same images at one radius."""

    mine: int  # images that only this one certifies
    theirs: int  # that only plain noise certifies
    p: float  # exact, two-sided, of a fair coin


def study(config: Config, bench: Bench) -> Findings:
    """Certify the same test images with each net, by as many votes."""
    if 1.0 not in config.parts or list(config.parts) != sorted(set(config.parts)):
        raise InputError(f"parts {config.parts}", "growing, with 1 among them", "change --parts")
    data = config.noise.dataset("test")
    data = data.take(config.images) if config.images else data
    rows = {name: _certified(net, data, config) for name, net in _nets(config, bench).items()}
    radii = [part * config.noise.sigma for part in config.parts]
    curves = {name: certified_accuracy(found, radii) for name, found in rows.items()}
    duels = {name: duel(rows[name], rows[PLAIN], config.noise.sigma) for name in BETTER}
    at = config.parts.index(1.0)
    return Findings(
        judge(curves, duels, at),
        _summary(curves, duels, at, config),
        _numbers(rows, curves, duels, at, config),
        (_lines(curves), _bars(curves, at, config), _average(rows)),
        config.seed,
        {f"{data.name}, test": data.digest},
    )


def _nets(config: Config, bench: Bench) -> dict[str, nn.Module]:
    recipes = {
        PLAIN: config.noise,
        "SmoothAdv": config.smoothadv,
        "MACER": config.macer,
        "consistency": config.consistency,
        DENOISED: config.denoised,
    }
    nets = {name: fit(one, bench.folder, bench.device).model for name, one in recipes.items()}
    inner = getattr(nets[DENOISED], "model", None)
    if not isinstance(inner, nn.Module):
        raise InputError("a denoised net without a denoiser", "--denoised.net denoised")
    return {**nets, BARE: inner}


def _certified(model: nn.Module, data: Dataset, config: Config) -> list[Certificate]:
    noise, plan = Gaussian(config.noise.sigma), Fixed(n=config.n, n0=config.n0)
    with quiet():  # the control never saw noise, and is there to show it
        return list(certify(model, data, noise, plan, alpha=config.alpha, seed=config.seed))


def duel(mine: Sequence[Certificate], theirs: Sequence[Certificate], radius: float) -> Duel:
    """Return on how many images only one of two nets is certified at a radius, and how likely.

    The exact sign test of McNemar: images on which both agree say nothing.
    """
    held = [
        np.array([row.certified >= radius - ROUNDING for row in rows]) for rows in (mine, theirs)
    ]
    ours, others = (int((a & ~b).sum()) for a, b in (held, held[::-1]))
    n = ours + others
    return Duel(ours, others, float(binomtest(ours, n).pvalue) if n else 1.0)


def judge(curves: Mapping[str, CertifiedCurve], duels: Mapping[str, Duel], at: int) -> Verdict:
    """Return the verdict by the rule of the study; `at` is the place of the radius sigma."""
    plain = curves[PLAIN].rates[at]
    better = any(
        curves[name].rates[at].value > plain.high
        and one.mine > one.theirs
        and one.p <= LEVEL / len(duels)
        for name, one in duels.items()
    )
    helps = above(Number.of(curves[DENOISED].rates[at]), Number.of(curves[BARE].rates[at]))
    return Verdict.REPRODUCED if better and helps else Verdict.NOT_REPRODUCED


def _best(curves: Mapping[str, CertifiedCurve], at: int) -> str:
    return max(BETTER, key=lambda name: curves[name].rates[at].value)


def _summary(
    curves: Mapping[str, CertifiedCurve], duels: Mapping[str, Duel], at: int, config: Config
) -> str:
    best = _best(curves, at)
    one = duels[best]
    words = ", ".join(f"{name} {curve.rates[at].value:.1%}" for name, curve in curves.items())
    return (
        f"Certified at l2 {config.noise.sigma:g} under noise of sigma {config.noise.sigma:g}: "
        f"{words}. Only {best} certifies {one.mine} images there, only plain noise {one.theirs} "
        f"(p {one.p:.2g})."
    )


def _numbers(
    rows: Mapping[str, list[Certificate]],
    curves: Mapping[str, CertifiedCurve],
    duels: Mapping[str, Duel],
    at: int,
    config: Config,
) -> dict[str, Number]:
    found = {}
    for name, curve in curves.items():
        for radius, rate in zip(curve.radii, curve.rates, strict=True):
            here = name in PUBLISHED and radius == curve.radii[at]
            told = (PUBLISHED[name], SOURCE) if here else ()
            found[f"{name}: certified accuracy at l2 {radius:g}"] = Number.of(rate, *told)
    for name, one in duels.items():
        label = f"{name} against noise at l2 {config.noise.sigma:g}"
        found[f"{label}: more images certified, less fewer"] = Number.exact(one.mine - one.theirs)
        found[f"{label}: p of the sign test"] = Number.exact(one.p)
    for name, listed in rows.items():
        average = average_radius(listed)
        found[f"{name}: average certified radius (see the caption)"] = Number(
            average.value, *average.interval, len(listed)
        )
    return found


TONES = {
    PLAIN: "plain",
    "SmoothAdv": "good",
    "MACER": "good",
    "consistency": "good",
    DENOISED: "plain",
    BARE: "bad",
}


def _lines(curves: Mapping[str, CertifiedCurve]) -> Curves:
    return Curves(
        "certified-by-training",
        "Certified accuracy over the radius for each way of training, with the interval at each "
        "radius. All nets have the same shape, images and number of epochs; what is asked more of "
        "a step differs.",
        "l2 radius",
        "certified accuracy",
        tuple(
            Series(
                name,
                curve.radii,
                [rate.value for rate in curve.rates],
                [rate.low for rate in curve.rates],
                [rate.high for rate in curve.rates],
                TONES[name],
            )
            for name, curve in curves.items()
        ),
    )


def _bars(curves: Mapping[str, CertifiedCurve], at: int, config: Config) -> Bars:
    plain = curves[PLAIN].rates[at]
    return Bars(
        "at-sigma",
        f"Certified accuracy at l2 {config.noise.sigma:g}, which is sigma. The mark is the upper "
        "end of plain noise's interval, which the best of the others has to pass.",
        "certified accuracy",
        tuple(
            Bar(name, curve.rates[at].value, curve.rates[at].low, curve.rates[at].high, TONES[name])
            for name, curve in curves.items()
        ),
        ((plain.high, "noise, upper end"),),
    )


def _average(rows: Mapping[str, list[Certificate]]) -> Bars:
    bars = []
    for name, listed in rows.items():
        average = average_radius(listed)
        low, high = average.interval
        bars.append(Bar(name, average.value, max(low, 0.0), high, TONES[name]))
    return Bars("average-radius", ABOUT_THE_AVERAGE, "average certified radius", tuple(bars))


SOURCE = "CIFAR-10, ResNet-110, at l2 0.25, the best sigma of each"
PUBLISHED = {
    PLAIN: ".61 (Cohen et al. 2019)",
    "SmoothAdv": ".73 (Salman et al. 2019)",
    "MACER": ".71 (Zhai et al. 2020)",
    DENOISED: ".45 with query access (Salman et al. 2020)",
}
TINY_NETS = {
    name: tiny_net(0.25, loss)
    for name, loss in (
        ("noise", "noise"),
        ("smoothadv", "smoothadv"),
        ("macer", "macer"),
        ("consistency", "consistency"),
    )
}
STUDY = Study(
    id="smoothing-training",
    title="Five ways to train for noise",
    claim="How a net is trained decides how far it is certified: training that looks at the votes, "
    "not at single noisy images, certifies more than noise alone.",
    rule="Reproduced if at the radius sigma (1) one of SmoothAdv, MACER and consistency certifies "
    "more of the same test images than plain noise training: a share above the upper end of plain "
    "noise's 95 % interval, and the images that only one of the two certifies favour it with p at "
    "most 0.05 / 3 (exact sign test, two-sided, for three comparisons); and (2) a denoiser "
    "certifies more images than the same net without it, with intervals that do not meet.",
    published="CIFAR-10, ResNet-110, radius 0.25 / 0.5 / 0.75 / 1, best sigma: noise .61 .43 .32 "
    ".22; SmoothAdv .73 .58 .48 .38; MACER .71 .59 .46 .38; consistency .68 .58 .47 .36; a "
    "denoiser with query access .45 .20 .15 .13, without .07 .03 0 0. They train for 90 to 440 "
    "epochs; here all train for the same few: compared in direction.",
    presets={
        "tiny": Config(
            noise=TINY_NETS["noise"],
            smoothadv=TINY_NETS["smoothadv"],
            macer=replace(TINY_NETS["macer"], copies=2),
            consistency=TINY_NETS["consistency"],
            denoised=replace(tiny_net(0.25, "denoise"), net="denoised"),
            parts=(0.0, 1.0),
            images=12,
            n=60,
            n0=16,
        ),
        "quick": Config(),
        "full": Config(
            noise=cifar_net(0.25),
            smoothadv=replace(cifar_net(0.25, "smoothadv"), steps=2),
            macer=replace(cifar_net(0.25, "macer"), copies=4),
            consistency=cifar_net(0.25, "consistency"),
            denoised=replace(cifar_net(0.25, "denoise"), net="denoised", depth=5, width=32),
            images=500,
            n=1000,
            n0=100,
        ),
    },
    function=study,
)
register(STUDY)
