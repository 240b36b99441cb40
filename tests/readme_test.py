"""Tests that the snippets of the README run, one after the other, as a reader would run them."""

import tensorflow as tf

from tests.testing.small_model import needs_estimator
from tests.testing.snippets import ROOT, run_document, snippets

README = ROOT / 'README.md'


@needs_estimator
def test_the_snippets_of_the_readme_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    languages = [snippet.language for snippet in snippets(README)]
    assert languages.count('python') >= 2 and languages.count('sh') >= 1
    run_document(README)
    assert tf.train.latest_checkpoint('model').endswith('model.ckpt-10')


def test_the_readme_is_read_in_one_sitting():
    assert len(README.read_text().splitlines()) <= 200
