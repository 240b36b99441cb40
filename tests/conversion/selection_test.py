"""What `drop`, `keep` and `promote_averages` take, in every file that this package writes."""

import numpy as np
import pytest
import tensorflow as tf

import estimator_ckpt
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.inspection.object_tree import tree
from estimator_ckpt.keys.contents import Contents
from tests.cli.helpers import in_process

tf1 = tf.compat.v1
STYLES = ('tf1', 'tf2', 'both')


@pytest.fixture(scope='module', params=[(s, o) for s in STYLES for o in ('default', 'object')], ids='-'.join)
def saved(request, tmp_path_factory):
    """A checkpoint of a scaffold with Adam's slots and a moving average, and the value of the average."""
    style, objects = request.param
    path = str(tmp_path_factory.mktemp('saved') / 'm')
    with tf.Graph().as_default(), tf1.Session() as session:
        step = tf1.train.create_global_step()
        w = tf1.get_variable('net/w', initializer=tf.constant([1.0, 2.0]))
        optimizer, average = tf1.train.AdamOptimizer(0.1), tf.train.ExponentialMovingAverage(0.5)
        with tf.control_dependencies([optimizer.minimize(tf.reduce_sum(w**2), step)]):
            train_op = average.apply([w])
        checkpoint = tf.train.Checkpoint(w=w, step=step) if objects == 'object' else None
        scaffold = estimator_ckpt.scaffold(style, checkpoint)
        scaffold.finalize()
        session.run(scaffold.init_op)
        for _ in range(3):
            session.run(train_op)
        scaffold.saver.save(session, path)
        return path, session.run(average.average(w)), session.run(w)


def _named(path, name='net/w'):
    return BundleReader(str(path)).tensor(name)


class TestKinds:
    def test_averages_are_promoted_and_slots_are_dropped(self, saved, tmp_path):
        path, average, raw = saved
        assert not np.array_equal(average, raw)
        report = estimator_ckpt.convert(path, tmp_path / 'x', 'tf1', promote_averages=True, drop=['slots'])
        np.testing.assert_array_equal(_named(tmp_path / 'x'), average)
        keys = BundleReader(str(tmp_path / 'x')).keys()
        assert not [key for key in keys if 'Adam' in key or 'Average' in key]
        assert sum('Adam' in row.source for row in report.unused) == 2

    @pytest.mark.parametrize('word', ['slot', 'slots', 'average', 'averages', 'step', 'steps', 'optimizer'])
    def test_a_word_of_inspect_takes_its_kind(self, saved, word, tmp_path):
        path, _, _ = saved
        kind = word.removesuffix('s')
        estimator_ckpt.convert(path, tmp_path / 'x', 'tf1', drop=word)
        kinds = {str(entry.kind) for entry in estimator_ckpt.list_entries(tmp_path / 'x')}
        assert kind not in kinds and 'variable' in kinds

    def test_variables_alone_are_kept(self, saved, tmp_path):
        estimator_ckpt.convert(saved[0], tmp_path / 'x', 'tf1', keep='variable')
        assert BundleReader(str(tmp_path / 'x')).keys() == ['net/w']

    def test_a_warm_start_promotes_averages_that_the_object_leaves_out(self, saved):
        path, average, _ = saved
        w = tf.Variable([0.0, 0.0], name='net/w')
        estimator_ckpt.warm_start(estimator_ckpt.WarmStart(path, average='promote'), [w])
        np.testing.assert_array_equal(w.numpy(), average)

    def test_slots_and_averages_follow_renamed_variables(self, saved, tmp_path):
        rules = [('net/w', 'net/kernel', 'reshape=1,2')]
        if 'tf2-object' in saved[0] or 'w' in BundleReader(saved[0]):
            rules = [('net/w|w', 'net/kernel', 'reshape=1,2')]
        estimator_ckpt.convert(saved[0], tmp_path / 'x', 'tf1', rules=rules)
        reader = BundleReader(str(tmp_path / 'x'))
        shapes = {key: reader.entry(key).shape for key in reader.keys()}  # noqa: SIM118
        for name in ('', '/Adam', '/Adam_1', '/ExponentialMovingAverage'):
            assert shapes[f'net/kernel{name}'] == (1, 2)


