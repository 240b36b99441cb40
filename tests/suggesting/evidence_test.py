"""Tests what numbers, scopes, copies, and the layers around a layer tell of it, and what they do not."""

import pytest
import tensorflow as tf

from estimator_ckpt.suggesting.copies import copies, is_of_target
from estimator_ckpt.suggesting.families import Side, Variable
from estimator_ckpt.suggesting.surroundings import Surroundings, scopes_of
from estimator_ckpt.suggesting.units import partners
from tests.suggesting import known_pairs
from tests.suggesting.known_pairs import found, suggest

NORM = ('gamma', 'beta')


class TestNumbers:
    def test_numbers_in_another_order_are_told_by_the_words_before_them(self, tmp_path):
        places = [(cell, node, part) for cell in range(4) for node in range(2) for part in (1, 2)]
        old = {f'cell_{c}/iter_{n}/separable_{p}/w': (5, 6) for c, n, p in places}
        new = {f'separable_conv_{p}_right{n + 1}_{c}/kernel': (5, 6) for c, n, p in places}
        answer = dict(zip(new, old, strict=True))
        assert found(suggest(tmp_path, old, new)) == answer

    def test_numbers_that_run_on_through_scopes_count_within_each(self, tmp_path):
        old, new = {}, {}
        for layer in range(4):
            end = f'_{layer}' if layer else ''
            for n in range(2):
                number = 2 * layer + n
                name = f'net/layer{end}/norm{f"_{number}" if number else ""}'
                old[f'{name}/gamma'] = new[f'model/h_{layer}/ln{n + 1}/gamma'] = (8,)
        assert found(suggest(tmp_path, old, new)) == dict(zip(new, old, strict=True))

    def test_a_shift_that_fits_elsewhere_too_is_not_guessed(self, tmp_path):
        widths = (3, 8, 8, 16, 8, 8, 16, 9)
        new = {f'conv_{n}/kernel': (3, 3, *of) for n, of in enumerate(zip(widths, widths[1:], strict=False))}
        old = {f'head/tconv{n + 8}/w': new[f'conv_{n}/kernel'] for n in (1, 2)}
        assert not found(suggest(tmp_path, old, new))
        # Where the numbers are the same, they tell.
        old = {f'head/conv_{n}/w': new[f'conv_{n}/kernel'] for n in range(7)}
        assert len(found(suggest(tmp_path, old, new))) == 7


class TestUnnamed:
    def test_two_unnamed_variables_of_a_scope_are_a_kernel_and_its_bias(self, tmp_path):
        shapes = {'conv1': ((5, 5, 1, 6), (6,)), 'fc1': ((9, 8), (8,)), 'fc2': ((8, 6), (6,))}
        old, new = {}, {}
        for name, (kernel, bias) in shapes.items():
            old |= {f'{name}/Variable': kernel, f'{name}/Variable_1': bias}
            new |= {f'model/{name}/kernel': kernel, f'model/{name}/bias': bias}
        assert found(suggest(tmp_path, old, new)) == dict(zip(new, old, strict=True))


