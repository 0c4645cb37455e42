"""Nets without shortcuts: VGG with any norm, and the multilayer perceptron."""

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d, max_pool2d

from robustlens.errors import InputError, UnknownName
from robustlens.modes import fast
from robustlens.nets import MLP, NETS, VGG, Architecture, features, logits
from robustlens.nets.vgg import NORMS
from robustlens.streams import initialised, stream


def images(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=stream(0))


def test_vgg_has_the_convolutions_of_the_paper() -> None:
    with torch.device("meta"):
        for depth, millions in ((11, 9.22), (13, 9.40), (16, 14.71), (19, 20.02)):
            body = VGG(depth, 64).body
            convolutions = [m for m in body if isinstance(m, nn.Conv2d)]
            assert len(convolutions) == depth - 3
            weights = sum(p.numel() for p in body.parameters())
            assert weights == pytest.approx(millions * 1e6, rel=1e-3)


def test_vgg_computes_what_it_says() -> None:
    model = initialised(0, lambda: VGG(11, 2, "none", 3, 4)).double()
    x = images(2, 3, 28, 28).double()
    maps = (x - 0.5) / 0.25
    for layer in model.body:
        if isinstance(layer, nn.Conv2d):
            maps = conv2d(maps, layer.weight, layer.bias, padding=1).clamp_min(0)
        elif isinstance(layer, nn.MaxPool2d):
            maps = max_pool2d(maps, 2, ceil_mode=True)
    assert maps.shape == (2, 16, 1, 1)  # 28, 14, 7, 4, 2, 1
    assert torch.allclose(features(model, x), maps.flatten(1))
    assert torch.allclose(model(x), maps.flatten(1) @ model.head.weight.T + model.head.bias)


@pytest.mark.parametrize("norm", NORMS)
def test_a_norm_is_there_or_not(norm: str) -> None:
    model = initialised(0, lambda: VGG(11, 4, norm, 1, 10))
    kinds = (nn.BatchNorm2d, nn.GroupNorm)
    found = {type(m) for m in model.modules() if isinstance(m, kinds)}
    assert found == {"batch": {nn.BatchNorm2d}, "group": {nn.GroupNorm}, "none": set()}[norm]
    x = images(4, 1, 28, 28)
    model.eval()
    spread = features(model, x).detach().std(dim=0)
    assert float(spread.max()) > 0  # no norm takes everything away at one pixel


def test_weights_begin_so_that_signals_keep_their_size() -> None:
    model = initialised(0, lambda: VGG(19, 16, "none", 1, 10)).eval()
    assert 0.05 < float(features(model, images(8, 1, 32, 32)).detach().std()) < 20


@pytest.mark.parametrize("net", ["vgg", "vgg-gn", "mlp"])
def test_an_image_does_not_depend_on_its_batch(net: str) -> None:
    model = initialised(0, Architecture(net=net, width=8).build)
    assert model.training
    x = images(5, 1, 28, 28)
    assert torch.allclose(model(x)[:2], model(x[:2]), atol=1e-5)


def test_an_mlp_is_linear_layers_on_pixels() -> None:
    model = initialised(0, lambda: MLP(3, 8, 4, width=16, depth=3))
    x = images(5, 3, 8, 8)
    h = ((x - 0.5) / 0.25).flatten(1)
    for layer in model.body:
        h = (h @ layer.weight.T + layer.bias).clamp_min(0) if isinstance(layer, nn.Linear) else h
    assert torch.allclose(features(model, x), h, atol=1e-5)
    assert torch.allclose(logits(model, x), h @ model.head.weight.T + model.head.bias, atol=1e-5)
    assert sum(isinstance(m, nn.Linear) for m in model.modules()) == 3
    assert model(images(2, 3, 16, 8)).shape == (2, 4)


@pytest.mark.parametrize("net", NETS)
def test_a_twin_agrees(net: str) -> None:
    deep = {"resnet": 8, "resnet-gelu": 8, "wide-resnet": 10}.get(net, 0)
    model = initialised(0, Architecture(net=net, width=8, depth=deep).build).eval()
    x = images(16, 1, 28, 28)
    z = model(x).detach()
    assert torch.allclose(fast(model)(x), z, atol=0.05 * float(z.std()) + 0.02)


def test_impossible_plain_nets_are_refused() -> None:
    with pytest.raises(InputError, match="depth is 12; expected 11, 13, 16, 19"):
        VGG(12)
    with pytest.raises(UnknownName, match="unknown norm 'layer'"):
        VGG(norm="layer")
    with pytest.raises(InputError, match="depth is 1; expected at least 2"):
        MLP(depth=1)
