"""Training, resuming, mirroring, converting and checking on object stores, by servers on this machine."""

import json
import subprocess
import sys

import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.remote_files import ObjectStoreFiles
from estimator_ckpt.saving.graph_ops import GraphOps
from tests.testing import object_store, small_model

tf1 = tf.compat.v1
pytestmark = small_model.needs_estimator
STYLES = ['tf1', 'tf2', 'both']
# TensorFlow's client of Google's store is not as quick: on it, what differs is tried.
on_both = pytest.mark.parametrize('store', ['s3', 'gs'], indirect=True)


@pytest.fixture(scope='module')
def store(request, tmp_path_factory):
    scheme = getattr(request, 'param', 's3')
    with object_store.serve(scheme, tmp_path_factory.mktemp(scheme)) as store:
        yield store


@pytest.fixture
def below(request):
    """A directory of the test's own in the bucket."""
    return f'{request.node.name}/'.replace('[', '-').replace(']', '')


def _files(prefix, style, meta=True):
    """The names of a checkpoint's files."""
    return [f'{prefix}.data-00000-of-00001', f'{prefix}.index', *([f'{prefix}.meta'] if meta else [])]


def _without_events(names):
    return sorted(name for name in names if 'events.out' not in name and name != 'graph.pbtxt')


def _losses(model_dir, styles, hook=None):
    """Trains for three steps in each of the styles, evaluates after each, and gives the losses."""
    losses = []
    for turn, style in enumerate(styles):
        make_scaffold = small_model.plain if style == 'plain' else small_model.ours(style)
        saving = {'save_checkpoints_steps': 2, 'keep_checkpoint_max': 2}
        estimator = small_model.estimator(model_dir, make_scaffold, **saving)
        hooks = [] if hook is None else [hook(model_dir)]
        estimator.train(small_model.batches(3 * turn), hooks=hooks, steps=3)
        losses.append(float(estimator.evaluate(small_model.batches(), steps=2)['loss']))
    return losses


def train(model_dir, *styles):
    return _losses(model_dir, styles)


def train_in_background(model_dir, *styles):
    return _losses(
        model_dir, styles, lambda model_dir: estimator_ckpt.AsyncCheckpointSaverHook(model_dir, save_steps=2)
    )


def train_mirrored(model_dir, mirror_dir, style):
    def hook(model_dir):
        return estimator_ckpt.CheckpointMirrorHook(
            mirror_dir, 'both', keep_checkpoint_max=3, on_error='raise'
        )

    _losses(model_dir, [style, style], hook)
    small_model.assert_same_bits(small_model.values(mirror_dir), small_model.values(model_dir))
    return estimator_ckpt.verify(mirror_dir).faults


@pytest.mark.slow
@pytest.mark.parametrize('style', STYLES)
@pytest.mark.parametrize(
    'how, store', [(train, 's3'), (train_in_background, 's3'), (train, 'gs')], indirect=['store']
)
def test_training_is_resumed_and_evaluated_and_leaves_nothing_else(how, style, store, below, tmp_path):
    # As another process left it that was killed while it saved.
    store.put(f'{below}model.ckpt-3.saving-0123456789ab/part-00000.index', b'')
    store.put(f'{below}model.ckpt-3.saving-0123456789ab/part-00000.data-00000-of-00001.tempstate1', b'')
    losses = store.run(how, f'{store.root}/{below[:-1]}', style, style)
    assert losses == train(tmp_path / 'local', 'plain', 'plain')
    kept = [name for step in (5, 6) for name in _files(f'model.ckpt-{step}', style)]
    names = _without_events(store.names(below))
    assert [name for name in names if not name.startswith('eval')] == sorted(['checkpoint', *kept])


@pytest.mark.slow
def test_every_style_goes_on_from_every_other(store, below, tmp_path):
    losses = store.run(train, f'{store.root}/{below[:-1]}', 'plain', 'both', 'plain', 'tf2', 'tf1')
    assert losses == train(tmp_path / 'local', *['plain'] * 5)