class TestNorms:
    def test_a_convolution_and_its_norm_may_differ_in_a_word_that_only_one_kind_has(self):
        names = [f'{n}a_branch2{part}' for n in range(2, 5) for part in 'ab']
        shapes = {f'res{name}/kernel': (3, 3, 8, 8 + n) for n, name in enumerate(names)}
        shapes |= {f'bn{name}/{role}': (8 + n,) for n, name in enumerate(names) for role in NORM}
        assert _partners(shapes) == {f'res{name}': f'bn{name}' for name in names}

    def test_numbers_alone_do_not_tell_the_norm_of_a_convolution(self):
        shapes = {f'mix_{n}/kernel': (3, 3, 8, 8) for n in range(3)}
        shapes |= {f'norm_{n + 1}/{role}': (8,) for n in range(3) for role in NORM}
        assert not _partners(shapes)

    def test_a_norm_before_its_convolution_is_not_the_one_after_it(self):
        widths = (*[8] * 12, 16, 16)
        shapes = {
            f'unit{n}_conv/kernel': (3, 3, *of) for n, of in enumerate(zip(widths, widths[1:], strict=False))
        }
        shapes |= {f'unit{n}_bn/{role}': (width,) for n, width in enumerate(widths[:-1]) for role in NORM}
        assert not _partners(shapes)

    def test_a_norm_in_the_scope_of_a_square_convolution_may_be_that_before_it(self):
        shapes = {f'unit_{n}/sub2/conv2/kernel': (3, 3, 8 + n, 8 + n) for n in range(4)}
        shapes |= {f'unit_{n}/sub2/bn2/{role}': (8 + n,) for n in range(4) for role in NORM}
        assert not _partners(shapes)
        shapes |= {'unit_4/sub2/conv2/kernel': (3, 3, 12, 16)}
        shapes |= {f'unit_4/sub2/bn2/{role}': (16,) for role in NORM}
        assert len(_partners(shapes)) == 5

    def test_a_norm_with_the_name_of_its_square_convolution_is_the_one_after_it(self):
        shapes = {f'unit_{n}/conv_{n}/kernel': (3, 3, 8, 8) for n in range(4)}
        shapes |= {f'unit_{n}/bn_conv_{n}/{role}': (8,) for n in range(4) for role in NORM}
        assert _partners(shapes) == {f'unit_{n}/conv_{n}': f'unit_{n}/bn_conv_{n}' for n in range(4)}

    def test_a_number_is_not_the_beginning_of_a_longer_one(self):
        shapes = {f'model/layer-{n}/kernel': (3, 3, 8, 8) for n in (1, 3)}
        shapes |= {f'model/layer-{n}/{role}': (8,) for n in (10, 30) for role in NORM}
        assert not _partners(shapes)

    def test_a_norm_may_keep_the_other_axes(self):
        shapes = {'net/unit/conv_3d/w': (3, 3, 3, 4, 8)}
        shapes |= {f'net/unit/batch_norm/{role}': (1, 1, 1, 1, 8) for role in NORM}
        assert _partners(shapes) == {'net/unit/conv_3d': 'net/unit/batch_norm'}

    def test_a_norm_in_a_scope_of_two_convolutions_is_not_that_of_the_second(self):
        shapes = {}
        for n, width in ((1, 8), (2, 16)):
            shapes[f'C/r{n}/Conv/weights'] = (1, 1, 8, width)
            shapes |= {f'C/r{n}/r{n}/w': (3, 3, width, 1), f'C/r{n}/r{n}/bias': (width,)}
            shapes[f'C/r{n}/Conv_1/weights'] = (1, 1, width, 8)
            for norm in ('LayerNorm', '1', '2'):
                shapes |= {f'C/r{n}/{norm}/{role}': (8 if norm == '2' else width,) for role in NORM}
        assert 'C/r1/Conv_1' not in _partners(shapes)

    @pytest.mark.parametrize(
        'roles', [('gamma', 'beta', 'moving_mean', 'moving_variance'), ('moving_mean', 'moving_variance')]
    )
    def test_a_normalization_in_the_scope_of_its_convolution_is_a_layer_of_its_own(self, tmp_path, roles):
        old, new, answer = {}, {}, {}
        for n, (x, y) in enumerate([(3, 8), (8, 8), (8, 12), (12, 12)]):
            rows = [(f'scale{n}/weights', f'part{n}_conv/kernel', (3, 3, x, y))]
            rows += [(f'scale{n}/{role}', f'part{n}_bn/{role}', (y,)) for role in roles]
            old |= {source: shape for source, _, shape in rows}
            new |= {target: shape for _, target, shape in rows}
            new |= {f'part{n}_bn/gamma': (y,), f'part{n}_bn/beta': (y,), f'part{n}_conv/bias': (y,)}
            answer |= {target: source for source, target, _ in rows}
        assert found(suggest(tmp_path, old, new)) == answer

    def test_statistics_that_are_averages_of_moments_follow_their_norm(self, tmp_path):
        old = {'net/fc/w': (4, 6), 'net/fc/bn/beta': (6,), 'net/fc/bn/gamma': (6,)}
        for end in ('', '_1'):
            old[f'net/fc/bn/net/fc/bn/moments/Squeeze{end}/ExponentialMovingAverage'] = (6,)
        new = {'dense/kernel': (4, 6), **{f'dense_bn/{role}': (6,) for role in known_pairs.STATISTICS}}
        suggestion = suggest(tmp_path, old, new)
        assert found(suggestion)['dense_bn/moving_variance'].endswith('Squeeze_1/ExponentialMovingAverage')
        assert not suggestion.missing and not suggestion.ambiguous


def _partners(shapes):
    side = Side(known_pairs.variables(shapes))
    names = list(shapes)
    return {
        names[number].rpartition('/')[0]: str(norm.split).rstrip('/')
        for number, norm in partners(side).items()
    }