class TestBadInput:
    @pytest.fixture
    def plain(self, tmp_path):
        with tf.Graph().as_default(), tf1.Session() as session:
            tf1.get_variable('net/w', initializer=1.0)
            session.run(tf1.global_variables_initializer())
            return tf1.train.Saver().save(session, str(tmp_path / 'plain'))

    @pytest.mark.parametrize(
        ('options', 'message'),
        [
            ({'drop': 'slots'}, "drop='slots': the checkpoint has no tensor of that kind; it has variable"),
            ({'keep': 'averages'}, "keep='averages': the checkpoint has no tensor of that kind"),
            ({'drop': 'sltos'}, r"drop='sltos' takes no tensor \(nearest: slots"),
            ({'keep': ['net/.*', 'other/.*']}, "keep='other/.*' takes no tensor"),
            ({'drop': 'variables'}, 'leave no tensor'),
            ({'drop': '('}, r'neither a kind \(variable, slot'),
            ({'promote_averages': True}, 'has no moving averages of variables; omit promote_averages'),
        ],
    )
    def test_what_takes_nothing_is_an_error_and_nothing_is_written(self, plain, options, message, tmp_path):
        with pytest.raises(estimator_ckpt.CheckpointError, match=message):
            estimator_ckpt.convert(plain, tmp_path / 'x', 'tf1', **options)
        assert not (tmp_path / 'x.index').exists()

    @pytest.mark.parametrize('flag', ['--kind=slot', '--filter=nothing', '--kind=words'])
    def test_inspect_says_so_too(self, plain, flag, capsys):
        result = in_process(capsys, 'inspect', plain, flag)
        assert result.code == 2 and flag in result.err


class TestObjectsWithoutValues:
    """TensorFlow takes an object that is there for restored, with a value or without."""

    @pytest.fixture
    def path(self, tmp_path):
        layer = tf.train.Checkpoint(gamma=tf.Variable([1.0, 2.0]), beta=tf.Variable([3.0]))
        return tf.train.Checkpoint(layer=layer, shared=layer.beta).save(tmp_path / 'saved')

    @pytest.mark.parametrize(
        'options', [{'drop': '.*gamma'}, {'rules': [('layer/gamma', 'layer/scale')]}], ids=['drop', 'rules']
    )
    def test_a_variable_that_is_dropped_or_moved_is_missed(self, path, tmp_path, options):
        estimator_ckpt.convert(path, tmp_path / 'new', 'tf2', **options)
        layer = tf.train.Checkpoint(gamma=tf.Variable([0.0, 0.0]), beta=tf.Variable([0.0]))
        status = tf.train.Checkpoint(layer=layer, shared=layer.beta).restore(tmp_path / 'new')
        with pytest.raises(AssertionError, match='not bound to checkpointed values'):
            status.assert_consumed()
        assert layer.beta.numpy() == 3 and layer.gamma.numpy().tolist() == [0, 0]

    def test_what_stays_is_restored(self, path, tmp_path):
        estimator_ckpt.convert(path, tmp_path / 'new', 'tf2', drop='.*gamma')
        layer = tf.train.Checkpoint(beta=tf.Variable([0.0]))
        tf.train.Checkpoint(layer=layer, shared=layer.beta).restore(tmp_path / 'new').assert_consumed()
        assert layer.beta.numpy() == 3
        lines = tree_of(tmp_path / 'new')
        assert not any('gamma' in line or 'not reachable' in line for line in lines)

    def test_slots_go_with_their_variable(self, saved, tmp_path):
        path, _, _ = saved
        options = {} if has_objects(path) else {'optimizer': 'opt'}
        estimator_ckpt.convert(path, tmp_path / 'objects', 'tf2', **options)
        estimator_ckpt.convert(tmp_path / 'objects', tmp_path / 'new', 'tf2', drop=['slots'])
        assert not any('slot of' in line or 'not reachable' in line for line in tree_of(tmp_path / 'new'))
        assert estimator_ckpt.verify(tmp_path / 'new').ok


def has_objects(path):
    return '_CHECKPOINTABLE_OBJECT_GRAPH' in BundleReader(str(path))


def tree_of(path):
    contents = Contents(path)
    return [str(node) for node in tree(contents, contents.entries())]
