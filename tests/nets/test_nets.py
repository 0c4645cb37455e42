import json
import pickle
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import robustlens
from robustlens.errors import InputError, UnknownName
from robustlens.nets import (
    NETS,
    Architecture,
    Normalise,
    PreActResNet,
    SmallCNN,
    checkpoints,
    features,
    load,
    logits,
    normalised,
    preact_resnet,
    save,
    wide_resnet,
)
from robustlens.nets.reading import head_of
from robustlens.streams import initialised, stream

SMALL = Architecture(net="small", width=2)
TINY = {
    "resnet": {"depth": 10},
    "resnet-gelu": {"depth": 10},
    "wide-resnet": {"depth": 10, "widen": 2},
}


def count(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


# Architectures


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("size", [28, 32, 64, 128])
def test_shapes_and_gradients(net: str, size: int) -> None:
    a = Architecture(net=net, width=4, channels=3, classes=7, size=size, **TINY.get(net, {}))
    model = initialised(0, a.build)
    x = torch.rand(2, 3, size, size, generator=stream(0)).requires_grad_(True)
    z = model(x)
    assert z.shape == (2, 7)
    z.square().sum().backward()
    assert x.grad is not None
    assert x.grad.abs().amax(dim=(1, 2, 3)).min() > 0
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert model.eval()(x[:0]).shape == (0, 7)


def test_sizes_are_those_of_the_papers() -> None:
    with torch.device("meta"):
        assert count(preact_resnet(18, 64)) == pytest.approx(11.17e6, rel=1e-3)
        assert count(wide_resnet(28, 10)) == pytest.approx(36.48e6, rel=1e-3)
        assert count(wide_resnet(34, 10)) == pytest.approx(46.16e6, rel=1e-3)
        assert count(preact_resnet(20, 16)) == pytest.approx(0.27e6, rel=0.02)
        assert len(preact_resnet(18).blocks) == 8
        assert len(preact_resnet(34).blocks) == 16


def test_above_64_pixels_the_stem_has_a_stride() -> None:
    strides = {
        size: Architecture(net="resnet", width=2, size=size).build().stem.stride[0]
        for size in (28, 64, 65, 128)
    }
    assert strides == {28: 1, 64: 1, 65: 2, 128: 2}


def test_a_block_computes_what_it_says() -> None:
    from torch.nn.functional import batch_norm, conv2d

    model = initialised(0, lambda: PreActResNet((1,), width=4, channels=3)).double().eval()
    x = torch.rand(2, 3, 6, 6, dtype=torch.float64, generator=stream(0))
    block, w = model.blocks[0], model.state_dict()

    def norm(t: Tensor, name: str) -> Tensor:
        mean, var = w[f"{name}.running_mean"], w[f"{name}.running_var"]
        return batch_norm(t, mean, var, w[f"{name}.weight"], w[f"{name}.bias"]).clamp_min(0)

    stem = conv2d((x - 0.5) / 0.25, w["stem.weight"], padding=1)
    inner = conv2d(norm(stem, "blocks.0.norm1"), w["blocks.0.conv1.weight"], padding=1)
    inner = conv2d(norm(inner, "blocks.0.norm2"), w["blocks.0.conv2.weight"], padding=1)
    z = norm(stem + inner, "norm").mean(dim=(2, 3)) @ w["head.weight"].T + w["head.bias"]
    assert isinstance(block.shortcut, nn.Identity)
    assert torch.allclose(model(x), z)


def test_normalisation_is_a_layer() -> None:
    x = torch.rand(2, 3, 4, 4, generator=stream(0))
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)
    expected = torch.stack([(x[:, c] - mean[c]) / std[c] for c in range(3)], dim=1)
    assert torch.allclose(Normalise(mean, std)(x), expected)
    assert torch.allclose(normalised(nn.Flatten(), mean, std)(x), expected.flatten(1))
    assert not normalised(nn.Flatten(), mean, std).state_dict()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Architecture(net="resnt"), r"unknown net 'resnt'.*did you mean 'resnet'"),
        (lambda: Architecture(width=0), "width, widen, channels, classes and size of at least 1"),
        (lambda: Architecture(depth=7).build(), "small net of depth 7; expected depth 0 or 6"),
        (lambda: Architecture(net="resnet", depth=9).build(), "depth is 9; expected 8n"),
        (lambda: preact_resnet(-1), "depth is -1"),
        (lambda: preact_resnet(2), "depth is 2"),
        (lambda: wide_resnet(27), "depth is 27; expected 6 n"),
        (lambda: wide_resnet(4), "depth is 4"),
        (lambda: PreActResNet(()), "at least one block a stage"),
        (lambda: PreActResNet((1, 0)), "at least one block a stage"),
        (lambda: PreActResNet(width=0), "width 0"),
    ],
)
def test_impossible_nets_are_refused(make: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


# Reading


class Foreign(nn.Module):
    """Somebody's model: in-place activations, an unused module."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3)
        self.act = nn.ReLU(inplace=True)
        self.unused = nn.Conv2d(1, 1, 1)
        self.fc = nn.Linear(3 * 16, 4)

    def forward(self, x: Tensor) -> Tensor:
        z: Tensor = self.fc(self.act(self.conv(x)).flatten(1))
        return z


@pytest.mark.parametrize("net", NETS)
def test_features_of_our_nets_feed_the_head(net: str) -> None:
    a = Architecture(net=net, width=4, channels=1, **TINY.get(net, {}))
    model = initialised(0, a.build).eval()
    x = torch.rand(3, 1, 28, 28, generator=stream(0)).requires_grad_(True)
    r = features(model, x)
    classifier = model.model if net == "denoised" else model
    assert torch.allclose(classifier.head(r), logits(model, x), atol=1e-6)
    assert torch.autograd.grad(r.sum(), x)[0].abs().max() > 0
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_features_of_a_foreign_model_by_name() -> None:
    model, x = initialised(0, Foreign), torch.rand(2, 1, 6, 6, generator=stream(0))
    assert torch.equal(features(model, x, "conv"), model.conv(x))  # before the in-place ReLU
    assert torch.equal(features(model, x, "act"), model.conv(x).clamp_min(0))
    assert torch.equal(features(model, x), model.conv(x).clamp_min(0).flatten(1))
    assert torch.equal(features(model, x, "fc"), logits(model, x))


class Odd(nn.Module):
    """A net of 5 classes in which the head is not the last linear layer that is registered."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.head = nn.Linear(8, 5)
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        self.gate, self.aux, self.never = nn.Linear(8, 8), nn.Linear(8, 5), nn.Linear(8, 5)
        self.map = nn.Conv2d(8, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.body(x).flatten(1)
        match self.kind:
            case "gated":
                z = self.head(h * self.gate(h).sigmoid())
            case "head last":
                z = self.head(h)
            case "aux before":
                self.kept = self.aux(h + 1)
                z = self.head(h)
            case "aux after":
                z = self.head(h)
                self.kept = self.aux(h + 1)
            case "aux after, scaled":
                z = self.head(h) / 2
                self.kept = self.aux(h + 1)
            case "named":
                z = self.head(input=h)
            case "in place":
                z = self.head(h).div_(3)
            case "log-softmax":
                z = self.head(h).log_softmax(1)
            case "twice, the second":
                self.kept = self.head(h + 1)
                z = self.head(h)
            case "twice, the first":
                z = self.head(h).view(len(x), 5)
                self.kept = self.head(h + 1)
            case "equal values":
                z = self.head(h).clone()
                self.kept = self.aux(h + 1)
            case _:
                self.kept = self.aux(h + 1)
                z = self.map(self.body(x)).flatten(1)
        return z


ODD = (
    "gated", "head last", "aux before", "aux after", "aux after, scaled", "named", "in place",
    "log-softmax", "twice, the second", "twice, the first", "equal values",
)  # fmt: skip


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("grad", [True, False])
def test_features_are_what_the_head_that_is_used_reads(kind: str, grad: bool) -> None:
    model, x = initialised(0, lambda: Odd(kind)).eval(), torch.rand(4, 3, 6, 6, generator=stream(0))
    with torch.set_grad_enabled(grad):
        h = model.body(x).flatten(1)
        expected = h * model.gate(h).sigmoid() if kind == "gated" else h
        assert torch.equal(features(model, x), expected)
        assert head_of(model, x) is model.head
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_a_head_that_is_no_linear_layer_is_refused_and_the_layer_to_read_named() -> None:
    model, x = Odd("map"), torch.rand(2, 3, 6, 6)
    said = r"5 logits come from no linear layer that ran.*pass layer='body\.2'"
    with pytest.raises(InputError, match=said):
        features(model, x)
    assert torch.equal(features(model, x, "body.2"), model.body(x))
    squeeze = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.Conv2d(6, 5, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    with pytest.raises(InputError, match=r"without a linear layer.*pass layer='0'"):
        features(squeeze, x)


def test_what_cannot_be_read_is_refused() -> None:
    model, x = Foreign(), torch.rand(2, 1, 6, 6)
    with pytest.raises(UnknownName, match=r"unknown layer 'cnv'.*did you mean 'conv'"):
        features(model, x, "cnv")
    with pytest.raises(InputError, match="layer 'unused' did not run"):
        features(model, x, "unused")
    with pytest.raises(InputError, match="a model without a linear layer"):
        features(nn.Flatten(), x)
    with pytest.raises(RuntimeError):
        features(model, x[:, :, :2], "conv")
    assert not model.conv._forward_hooks


class Made(nn.Module):
    """A net of which only the end differs: what becomes of the hidden units (b, 8)."""

    def __init__(self, end: Any, first: Any = None, classes: int = 4) -> None:
        super().__init__()
        self.first, self.end = first or (lambda x: x), end
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.fc, self.act = nn.Linear(8, classes), nn.ReLU(inplace=True)
        self.other = nn.Linear(8, classes)
        self.w = nn.Parameter(torch.randn(classes, classes, generator=stream(5)))
        self.lstm, self.heads = nn.LSTM(8, 6, batch_first=True), nn.MultiheadAttention(8, 2)
        self.stacked = nn.LSTM(8, 6)

    def forward(self, x: Tensor) -> Any:
        return self.end(self, self.body(self.first(x)))


WRITES = {
    "clamp": lambda x: x.clamp_(0.2, 0.8),
    "sub": lambda x: x.sub_(0.5).div_(0.25),
    "flip": lambda x: x.copy_(x.flip(1)),
}


@pytest.mark.parametrize("writes", WRITES)
@pytest.mark.parametrize("layer", [None, "body.0", "fc"])
def test_a_net_that_writes_into_its_input_is_read_from_a_copy(
    writes: str, layer: str | None
) -> None:
    model = initialised(0, lambda: Made(lambda m, h: m.fc(h), WRITES[writes])).eval()
    given = torch.rand(4, 3, 8, 8, generator=stream(0))
    x, h = given.clone(), model.body(WRITES[writes](given.clone()))
    expected = {None: h, "body.0": model.body[0](WRITES[writes](given.clone())), "fc": model.fc(h)}
    assert torch.equal(features(model, x, layer), expected[layer])
    assert torch.equal(x, given)
    leaf = given.clone().requires_grad_(True)
    features(model, leaf, layer).sum().backward()
    assert leaf.grad is not None
    assert leaf.grad.abs().max() > 0
    assert torch.equal(leaf, given)


@pytest.mark.parametrize("scale", [1, 3])
def test_what_the_head_reads_is_kept_before_it_is_worked_on_in_place(scale: int) -> None:
    def end(m: Any, h: Tensor) -> Tensor:
        z = m.fc(h) * scale
        with torch.no_grad():
            m.act(h.neg_())
        return z

    model, x = initialised(0, lambda: Made(end)).eval(), torch.rand(4, 3, 8, 8)
    with torch.no_grad():
        assert torch.equal(features(model, x), model.body(x))


@pytest.mark.parametrize("layer", ["lstm", "heads"])
def test_of_a_layer_that_returns_a_tuple_the_first_tensor_is_read(layer: str) -> None:
    def end(m: Any, h: Tensor) -> Tensor:
        rows = h[:, None].expand(-1, 5, -1)
        m.lstm(rows)
        m.kept = m.heads(rows, rows, rows, need_weights=False)
        return m.fc(h)

    model, x = initialised(0, lambda: Made(end)).eval(), torch.rand(4, 3, 8, 8)
    rows = model.body(x)[:, None].expand(-1, 5, -1)
    expected = {"lstm": lambda: model.lstm(rows)[0], "heads": lambda: model.heads(*[rows] * 3)[0]}
    torch.testing.assert_close(features(model, x, layer), expected[layer]())


@pytest.mark.parametrize(
    ("layer", "returned", "said"),
    [
        ("stacked", None, r"layer 'stacked', which returns shape \(5, 3, 6\) for 3 images"),
        ("act", {"loss": torch.tensor(1.0)}, r"layer 'act', which returns shape \(\) for 3 images"),
        ("act", ("words", torch.zeros(3, 2)), "layer 'act', which returns a tuple for 3 images"),
        ("act", [], "layer 'act', which returns a list for 3 images"),
        ("act", object(), "layer 'act', which returns a object for 3 images"),
    ],
)
def test_a_layer_that_returns_no_row_an_image_is_refused(
    layer: str, returned: Any, said: str
) -> None:
    def end(m: Any, h: Tensor) -> Tensor:
        m.stacked(h[:, None].expand(-1, 5, -1).transpose(0, 1))
        m.act(h)
        return m.fc(h)

    model = initialised(0, lambda: Made(end)).eval()
    if returned is not None:
        model.act.register_forward_hook(lambda *_: returned)
    with pytest.raises(InputError, match=said):
        features(model, torch.rand(3, 3, 8, 8), layer)


def test_a_layer_is_read_from_a_net_that_returns_no_logits() -> None:
    model, x = initialised(0, lambda: Made(lambda m, h: h[:, 0])).eval(), torch.rand(4, 3, 8, 8)
    assert torch.equal(features(model, x, "body"), model.body(x))


FUNCTIONAL: dict[str, Any] = {
    "relu, then a linear function": lambda m, h: linear(m.fc(h).relu(), m.w),
    "a linear function": lambda m, h: linear(m.fc(h), m.w),
    "a permutation": lambda m, h: m.fc(h).roll(1, dims=1),
    "its negative": lambda m, h: -m.fc(h),
    "a difference of two": lambda m, h: m.fc(h) - m.fc(2 * h).roll(1, dims=1),
    "the mean of two": lambda m, h: (m.fc(h) + m.other(h)) / 2,
    "another beside it": lambda m, h: m.fc(h) + linear(h, m.other.weight),
    "in a dict": lambda m, h: {"logits": linear(m.fc(h).relu(), m.w), "loss": h.sum()},
    "without a gradient": lambda m, h: linear(m.fc(h).relu(), m.w).detach(),
}
HEADS: dict[str, Any] = {
    "scaled": lambda m, h: m.fc(h) * 7,
    "shifted": lambda m, h: m.fc(h) + m.w[0],
    "softmax": lambda m, h: m.fc(h).softmax(1),
    "log-softmax": lambda m, h: (m.fc(h) / 3).log_softmax(1),
    "sigmoid": lambda m, h: m.fc(h).sigmoid(),
    "capped": lambda m, h: 30 * (m.fc(h) / 30).tanh(),
    "a tuple": lambda m, h: (m.fc(h) / 2, h[None]),
    "without a gradient": lambda m, h: m.fc(h).detach() * 2,
    "softmax without a gradient": lambda m, h: m.fc(h).detach().softmax(1),
    "in double": lambda m, h: m.fc(h).double() / 2,
}
linear = nn.functional.linear


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_row_without_an_answer_hides_no_head(bad: float) -> None:
    def end(m: Any, h: Tensor) -> Tensor:
        m.other(h)
        return m.fc(torch.cat([h[:1] * bad, h[1:]]))

    model, x = initialised(0, lambda: Made(end)).eval(), torch.rand(4, 3, 8, 8)
    assert head_of(model, x) is model.fc
    assert torch.equal(features(model, x)[1:], model.body(x)[1:])


@pytest.mark.filterwarnings("ignore:the model returns")
@pytest.mark.parametrize("classes", [2, 3, 8])
@pytest.mark.parametrize("end", FUNCTIONAL)
def test_a_linear_layer_whose_output_is_not_the_logits_is_no_head(end: str, classes: int) -> None:
    model = initialised(0, lambda: Made(FUNCTIONAL[end], classes=classes)).eval()
    x = torch.rand(6, 3, 8, 8, generator=stream(0))
    said = rf"{classes} logits are the output of '(fc|other)' only after.*pass layer='(fc|other)'"
    for read in (features, head_of):
        with pytest.raises(InputError, match=said):
            read(model, x)
    assert not model.fc._forward_hooks


@pytest.mark.filterwarnings("ignore:the model returns")
@pytest.mark.parametrize("classes", [2, 3, 8])
@pytest.mark.parametrize("end", HEADS)
@pytest.mark.parametrize("inference", [True, False])
def test_a_head_may_be_scaled_or_squashed(end: str, classes: int, inference: bool) -> None:
    model = initialised(0, lambda: Made(HEADS[end], classes=classes)).eval()
    x = torch.rand(6, 3, 8, 8, generator=stream(0))
    with torch.inference_mode(inference):
        assert torch.equal(features(model, x), model.body(x))
        assert head_of(model, x) is model.fc


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("model", [nn.Identity(), lambda x: x.flatten(1)[:1], lambda x: x.sum()])
def test_answers_that_are_no_logits_are_refused(model: Any) -> None:
    with pytest.raises(InputError, match=r"a model that returns shape .*logits of shape \(2, cl"):
        logits(model, torch.rand(2, 1, 6, 6))


# Checkpoints


@pytest.fixture
def model() -> nn.Module:
    model = initialised(0, SMALL.build)
    model(torch.rand(8, 1, 28, 28, generator=stream(0)))  # batch-norm statistics of their own
    return model


@pytest.fixture
def path(tmp_path: Path, model: nn.Module) -> Path:
    save(tmp_path / "net.safetensors", model, architecture=SMALL, card={"recipe": "r"})
    return tmp_path / "net.safetensors"


def same(one: nn.Module, other: nn.Module) -> bool:
    a, b = one.state_dict(), other.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_round_trip_is_bit_exact(path: Path, model: nn.Module) -> None:
    loaded, card = load(path)
    assert same(loaded, model)
    assert not loaded.training
    assert isinstance(loaded, SmallCNN)
    assert card["recipe"] == "r"
    assert card["architecture"] == SMALL.as_dict()
    assert card["versions"]["torch"] == torch.__version__
    assert card["versions"]["robustlens"] == robustlens.__version__
    again = path.with_name("again.safetensors")
    save(again, loaded, architecture=SMALL, card={"recipe": "r"})
    assert again.read_bytes() == path.read_bytes()


def test_half_storage_halves_the_file_and_rounds(tmp_path: Path, model: nn.Module) -> None:
    save(tmp_path / "half.safetensors", model, architecture=SMALL, dtype=torch.float16)
    loaded = load(tmp_path / "half.safetensors").model
    for name, t in loaded.state_dict().items():
        expected = model.state_dict()[name]
        assert t.dtype == expected.dtype
        rounded = expected.half().to(t.dtype) if t.is_floating_point() else expected
        assert torch.equal(t, rounded)


def test_weights_go_into_a_model_given(path: Path, model: nn.Module) -> None:
    mine = SMALL.build()
    assert load(path, into=mine).model is mine
    assert same(mine, model)


@pytest.mark.parametrize(("length", "start"), [(0x280, b"\x80\x02"), (0x4B50, b"PK")])
def test_headers_that_start_like_a_pickle_are_read(
    tmp_path: Path, length: int, start: bytes
) -> None:
    """The length of the header comes first: 640 bytes look like a pickle, 19280 like a zip."""
    path, model = tmp_path / "net.safetensors", nn.Linear(2, 2)
    checkpoints.write_tensors(path, model.state_dict(), {"note": ""})
    (short,) = struct.unpack("<Q", path.read_bytes()[:8])
    checkpoints.write_tensors(path, model.state_dict(), {"note": "x" * (length - short)})
    assert path.read_bytes().startswith(start)
    assert same(load(path, into=nn.Linear(2, 2)).model, model)


@pytest.fixture
def shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: nn.Module) -> Path:
    monkeypatch.setattr(checkpoints, "SHARD_BYTES", 2000)
    save(tmp_path / "big.safetensors", model, architecture=SMALL, card={"recipe": "r"})
    return tmp_path / "big.safetensors"


def test_shards_round_trip(shards: Path, model: nn.Module) -> None:
    files = sorted(p.name for p in shards.parent.iterdir())
    n = len(files) - 1
    assert n > 2
    expected = [f"big-{i:05d}-of-{n:05d}.safetensors" for i in range(1, n + 1)]
    assert files == sorted([*expected, "big.safetensors.index.json"])
    index = json.loads((shards.parent / "big.safetensors.index.json").read_text())
    assert set(index["weight_map"]) == set(model.state_dict())
    loaded, card = load(shards)
    assert same(loaded, model)
    assert card["recipe"] == "r"


def test_sixteen_mib_is_the_limit_of_a_file(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(2048, 1024, bias=False), nn.Linear(1024, 2050, bias=False))
    save(tmp_path / "wide.safetensors", model, architecture=SMALL)
    sizes = [p.stat().st_size for p in tmp_path.glob("*.safetensors")]
    assert len(sizes) == 2
    assert max(sizes) < 16 * 2**20
    mine = nn.Sequential(nn.Linear(2048, 1024, bias=False), nn.Linear(1024, 2050, bias=False))
    assert same(load(tmp_path / "wide.safetensors", into=mine).model, model)


def test_the_last_save_is_the_one_that_loads(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = initialised(1, SMALL.build)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "SHARD_BYTES", 2**30)
        save(shards, other, architecture=SMALL)
    assert same(load(shards).model, other)
    third = initialised(2, SMALL.build)
    save(shards, third, architecture=SMALL)
    assert same(load(shards).model, third)


def test_a_missing_shard_is_named(shards: Path) -> None:
    lost = sorted(shards.parent.glob("big-*.safetensors"))[1]
    lost.unlink()
    with pytest.raises(InputError, match=rf"no file .*{lost.name}, one of the \d+ shards"):
        load(shards)


def test_shards_of_two_saves_are_not_mixed(shards: Path) -> None:
    first = sorted(shards.parent.glob("big-*.safetensors"))[0]
    kept = first.read_bytes()
    save(shards, initialised(1, SMALL.build), architecture=SMALL, card={"recipe": "r"})
    first.write_bytes(kept)
    with pytest.raises(InputError, match="come from different saves"):
        load(shards)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {"a": "../b"}}',
             '{"weight_map": {"a": 1}}']
)  # fmt: skip
def test_a_damaged_index_is_refused(shards: Path, text: str) -> None:
    shards.with_name("big.safetensors.index.json").write_text(text)
    with pytest.raises(InputError, match=r"index\.json is damaged"):
        load(shards)