@pytest.mark.parametrize('local', ['neither', 'run', 'mirror'])
def test_a_mirror_is_kept_between_a_store_and_another(local, store, below, tmp_path):
    places = {
        name: str(tmp_path / name) if name == local else f'{store.root}/{below}{name}'
        for name in ('run', 'mirror')
    }
    assert store.run(train_mirrored, places['run'], places['mirror'], 'tf2') == []
    kept = [name for step in (3, 5, 6) for name in _files(f'model.ckpt-{step}', 'both', meta=False)]
    if local == 'mirror':
        names = [path.name for path in (tmp_path / 'mirror').iterdir()]
    else:
        names = store.names(f'{below}mirror/')
    assert sorted(names) == sorted(['checkpoint', 'mirror_of.json', *kept])


def _saver(style, devices=1, **kwargs):
    """A saver of variables of so many devices, and the op that counts the step."""
    for number in range(2):
        with tf.device(f'/cpu:{number % devices}'):
            tf1.get_variable(f'v{number}', initializer=tf.fill([1000], float(number)))
    with tf.device('/cpu:0'):
        step = tf1.train.get_or_create_global_step()
    saver = tf1.train.Saver if style == 'plain' else lambda **kwargs: estimator_ckpt.Saver(style, **kwargs)
    return saver(**kwargs), step.assign_add(1)


def _session():
    return tf1.Session(config=tf1.ConfigProto(device_count={'CPU': 2}))


def save_often(style, prefix, times, devices):
    with tf.Graph().as_default(), _session() as session:
        saver, count = _saver(style, devices, max_to_keep=2, sharded=True)
        session.run(tf1.global_variables_initializer())
        for _ in range(times):
            saver.save(session, prefix, global_step=session.run(count), write_meta_graph=False)


@on_both
@pytest.mark.parametrize('style', STYLES)
def test_the_parts_of_several_devices_become_one_checkpoint(style, store, below):
    store.run(save_often, style, f'{store.root}/{below}x', 2, 2)
    data = [f'data-{shard:05d}-of-00002' for shard in range(2)]
    expected = [f'x-{step}.{end}' for step in (1, 2) for end in [*data, 'index']]
    assert store.names(below) == ['checkpoint', *expected]


@on_both
def test_a_save_takes_fewer_requests_than_estimators_own(store, below):
    """Of all that save, on one device, each save deletes a checkpoint."""

    def per_save(style):
        counted = [store.requests()]
        for times in (3, 5):
            store.run(save_often, style, f'{store.root}/{below}{style}/{times}', times, 1)
            counted.append(store.requests())
        return (counted[2] - counted[1] - (counted[1] - counted[0])) / 2

    counts = {style: per_save(style) for style in ['plain', *STYLES]}
    assert counts['tf1'] < counts['tf2'] == counts['both'] < counts['plain'], counts


def save_again(style, prefix):
    with tf.Graph().as_default(), _session() as session:
        saver, count = _saver(style)
        session.run(tf1.global_variables_initializer())
        for _ in range(3):
            session.run(count)
            saver.save(session, prefix, write_meta_graph=False)
        session.run(tf1.global_variables_initializer())
        saver.restore(session, prefix)
        return int(session.run(tf1.train.get_global_step()))


@on_both
@pytest.mark.parametrize('style', STYLES)
def test_a_checkpoint_is_replaced_under_its_name(style, store, below):
    assert store.run(save_again, style, f'{store.root}/{below}x') == 3
    assert len(store.names(below)) == len(['checkpoint', *_files('x', style, meta=False)])


def fail_to_save(style, prefix, what):
    """Saves twice, fails to save the third time, and gives the step that is restored then.

    Args:
      style: The style.
      prefix: The prefix.
      what: What fails: the ops when they have saved, or the index before or when it is written.
    """

    def save_ops(*args):
        saves(*args)
        raise OSError('out of order')

    def write(*args):
        if not args[1].endswith('.index') or what == 'after':
            writes(*args)
        if args[1].endswith('.index'):
            raise OSError('out of order')

    saves, writes = GraphOps.save, ObjectStoreFiles.write
    with tf.Graph().as_default(), _session() as session, pytest.MonkeyPatch.context() as patch:
        saver, count = _saver(style)
        session.run(tf1.global_variables_initializer())
        for _ in range(2):
            saver.save(session, prefix, global_step=session.run(count), write_meta_graph=False)
        if what == 'ops':
            patch.setattr(GraphOps, 'save', save_ops)
        else:
            patch.setattr(ObjectStoreFiles, 'write', write)
        with pytest.raises(OSError, match='out of order'):
            saver.save(session, prefix, global_step=session.run(count), write_meta_graph=False)
        patch.undo()
        saver.restore(session, tf.train.latest_checkpoint(prefix[: prefix.rindex('/')]))
        return int(session.run(tf1.train.get_global_step()))