class TestOrder:
    def test_the_branches_of_a_few_blocks_do_not_take_the_place_of_what_all_blocks_have(self, tmp_path):
        """Of the first blocks, the names of both branches are as much like those of the new ones."""
        square, deep = (1, 1, 8, 8), (3, 3, 8, 1)
        layers = [
            ('conv1x1_before/weights', 'conv_1/kernel', square),
            ('depthwise/depthwise_weights', 'dw/depthwise_kernel', deep),
            ('conv1x1_after/weights', 'conv_2/kernel', square),
            ('second_branch/depthwise/depthwise_weights', 'dw_2/depthwise_kernel', deep),
        ]
        rows = [
            (f'Net/Stage{stage}/unit_{unit}/{a}', f'stage{stage}/block{unit}/{b}', shape)
            for stage in range(2, 5)
            for unit in range(1, 6)
            for a, b, shape in layers[: 3 + (unit == 1)]
        ]
        old, new = ({row[side]: row[2] for row in rows} for side in (0, 1))
        answer = {b: a for a, b, _ in rows}
        assert found(suggest(tmp_path, old, new)) == answer

    def test_a_bias_does_not_go_where_its_kernel_cannot(self, tmp_path):
        """The convolutions that only the old network has end with biases of a size that lone new biases have."""
        old, new = {}, {}
        for n, (x, y) in enumerate([(3, 8), (8, 12), (12, 16), (16, 16)]):
            old[f'net/stage_{n}/kernel'] = new[f'model/stage_{n}/kernel'] = (3, 3, x, y)
            new[f'model/stage_{n}/bias'] = (y,)
        for n in (2, 3):
            old |= {f'net/extra_{n}/kernel': (5, 5, 16, 16), f'net/extra_{n}/bias': (16,)}
        assert found(suggest(tmp_path, old, new)) == {
            f'model/stage_{n}/kernel': f'net/stage_{n}/kernel' for n in range(4)
        }

    def test_resolutions_may_rise_or_fall_with_the_numbers_of_the_other_side(self, tmp_path):
        sizes = [2**n for n in range(3, 9)]
        old = {f'D/{size}x{size}/Skip/weight': (1, 1, 8, 8) for size in sizes}
        new = {f'd/convs/{n}/skip/weight': (1, 1, 8, 8) for n in range(1, 7)}
        assert not found(suggest(tmp_path, old, new))
        # The widths of two tell which of them are wide.
        old |= {'D/512x512/Skip/weight': (1, 1, 4, 8), 'D/1024x1024/Skip/weight': (1, 1, 2, 4)}
        new = {f'd/convs/{n}/skip/weight': (1, 1, 8, 8) for n in range(3, 9)}
        new |= {'d/convs/1/skip/weight': (1, 1, 2, 4), 'd/convs/2/skip/weight': (1, 1, 4, 8)}
        assert found(suggest(tmp_path, old, new)) == {
            f'd/convs/{n}/skip/weight': f'D/{2 ** (11 - n)}x{2 ** (11 - n)}/Skip/weight' for n in range(1, 9)
        }

    def test_numbers_that_are_logarithms_of_resolutions_rise_with_them(self, tmp_path):
        old = {f'D/{2**n}x{2**n}/Skip/weight': (1, 1, 8, 8) for n in range(3, 9)}
        new = {f'd/block_{n}/skip/weight': (1, 1, 8, 8) for n in range(3, 9)}
        pairs = found(suggest(tmp_path, old, new))
        assert pairs == {f'd/block_{n}/skip/weight': f'D/{2**n}x{2**n}/Skip/weight' for n in range(3, 9)}

    def test_networks_of_the_same_layers_are_aligned_in_the_order_of_each_kind(self, tmp_path):
        old, new = {'net/table': (99, 8)}, {'model/embeddings': (99, 8)}
        answer = {'model/embeddings': 'net/table'}
        for block in range(2):
            for n, name in enumerate(('dense', 'dense_1', 'dense_2')):
                old[f'net/blocks_{block}/attention/{name}/kernel'] = (8, 8)
                new[f'dense_{3 * block + n + 4}/kernel'] = (8, 8)
                answer[f'dense_{3 * block + n + 4}/kernel'] = f'net/blocks_{block}/attention/{name}/kernel'
            for n, name in enumerate(('conv1d', 'conv1d_1')):
                old[f'net/blocks_{block}/more_attention/{name}/kernel'] = (1, 8, 8)
                new[f'conv1d_{2 * block + n + 7}/kernel'] = (1, 8, 8)
                answer[f'conv1d_{2 * block + n + 7}/kernel'] = (
                    f'net/blocks_{block}/more_attention/{name}/kernel'
                )
        assert found(suggest(tmp_path, old, new)) == answer

    def test_equal_vectors_of_several_roles_among_unnamed_variables_are_not_guessed(self, tmp_path):
        old, new, widths = {}, {}, (3, 8, 12, 20)
        for n, (x, y) in enumerate(zip(widths, widths[1:], strict=False)):
            for k, shape in enumerate([(3, 3, x, y), (y,), (y,)]):
                old[f'Variable_{3 * n + k}' if n or k else 'Variable'] = shape
            layer = tf.keras.layers.Layer(name=f'unit_{n}')
            for name, shape in (('kernel', (3, 3, x, y)), ('gamma', (y,)), ('beta', (y,))):
                setattr(layer, name, tf.Variable(tf.zeros(shape), name=f'unit_{n}/{name}'))
            new[f'unit_{n}'] = layer
        pairs = found(suggest(tmp_path, old, tf.train.Checkpoint(**new)))
        assert pairs == {f'unit_{n}/kernel': f'Variable_{3 * n}' if n else 'Variable' for n in range(3)}


