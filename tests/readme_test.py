"""Every Python snippet of the README runs, one after the other, as a reader would run them."""

import pathlib
import re

import tensorflow as tf

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


@needs_estimator
def test_the_cluster_of_the_readme_is_one(monkeypatch):
    (tf_config,) = re.findall(r"export TF_CONFIG='(.*?)'", _README.read_text(), re.DOTALL)
    monkeypatch.setenv('TF_CONFIG', tf_config)
    config = tf.estimator.RunConfig()
    assert (config.task_type, config.task_id, config.is_chief) == ('worker', 0, False)
    assert (config.num_worker_replicas, config.num_ps_replicas) == (3, 2)
