"""What a model answers: every wrapping is read or refused, and the images stay as they were."""

from collections import namedtuple
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from robustlens.answers import Answers, answered, decision, is_answer, scores
from robustlens.errors import Doubtful, InputError
from robustlens.streams import stream

x = torch.rand(6, 3, 4, 4, generator=stream(0))
W = torch.randn(48, 5, generator=stream(1))
Named = namedtuple("Named", ["logits", "aux"])


def net(x: Tensor) -> Tensor:
    return x.flatten(1) @ W


WRAPPED = {
    "dict with logits": lambda z: {"aux": z.flip(1), "logits": z},
    "dict of one": lambda z: {"output": z, "loss": z.sum()},
    "object": lambda z: SimpleNamespace(logits=z),
    "named tuple": lambda z: Named(z, 0 * z),
    "tuple of one": lambda z: (z,),
    "list with maps": lambda z: [z, z[:, :, None, None].expand(-1, -1, 2, 2)],
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
def test_logits_are_taken_where_only_one_thing_can_be_meant(wrap: Any) -> None:
    with pytest.warns(Doubtful, match="taken"):
        assert torch.equal(Answers(lambda x: wrap(net(x)))(x), net(x))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda z: (z, z),
        lambda z: {"a": z, "b": z},
        lambda z: SimpleNamespace(scores=z),
        lambda z: None,
        lambda z: z.tolist(),
        lambda z: z.numpy(),
        lambda z: z[:3],
        lambda z: z[:, 0],
        lambda z: z[:, :1],
        lambda z: z[:, :, None],
        lambda z: z.to(torch.complex64),
    ],
)
def test_what_can_be_no_logits_is_refused(wrap: Any, unchecked: None) -> None:
    with pytest.raises(InputError, match=r"expected (logits|at least two classes)"):
        Answers(lambda x: wrap(net(x)))(x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_numbers_of_any_size_become_float32_and_decide_alike(dtype: torch.dtype) -> None:
    z = net(x.double() if dtype is torch.float64 else x) if dtype is not torch.float64 else (
        x.double().flatten(1) @ W.double()
    )  # fmt: skip
    z = z.to(dtype)
    read = scores(z, x)
    assert read.dtype == torch.float32
    assert torch.equal(read.argmax(dim=1), z.argmax(dim=1))
    assert torch.allclose(read.log_softmax(1), z.double().log_softmax(1).float(), atol=1e-5)


def test_a_double_with_a_large_constant_keeps_its_decision() -> None:
    z = torch.tensor([[1e9, 1e9 + 1e-3], [1e9 + 1e-4, 1e9]], dtype=torch.float64)
    assert scores(z, x[:2]).argmax(dim=1).tolist() == [1, 0]
    assert float(scores(z, x[:2])[1].diff()) == pytest.approx(-1e-4, rel=1e-2)


def test_a_row_is_an_answer_if_its_largest_entry_is_a_number() -> None:
    inf, nan = torch.inf, torch.nan
    z = torch.tensor([[1, 2, 0], [1, nan, 0], [inf, 0, 0], [-inf, 3, 0], [-inf, -inf, -inf]])
    assert is_answer(z).tolist() == [True, False, False, True, False]
    assert decision(z).tolist() == [1, -1, -1, 1, -1]
    told = answered(z)
    assert torch.equal(told[[0, 3]], z[[0, 3]])
    assert told[[1, 2, 4]].isnan().all()


def bgr(x: Tensor) -> Tensor:
    x[:, [0, 2]] = x[:, [2, 0]]
    return net(x)


WRITERS = {
    "flip": bgr,
    "clamp_": lambda x: net(x.clamp_(0.2, 0.8)),
    "sub_": lambda x: net(x.sub_(0.5)),
    "data": lambda x: net(x.data.mul_(2.0) + 0 * x),
    "numpy": lambda x: net(torch.from_numpy(x.detach().numpy().__imul__(0.5))),
}


@pytest.mark.parametrize("writes", WRITERS.values(), ids=WRITERS)
def test_a_model_that_writes_into_its_input_is_given_a_copy(writes: Any) -> None:
    ask, given = Answers(writes), x.clone()
    first = ask(given)
    assert torch.equal(given, x)
    assert torch.equal(ask(given), first)
    assert torch.equal(given, x)


def test_the_gradient_goes_through_the_copy() -> None:
    ask, leaf = Answers(bgr), x.clone().requires_grad_(True)
    for _ in range(2):
        (gradient,) = torch.autograd.grad(ask(leaf)[:, 1].sum(), leaf)
        want = W[:, 1].view(3, 4, 4)[[2, 1, 0]].expand_as(x)
        assert torch.allclose(gradient, want)


def test_a_model_that_begins_to_write_later_is_refused() -> None:
    calls: list[int] = []

    def later(x: Tensor) -> Tensor:
        calls.append(1)
        return net(x.mul_(0.5) if len(calls) > 1 else x)

    ask = Answers(later)
    ask(x.clone())
    with pytest.raises(InputError, match="writes into its input"):
        ask(x.clone())


@pytest.mark.parametrize("label", [-1, -100, 5, 2**40])
def test_a_label_that_is_no_class_is_named(label: int) -> None:
    y = torch.tensor([0, 1, 2, 3, 4, label])
    with pytest.raises(InputError, match=f"label {label} "):
        Answers(net, y)(x)


def test_an_error_of_the_model_keeps_its_type() -> None:
    def broken(x: Tensor) -> Tensor:
        raise ZeroDivisionError("in my forward")

    with pytest.raises(ZeroDivisionError, match="in my forward"):
        Answers(broken)(x)


def test_two_classes_of_one_logit() -> None:
    from robustlens.nets import two_classes

    head = nn.Sequential(nn.Flatten(), nn.Linear(48, 1))
    z = two_classes(head)(x)
    assert torch.equal(z.argmax(dim=1) == 1, head(x)[:, 0] > 0)
    assert torch.allclose(z.softmax(dim=1)[:, 1], head(x)[:, 0].sigmoid())


def test_whole_numbers_with_a_large_constant_keep_their_decision() -> None:
    z = (net(x) * 1000).long() + 2**40
    read = scores(z, x)
    assert torch.equal(read.argmax(dim=1), z.argmax(dim=1))
    assert torch.allclose(read.diff(dim=1), z.diff(dim=1).float())


def test_a_caller_in_inference_mode_is_answered() -> None:
    with torch.inference_mode():
        assert torch.equal(Answers(net)(x + 0), net(x))
        assert torch.equal(Answers(bgr)(x + 0), net(x[:, [2, 1, 0]]))
