"""Tests that the classes of declared messages live as long as the messages do."""

import gc
import weakref

from estimator_ckpt.bundle import protos


def test_the_class_of_a_nested_message_outlives_the_result_of_its_declaration():
    messages = protos.declare(
        'protos_test',
        {
            'ProtosTestInner': [(1, 'n', 'int64')],
            'ProtosTestOuter': [(1, 'inner', 'repeated ProtosTestInner')],
        },
    )
    outer = messages['ProtosTestOuter']
    inner = weakref.ref(type(outer.FromString(b'\x0a\x02\x08\x05').inner[0]))
    del messages
    gc.collect()

    assert inner() is not None
    assert outer.FromString(b'\x0a\x02\x08\x05').inner[0].n == 5
