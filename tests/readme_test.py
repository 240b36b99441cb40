"""Every Python snippet of the README runs, one after the other, as a reader would run them."""

import pathlib
import re

import pytest
import tensorflow as tf

import estimator_ckpt
from tests.testing.small_model import needs_estimator

_README = pathlib.Path(__file__).parents[1] / 'README.md'


@needs_estimator
def test_the_snippets_of_the_readme_run(tmp_path):
    snippets = re.findall(r'```python\n(.*?)```', _README.read_text(), re.DOTALL)
    assert len(snippets) >= 4
    namespace = {'model_dir': str(tmp_path / 'model')}
    for snippet in snippets:
        exec(compile(snippet, str(_README), 'exec'), namespace)  # noqa: S102
    assert tf.train.latest_checkpoint(namespace['model_dir']).endswith('model.ckpt-10')


def _snippet(words):
    """The Python snippet of the README that has these words."""
    (snippet,) = [
        snippet
        for snippet in re.findall(r'```python\n(.*?)```', _README.read_text(), re.DOTALL)
        if words in snippet
    ]
    return snippet


@pytest.mark.parametrize('words', ['tf.keras.Input([1])', "slots=True, step='keep'"])
def test_a_snippet_on_warm_starts_runs_on_every_tensorflow(words, tmp_path):
    tf1, model_dir = tf.compat.v1, str(tmp_path)
    with tf.Graph().as_default(), tf1.Session() as session:
        kernel = tf1.get_variable('dense/kernel', [1, 1])
        step = tf1.train.get_or_create_global_step()
        tf1.train.AdamOptimizer().minimize(tf.reduce_sum(kernel**2), step)
        session.run([tf1.global_variables_initializer()])
        session.run(step.assign(10))
        tf1.train.Saver().save(session, str(tmp_path / 'model.ckpt'), step)
        expected = session.run(kernel)
    namespace = {'tf': tf, 'estimator_ckpt': estimator_ckpt, 'model_dir': model_dir}
    exec(compile(_snippet(words), str(_README), 'exec'), namespace)  # noqa: S102
    if 'model' in namespace:
        namespace['kernel'] = namespace['model'].layers[0].kernel
    assert namespace['kernel'].numpy() == expected


@needs_estimator
def test_the_cluster_of_the_readme_is_one(monkeypatch):
    (tf_config,) = re.findall(r"export TF_CONFIG='(.*?)'", _README.read_text(), re.DOTALL)
    monkeypatch.setenv('TF_CONFIG', tf_config)
    config = tf.estimator.RunConfig()
    assert (config.task_type, config.task_id, config.is_chief) == ('worker', 0, False)
    assert (config.num_worker_replicas, config.num_ps_replicas) == (3, 2)