class TestScopes:
    def test_the_numbers_before_and_after_tell_more_than_all_that_are_counted_together(self):
        names = [f'net/conv2d_{n}/kernel' if n else 'net/conv2d/kernel' for n in range(9)]
        names += [f'net/{letter}/kernel' for letter in 'pqrstuvwxyz']
        side = Side(Variable(n, (name,), (3, 3, 8, 8), known_pairs.FLOAT) for n, name in enumerate(names))
        surroundings = Surroundings(side)
        [family] = [family for family in side.families() if len(family.layers) == 9]
        aligned = {n: n for n in (0, 1, 2, 4)}
        assert surroundings.around(family.layers[3], aligned) == {2, 4}
        # Nothing is known of what is before and after the last one.
        assert surroundings.around(family.layers[8], aligned) == {0, 1, 2, 4}

    def test_the_digit_of_a_dimension_makes_no_scope(self):
        assert scopes_of('net/conv2d_1/') == ['net/', 'net/conv2d_', 'net/conv2d_1/']
        assert scopes_of('block2d_conv/') == ['block2', 'block2d_', 'block2d_conv/']

    def test_names_that_several_objects_share_do_not_tell_what_is_beside_a_layer(self, tmp_path):
        old, new = {}, {}
        for scope, width in (('Net', 5), ('Net_1', 7)):
            for part in ('node', 'edge'):
                old |= {
                    f'{scope}/{part}/in/w': (width + (part == 'edge'), 8),
                    f'{scope}/{part}/out/w': (8, 8),
                }
        objects = {}
        for name, width in (('encoder', 5), ('decoder', 7)):
            parts = {}
            for part in ('node', 'edge'):
                variables = {
                    end: tf.Variable(tf.zeros(shape), name=f'Net/{part}/{end}/w')
                    for end, shape in (('in', (width + (part == 'edge'), 8)), ('out', (8, 8)))
                }
                parts[part] = tf.train.Checkpoint(**variables)
            objects[name] = tf.train.Checkpoint(**parts)
        suggestion = suggest(tmp_path, old, tf.train.Checkpoint(**objects))
        new = {rule.replacement: rule.pairs[0][0] for rule in suggestion.rules if len(rule.pairs) == 1}
        for target, source in new.items():
            assert ('encoder' in target) == source.startswith('Net/')
        assert not suggestion.ambiguous and not suggestion.missing


def test_variables_of_the_same_name_are_no_exceptions(tmp_path):
    """Those whose names are equal are taken by a plan without rules, whatever the others do."""
    old = {f'net/unit_{n}/w': (3, 4) for n in range(6)} | {'mix_2/kernel': (3, 4), 'mix_1/kernel': (3, 4)}
    new = {f'fc_{n}/kernel': (3, 4) for n in range(6)} | {'mix_1/kernel': (3, 4), 'mix_2/kernel': (3, 4)}
    suggestion = suggest(tmp_path, old, new)
    assert sorted(suggestion.by_name) == [(name, name) for name in ('mix_1/kernel', 'mix_2/kernel')]


