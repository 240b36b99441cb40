"""A pair of recommenders, for a ninth blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import with_slots
from tests.suggesting.collected_names import Names
from tests.suggesting.known_pairs import Pair

# The categories of Criteo's data whose embeddings are 128 wide instead of 64.
_WIDE = (3, 4, 10, 12, 16, 21, 24, 26)


def wide_and_deep() -> Pair:
    """DeepRec-AI/DeepRec's modelzoo/wide_and_deep by TF1 as it is trained, and the names of shenweichen/DeepCTR's WDL.

    The new names are those of deepctr 0.9.4 when it is run; its columns are of the same order as those that TF1 sorts.
    It has one kernel for all numbers in its linear part, of which the old has one each, and its one bias is the sum of
    two of the old. The old program has an optimizer for each part; the powers are in the scope of its head.
    """
    names, total, count = Names(), 13, 10000
    at = 'dnn/input_from_feature_columns/input_layer'
    for n in range(1, 27):
        width = 128 if n in _WIDE else 64
        names.add(f'{at}/C{n}_embedding/embedding_weights', f'sparse_emb_C{n}/embeddings', (count, width))
        names.add(f'linear/linear_model/C{n}/weights', f'linear0sparse_emb_C{n}/embeddings', (count, 1))
        total += width
    for n in range(1, 14):
        names.old(f'linear/linear_model/I{n}/weights', (1, 1))
    names.new('linear/linear_kernel', (13, 1))
    sizes = total, 1024, 512, 256
    for n, (x, y) in enumerate(zip(sizes, sizes[1:], strict=False)):
        names.dense(f'dnn/dnn_layers/hiddenlayer_{n}', 'dnn', x, y, f'kernel{n}', f'bias{n}')
    names.add('dnn/dnn_layers/logits/kernel', 'dense/kernel', (sizes[-1], 1))
    names.old('dnn/dnn_layers/logits/bias', (1,))
    names.old('linear/linear_model/bias_weights', (1,))
    names.new('prediction_layer/global_bias', (1,))
    pair = with_slots(names.pair(), 'Ftrl', 'Ftrl_1', but='^dnn/')
    steps = {'global_step': (), 'head/beta1_power': (), 'head/beta2_power': ()}
    return with_slots(pair, 'Adam', 'Adam_1', but='^linear/', others=steps)
