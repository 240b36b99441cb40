"""The saver in a program that never left TensorFlow 1: no eager mode, reference variables."""

import subprocess
import sys
import textwrap

_PROGRAM = """
    import itertools, sys
    import numpy as np
    import tensorflow.compat.v1 as tf1

    tf1.disable_v2_behavior()
    import estimator_ckpt

    w = tf1.get_variable('w', [3, 2])
    pieces = tf1.get_variable('p', [10, 2], partitioner=tf1.fixed_size_partitioner(3))
    step = tf1.train.get_or_create_global_step()
    optimizer = tf1.train.AdamOptimizer()
    loss = tf1.reduce_sum(w ** 2) + tf1.reduce_sum(pieces.as_tensor() ** 2)
    train_op = optimizer.minimize(loss, global_step=step)
    assert 'RefVariable' in type(w).__name__
    checkpoint = tf1.train.Checkpoint(w=w, optimizer=optimizer, step=step, p=list(pieces))
    styles = ('tf1', 'tf2', 'both')
    variables = tf1.global_variables()
    for objects, source, target in itertools.product((None, checkpoint), styles, styles):
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            session.run(train_op)
            expected = session.run(variables)
            path = estimator_ckpt.Saver(source, objects).save(session, sys.argv[1] + '/x', step)
        with tf1.Session() as session:
            estimator_ckpt.Saver(target, objects).restore(session, path)
            for a, b in zip(expected, session.run(variables), strict=True):
                np.testing.assert_array_equal(a, b)
        print(source, target)
"""


def test_reference_variables_go_through_every_style(tmp_path):
    command = [sys.executable, '-c', textwrap.dedent(_PROGRAM), str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.splitlines()) == 18
