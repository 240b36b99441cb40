"""The snippets of the guides run as they are pasted, and what the guides refer to exists."""

import re

import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.mapping import transforms
from tests.testing.small_model import needs_estimator
from tests.testing.snippets import GUIDES, ROOT, run_document, snippets

DOCUMENTS = [ROOT / 'README.md', *GUIDES]
_WITH_SNIPPETS = [guide for guide in GUIDES if snippets(guide)]


@pytest.mark.parametrize('guide', _WITH_SNIPPETS, ids=lambda guide: guide.stem)
def test_the_snippets_of_a_guide_run(guide, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if not any(snippet.can_run for snippet in snippets(guide) if snippet.language == 'python'):
        pytest.skip(f'{guide.name} needs {snippets(guide)[0].needs}')
    run_document(guide)


def _document(folder, text):
    document = folder / 'guide.md'
    document.write_text(text)
    return document


def test_a_snippet_has_only_what_is_above_it(tmp_path):
    document = _document(tmp_path, '# Guide\n\n```python\na = 1\n```\n\n```python\nb = a + c\n```\n')
    with pytest.raises(NameError, match="'c' is not defined") as raised:
        run_document(document)
    assert raised.traceback[-1].lineno + 1 == 8


def test_a_command_that_fails_is_shown_with_its_line(tmp_path):
    document = _document(tmp_path, '# Guide\n\n```sh\nestimator-ckpt verify nothing\n```\n')
    with pytest.raises(AssertionError, match=r'guide.md, line 4: exit code 2\n.*No checkpoint nothing'):
        run_document(document)


def test_a_block_is_left_out_where_what_it_needs_is_missing(tmp_path):
    text = (
        '<!-- needs: no_such_module -->\n```python\na = 1\n```\n<!-- needs: json -->\n```python\nb = 2\n```\n'
    )
    namespace = run_document(_document(tmp_path, text))
    assert 'a' not in namespace and namespace['b'] == 2


@needs_estimator
def test_the_cluster_of_the_guide_is_one(monkeypatch):
    guide = ROOT / 'examples' / 'guides' / 'estimator_in_production.md'
    (tf_config,) = re.findall(r"export TF_CONFIG='(.*?)'", guide.read_text(), re.DOTALL)
    monkeypatch.setenv('TF_CONFIG', tf_config)
    config = tf.estimator.RunConfig()
    assert (config.task_type, config.task_id, config.is_chief) == ('worker', 0, False)
    assert (config.num_worker_replicas, config.num_ps_replicas) == (3, 2)


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda document: document.stem)
def test_links_lead_to_files_and_headings(document):
    for target in re.findall(r'\]\(([^)\s]+)\)', document.read_text()):
        if '://' in target:
            continue
        path, _, anchor = target.partition('#')
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), target
        if anchor:
            assert anchor in _anchors(file.read_text()), target


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda document: document.stem)
def test_files_modules_and_names_exist(document):
    text = document.read_text()
    for path in re.findall(r'(?<![\w/-])((?:examples|tests|estimator_ckpt|\.ci)/[\w./-]*\w)', text):
        assert (ROOT / path).exists(), path
    for module in re.findall(r'python -m (tests\.[\w.]+)', text):
        assert (ROOT / f'{module.replace(".", "/")}.py').exists(), module
    for name in re.findall(r'`estimator_ckpt\.([a-z_A-Z]\w*)', text):
        assert name in (*estimator_ckpt.__all__, *('bundle', 'flags', 'mapping')), name


def test_the_guide_to_rules_has_every_operation():
    guide = (ROOT / 'examples' / 'guides' / 'conversion_and_rules.md').read_text()
    assert [
        name for name in transforms.NAMES if f'| `{name}' not in guide and f', `{name}' not in guide
    ] == []


def test_every_guide_is_named_in_the_readme():
    text = (ROOT / 'README.md').read_text()
    assert [guide.name for guide in GUIDES if f'examples/guides/{guide.name}' not in text] == []


def _anchors(text: str) -> set[str]:
    """Returns the anchors that GitHub gives the headings of a document."""
    headings = re.findall(
        r'^#+ (.*)$', re.sub(r'^```.*?^```$', '', text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE
    )
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings}
