"""Tests that names cannot write control characters into the log."""

import logging

import numpy as np

from estimator_ckpt.program.log import logger


def test_names_are_escaped_and_numbers_stay(caplog):
    with caplog.at_level(logging.INFO, 'tensorflow'):
        logger().info('%s at step %d', 'a\x1b[31m\u202eb\n', np.int64(3))
        logger().warning('plain')
    assert [record.getMessage() for record in caplog.records] == ['a\\x1b[31m\\u202eb\\n at step 3', 'plain']
