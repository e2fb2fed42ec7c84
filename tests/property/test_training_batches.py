"""Batches hold every example once; parts of a batch are the batch; gradients do not care."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.data.batches import order_batches
from backend.training.examples import Batch
from backend.training.memory import BatchSplitter


@given(st.integers(1, 300), st.integers(1, 80), st.integers(1, 4))
def test_an_order_is_cut_into_itself(count: int, batch: int, least: int) -> None:
    order = torch.randperm(count)
    parts = order_batches(order, batch, least=least)
    joined = torch.cat(parts) if parts else order[:0]
    assert torch.equal(joined, order[: len(joined)])
    assert count - len(joined) < min(least, count) or batch < least
    assert all(len(part) == batch for part in parts[:-1])


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 2))
def test_gradients_of_parts_add_up_to_those_of_the_batch(
    count: int, at_once: int, least: int
) -> None:
    """The mean loss of a linear map, in parts of any size, against one pass."""
    generator = torch.Generator().manual_seed(count)
    x = torch.randn(count, 3, generator=generator, dtype=torch.float64)
    weight = torch.randn(3, generator=generator, dtype=torch.float64, requires_grad=True)
    sizes: list[int] = []

    def loss(batch: Batch) -> torch.Tensor:
        return ((batch.x @ weight - batch.wanted) ** 2).mean()

    def add(batch: Batch, share: float) -> torch.Tensor:
        sizes.append(len(batch))
        part = loss(batch) * share
        part.backward()
        return part.detach()

    def clear() -> None:
        weight.grad = None

    batch = Batch(x, torch.ones(count, dtype=torch.float64))
    whole = loss(batch)
    (expected,) = torch.autograd.grad(whole, weight)
    splitter = BatchSplitter(count, least=least, at_once=max(at_once, least))
    seen = splitter.accumulate(batch, add, clear, lambda _: None)
    assert weight.grad is not None
    assert torch.allclose(weight.grad, expected)
    assert abs(seen - whole.item()) < 1e-9 * max(1.0, whole.item())
    assert sum(sizes) == count and max(sizes) - min(sizes) <= 1
    assert min(sizes) >= min(least, count)