@pytest.mark.parametrize("kept", [0, 1, 7, 8, 9, 50, 300, -4000, -100, -1])
def test_truncated_files_are_refused(path: Path, kept: int) -> None:
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"is truncated|is damaged"):
        load(path)


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_are_refused_unopened(path: Path, protocol: int) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (path.write_text, ("run",))

    path.write_bytes(pickle.dumps({"w": Bomb(), "pad": list(range(99))}, protocol))
    expected = "is a pickle, which can run any code" if protocol >= 2 else "no safetensors file"
    with pytest.raises(InputError, match=expected):
        load(path)
    assert path.read_bytes() != b"run"


def test_torch_files_are_refused(path: Path, model: nn.Module) -> None:
    torch.save(model.state_dict(), path)
    with pytest.raises(InputError, match=r"is a pickle.*safetensors\.torch\.save_file"):
        load(path)


def rewritten(path: Path, header: bytes) -> None:
    path.write_bytes(struct.pack("<Q", len(header)) + header)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"{not json}", "is damaged"),
        (b'{"__metadata__":{"robustlens":"{"}}', "is damaged"),
        (b"\xff\xff", "is damaged"),
    ],
)
def test_damaged_headers_are_refused(path: Path, header: bytes, message: str) -> None:
    rewritten(path, header)
    with pytest.raises(InputError, match=message):
        load(path)


