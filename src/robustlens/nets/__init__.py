"""Nets, their weights on disk, and how to read any model.

net = Architecture(net="resnet", width=32, channels=3, size=32).build()
z, r = logits(net, x), features(net, x)
"""

import typing

from robustlens import lazy

if typing.TYPE_CHECKING:
    from robustlens.nets.among import among
    from robustlens.nets.architecture import NETS, Architecture
    from robustlens.nets.averaged import Averaged, at_copies, log_mean_softmax
    from robustlens.nets.checkpoints import Checkpoint, load, save
    from robustlens.nets.denoiser import Denoised, Denoiser
    from robustlens.nets.mlp import MLP
    from robustlens.nets.normalise import Normalise, normalised, two_classes
    from robustlens.nets.reading import features, logits
    from robustlens.nets.resnet import PreActResNet, preact_resnet
    from robustlens.nets.small import SmallCNN
    from robustlens.nets.vgg import VGG
    from robustlens.nets.wide_resnet import wide_resnet

__all__ = [
    "MLP",
    "NETS",
    "VGG",
    "Architecture",
    "Averaged",
    "Checkpoint",
    "Denoised",
    "Denoiser",
    "Normalise",
    "PreActResNet",
    "SmallCNN",
    "among",
    "at_copies",
    "features",
    "load",
    "log_mean_softmax",
    "logits",
    "normalised",
    "preact_resnet",
    "save",
    "two_classes",
    "wide_resnet",
]

lazy.names(__name__, {
    "robustlens.nets.among": "among",
    "robustlens.nets.architecture": "NETS Architecture",
    "robustlens.nets.averaged": "Averaged at_copies log_mean_softmax",
    "robustlens.nets.checkpoints": "Checkpoint load save",
    "robustlens.nets.denoiser": "Denoised Denoiser",
    "robustlens.nets.mlp": "MLP",
    "robustlens.nets.normalise": "Normalise normalised two_classes",
    "robustlens.nets.reading": "features logits",
    "robustlens.nets.resnet": "PreActResNet preact_resnet",
    "robustlens.nets.small": "SmallCNN",
    "robustlens.nets.vgg": "VGG",
    "robustlens.nets.wide_resnet": "wide_resnet",
})  # fmt: skip