@on_both
@pytest.mark.parametrize('style', ['tf1', 'both'])
def test_a_save_that_fails_leaves_the_last_checkpoint_and_nothing_else(style, store, below):
    assert store.run(fail_to_save, style, f'{store.root}/{below}x', 'ops') == 2
    expected = [name for step in (1, 2) for name in _files(f'x-{step}', style, meta=False)]
    assert store.names(below) == ['checkpoint', *expected]


@pytest.mark.parametrize('when', ['before', 'after'])
def test_a_checkpoint_is_whole_or_not_there_when_its_index_fails(when, store, below):
    assert store.run(fail_to_save, 'both', f'{store.root}/{below}x', when) == 2
    steps = (1, 2) if when == 'before' else (1, 2, 3)
    expected = [name for step in steps for name in _files(f'x-{step}', 'both', meta=False)]
    assert store.names(below) == ['checkpoint', *expected]


def convert_there_and_back(run, folder, local):
    """Converts a directory within the store, to this machine and back, and gives what differs."""
    estimator_ckpt.convert(run, f'{folder}/one', 'tf1')
    estimator_ckpt.convert(run, f'{folder}/compact', 'tf2', compact=True, write_state_file=True)
    estimator_ckpt.convert(f'{folder}/compact', f'{local}/one', 'both')
    estimator_ckpt.convert(
        f'{local}/one', f'{folder}/back', 'tf1', rules=[('global_step', 'global_step', 'cast=int32')]
    )
    restored = {
        path: small_model.values(path) for path in (run, f'{folder}/one', f'{folder}/compact', f'{local}/one')
    }
    for path, values in restored.items():
        small_model.assert_same_bits(values, restored[run])
        assert not estimator_ckpt.verify(path).faults
    return sorted(entry.key for entry in estimator_ckpt.list_entries(f'{folder}/back'))


@on_both
def test_checkpoints_are_converted_within_the_store_out_of_it_and_into_it(store, below, tmp_path):
    run = f'{store.root}/{below}run'
    store.run(train, run, 'both')
    keys = store.run(convert_there_and_back, run, f'{store.root}/{below}converted', str(tmp_path))
    assert 'dense/kernel' in keys
    names = store.names(f'{below}converted/')
    prefixes = [name.removesuffix('.index') for name in names if name.endswith('.index')]
    assert prefixes == ['back', 'compact', 'one']
    data = []
    for prefix in prefixes:
        numbers = {name[-5:] for name in names if name.startswith(f'{prefix}.data-')}
        assert len(numbers) == 1
        number = int(numbers.pop())
        data += [f'{prefix}.data-{shard:05d}-of-{number:05d}' for shard in range(number)]
    assert names == sorted(['checkpoint', *data, *[f'{prefix}.index' for prefix in prefixes]])


def _command(store, *args):
    return subprocess.run(
        [sys.executable, '-m', 'estimator_ckpt', *args], env=store.environment, capture_output=True, text=True
    )


@pytest.mark.slow
@on_both
def test_the_command_line_reads_and_writes_there(store, below, tmp_path):
    run = f'{store.root}/{below}run'
    store.run(train, run, 'both')
    inspected = _command(store, 'inspect', '--json', run)
    assert inspected.returncode == 0, inspected.stderr
    assert json.loads(inspected.stdout)
    for source, destination in ((run, tmp_path / 'all'), (tmp_path / 'all', f'{store.root}/{below}back')):
        converted = _command(store, 'convert', '--all', '--style=tf2', str(source), str(destination))
        assert converted.returncode == 0, converted.stderr
    verified = _command(store, 'verify', f'{store.root}/{below}back')
    assert (verified.returncode, verified.stderr) == (0, '')
    first = next(name for name in store.names(below) if name.startswith('back/model.ckpt-3.data-00000'))
    store.remove(below + first)
    assert _command(store, 'verify', f'{store.root}/{below}back').returncode in (1, 2)
    missing = _command(store, 'verify', f'{store.root}/{below}nothing')
    assert missing.returncode == 2
    assert missing.stderr.count('\n') == 1
    assert f'{store.root}/{below}nothing' in missing.stderr