def test_other_files_are_refused(path: Path) -> None:
    path.write_bytes(b"GIF89a" + b"\0" * 100)
    with pytest.raises(InputError, match="no safetensors file"):
        load(path)
    with pytest.raises(InputError, match=r"no file .*; expected a \.safetensors checkpoint"):
        load(path.with_name("absent.safetensors"))
    with pytest.raises(InputError, match="no file"):
        load(path.parent)


def test_another_architecture_is_refused(path: Path) -> None:
    wide = Architecture(net="small", width=3).build()
    message = (
        r"another architecture, \d+ tensors differ \(body\.0\.0\.weight: \(2, 1, 3, 3\) instead"
    )
    with pytest.raises(InputError, match=message):
        load(path, into=wide)
    with pytest.raises(InputError, match=r"3, 3\) instead of nothing;.*of this Foreign"):
        load(path, into=Foreign())


def test_a_file_without_a_card_needs_a_model(path: Path, model: nn.Module) -> None:
    save_file(model.state_dict(), path)
    with pytest.raises(InputError, match=r"has no card .*pass the model to fill"):
        load(path)
    loaded, card = load(path, into=SMALL.build())
    assert card == {}
    assert same(loaded, model)


def test_a_card_of_another_version_is_refused(path: Path, model: nn.Module) -> None:
    checkpoints.write_tensors(
        path, model.state_dict(), {"architecture": {"net": "small", "new": 1}}
    )
    with pytest.raises(InputError, match="describes its net as"):
        load(path)


def test_a_folder_that_cannot_be_written(path: Path, model: nn.Module) -> None:
    with pytest.raises(InputError, match="cannot write"):
        save(path / "below" / "net.safetensors", model, architecture=SMALL)
