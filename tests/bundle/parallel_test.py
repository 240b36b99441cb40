"""Tests that results come in order, few items ahead, on one core and on several."""

import threading

import pytest

from estimator_ckpt.bundle import parallel


@pytest.fixture(params=[1, 2, 4])
def cores(request, monkeypatch):
    monkeypatch.setattr(parallel, 'threads', lambda: request.param)
    return request.param


def one(item):
    """The size of items of which each is worked on alone."""
    return parallel._BATCH


class Counted:
    """The numbers up to a hundred, and how many of them have been taken."""

    def __init__(self):
        self.taken = 0

    def __iter__(self):
        for number in range(100):
            self.taken += 1
            yield number


@pytest.mark.parametrize('size', [0, 1, 1_000_000, 1 << 40])
def test_results_are_in_the_order_of_the_items(cores, size):
    results = parallel.in_order(lambda number: number * number, range(1000), lambda number: size)
    assert list(results) == [number * number for number in range(1000)]
    assert list(parallel.in_order(str, [], lambda item: size)) == []


def test_several_items_are_worked_on_at_the_same_time(cores):
    barrier = threading.Barrier(cores, timeout=60)
    results = parallel.in_order(lambda item: barrier.wait() >= 0, range(4 * cores), one)
    assert list(results) == [True] * (4 * cores)


def test_few_items_are_taken_ahead(cores):
    items = Counted()
    for number in parallel.in_order(lambda item: item, items, one):
        assert items.taken <= number + 2 + cores


def test_large_items_are_worked_on_one_by_one(cores):
    items, running = Counted(), threading.Semaphore(1)

    def work(item):
        assert running.acquire(blocking=False)
        running.release()
        return item

    for number in parallel.in_order(work, items, lambda item: 1 << 40):
        assert items.taken <= number + 2


def test_small_items_are_worked_on_together(cores, monkeypatch):
    monkeypatch.setattr(parallel, '_BATCH', 10)
    workers = list(parallel.in_order(lambda item: threading.get_ident(), range(100), lambda item: 1))
    assert all(len(set(workers[start : start + 10])) == 1 for start in range(0, 100, 10))


def test_an_error_is_raised_in_its_place_and_no_thread_is_left(cores):
    before = threading.active_count()
    results = parallel.in_order(lambda item: 1 // item, [1, 1, 0, 1, 1], one)
    assert [next(results), next(results)] == [1, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert threading.active_count() == before


def test_an_iteration_that_is_given_up_leaves_no_thread(cores):
    before = threading.active_count()
    results = parallel.in_order(lambda item: item, range(1000), one)
    next(results)
    results.close()
    assert threading.active_count() == before


def test_memory_is_lent_again_and_never_to_two_at_once():
    buffers = parallel.Buffers()
    with buffers.of(10) as first, buffers.of(5) as second:
        assert (len(first), len(second)) == (10, 5)
        first[:], second[:] = 1, 2
        assert set(first) == {1}
        owner = first.base
    with buffers.of(8) as again:
        assert again.base is owner and len(again) == 8
        with buffers.of(7) as other:
            assert len(other) == 7 and other.base is not owner
    with buffers.of(0) as none:
        assert len(none) == 0