class TestCopies:
    SHAPES = {'net/w': (3, 4), 'net/b': (4,), 'head/w': (4, 2)}

    def _with_copies(self, scope='swa'):
        return self.SHAPES | {f'{scope}/{name}': shape for name, shape in self.SHAPES.items()}

    def test_what_is_all_there_without_a_scope_is_a_copy(self):
        both = self._with_copies()
        assert copies(both, self.SHAPES.values()) == {f'swa/{name}' for name in self.SHAPES}

    def test_a_copy_that_the_other_side_has_too_is_none(self):
        assert not copies(self._with_copies(), [*self.SHAPES.values()] * 2)

    def test_a_scope_with_something_else_is_no_copy(self):
        assert not copies({**self._with_copies(), 'swa/more': (2,)}, self.SHAPES.values())
        assert not copies({**self._with_copies(), 'swa/net/b': (9,)}, self.SHAPES.values())

    def test_copies_are_named_as_averages(self, tmp_path):
        new = {f'model/{name}': shape for name, shape in self.SHAPES.items()}
        suggestion = suggest(tmp_path, self._with_copies(), new)
        assert found(suggestion) == {f'model/{name}': name for name in self.SHAPES}
        assert 'Ignored in the source: average (3).' in suggestion.notes

    ONLINE = {'pi/w': (5, 8), 'pi/v': (8, 8), 'pi/b': (8,), 'q/w': (7, 8), 'q/v': (8, 8), 'q/b': (8,)}

    def _with_targets(self, online='main', target='target', other=''):
        names = [f'{other}{network}' for network in (online, target)]
        return {f'{name}/{rest}': shape for name in names for rest, shape in self.ONLINE.items()}

    @pytest.mark.parametrize(
        'names', [('main', 'target'), ('q_func', 'target_q_func', 'deepq/'), ('eval_net', 'TargetNet')]
    )
    def test_a_target_network_that_the_other_side_lacks_is_a_copy(self, names):
        found = copies(self._with_targets(*names), self.ONLINE.values())
        scope = '/'.join([*names[2:], names[1]]).replace('//', '/')
        assert found == {f'{scope}/{rest}' for rest in self.ONLINE}

    def test_a_part_of_a_target_network_that_the_other_side_lacks_is_a_copy(self):
        wanted = [*self.ONLINE.values(), *(shape for rest, shape in self.ONLINE.items() if rest[0] == 'q')]
        assert copies(self._with_targets(), wanted) == {f'target/pi/{name}' for name in 'wvb'}

    def test_a_target_network_that_the_other_side_has_too_is_none(self):
        both = [*self.ONLINE.values()] * 2
        assert not copies(self._with_targets(), both)
        # There are still more copies, of which the other side has none.
        noisy = self._with_targets() | {f'noisy/{rest}': shape for rest, shape in self.ONLINE.items()}
        assert not copies(noisy, both, self.ONLINE.values())

    def test_the_target_network_of_the_new_program_alone_has_no_source(self, tmp_path):
        new = self._with_targets('model', 'model_target')
        old = {f'prediction/{rest}': shape for rest, shape in self.ONLINE.items()}
        suggestion = suggest(tmp_path, old, new)
        assert found(suggestion) == {f'model/{rest}': f'prediction/{rest}' for rest in self.ONLINE}
        assert {row.target for row in suggestion.missing} == {f'model_target/{rest}' for rest in self.ONLINE}

    def test_the_target_network_of_the_new_program_has_that_of_the_old_one(self, tmp_path):
        new = self._with_targets('model', 'model_target')
        suggestion = suggest(tmp_path, self._with_targets('prediction', 'target'), new)
        right = {f'model/{rest}': f'prediction/{rest}' for rest in self.ONLINE}
        assert found(suggestion) == right | {f'model_target/{rest}': f'target/{rest}' for rest in self.ONLINE}

    def test_no_target_network_is_the_online_network_of_the_other_side(self, tmp_path):
        """Its own counterpart may be missing, as where one has another width."""
        old = self._with_targets()
        new = self._with_targets('policy', 'policy_target')
        new = {name: shape for name, shape in new.items() if 'target/pi' not in name}
        old = {name: shape for name, shape in old.items() if not name.startswith('main/pi')}
        names = found(suggest(tmp_path, old, new))
        assert all(('target' in source) == ('target' in target) for target, source in names.items())

    @pytest.mark.parametrize('online', ['source', 'source_encoder', 'old_target'])
    def test_the_texts_that_are_translated_are_no_networks(self, online):
        assert not copies(self._with_targets(online), self.ONLINE.values())

    @pytest.mark.parametrize(
        ('names', 'is_of_one'),
        [
            (['target/q/w'], True),
            (['w', 'agent/TargetCritic/w'], True),
            (['q/target'], False),
            (['targeted/w'], False),
            (['targets'], False),
        ],
    )
    def test_scopes_say_what_belongs_to_a_target_network(self, names, is_of_one):
        assert is_of_target(names) == is_of_one

    def test_slots_and_averages_without_their_variables_are_no_sources(self, tmp_path):
        old = {'net/a/w': (3, 4), 'net/b/w/Momentum': (4, 2), 'net/c/w/ExponentialMovingAverage': (2, 5)}
        new = {f'model/{name}/kernel': shape for name, shape in zip('abc', old.values(), strict=True)}
        assert found(suggest(tmp_path, old, new)) == {'model/a/kernel': 'net/a/w'}
