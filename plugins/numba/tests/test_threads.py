"""Threads inside of a kernel: they leave nothing behind, and what one of them raises is told."""

import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from chainrule_numba import threads
from chainrule_numba.threads import together


def while_another(acts, monkeypatch):
    """Return a kernel that another thread takes part in, for certain, and does this."""
    monkeypatch.setattr(threads, "cores", lambda: 2)
    begun = threading.Event()

    def kernel(counters, array):
        if threading.current_thread() is threading.main_thread():
            assert begun.wait(10)
        else:
            begun.set()
            acts()

    return kernel


def test_when_a_kernel_is_done_no_thread_keeps_its_arrays(monkeypatch):
    kernel = while_another(lambda: time.sleep(0.01), monkeypatch)
    array = np.zeros(10)
    gone = weakref.ref(array)
    together(kernel, threads.LEAST, array)
    del array
    assert gone() is None


def test_who_has_not_begun_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 2)
    monkeypatch.setattr(threads, "_pool", ThreadPoolExecutor(1))
    held = threading.Event()
    threads._pool.submit(held.wait, 10)
    called = []
    together(lambda counters: called.append(1), threads.LEAST)
    held.set()
    threads._pool.shutdown()
    assert called == [1]


def test_what_another_thread_raises_is_told(monkeypatch):
    with pytest.raises(ZeroDivisionError, match="by zero"):
        together(while_another(lambda: 1 / 0, monkeypatch), threads.LEAST, np.zeros(3))
