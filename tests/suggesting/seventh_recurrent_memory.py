"""A pair of language models that remember, for a seventh blind test; see `blind_pairs`."""

from collections.abc import Mapping

import tensorflow as tf

from tests.suggesting.blind_objects import Rows, with_slots
from tests.suggesting.known_pairs import Pair, Shapes


class _Layer(tf.keras.layers.Layer):
    """Stands for a layer of CyberZHG's: makes its weights in the order in which that makes them."""

    def __init__(self, name: str, weights: Shapes, trainable: bool = True):
        super().__init__(name=name)
        self._shapes, self._trains = weights, trainable

    def build(self, shape):
        for name, extents in self._shapes.items():
            self.add_weight(name, shape=extents, trainable=self._trains)

    def call(self, x):
        return x


class _TransformerXl:
    """Makes the layers of the new model one after the other, and notes the names of the old one."""

    def __init__(self, width: int, inner: int, heads: int, blocks: int):
        self.rows, self._width, self._inner = Rows(), width, inner
        self._biases = blocks, heads, width // heads
        self.inputs = tf.keras.layers.Input([8, width])
        self.outputs = self.inputs

    def layer(self, name: str, weights: Shapes, sources: Mapping[str, str] | None = None, **shapes) -> None:
        """Adds a layer whose weights have sources, with the shapes of those that differ."""
        layer = _Layer(name, weights, trainable=bool(sources))
        self.outputs = layer(self.outputs)
        for variable, weight in zip(layer.weights, weights, strict=True):
            source = (sources or {}).get(weight)
            if source:
                self.rows.add(variable, f'transformer/{source}', shapes.get(weight))

    def embeddings(self, counts: list[int], narrows: list[int]) -> None:
        weights, sources = {}, {}
        for n, (count, narrow) in enumerate(zip(counts, narrows, strict=True)):
            weights |= {f'embeddings-{n}': (count, narrow), f'kernel-{n}': (narrow, self._width)}
            at = f'adaptive_embed/cutoff_{n}'
            sources |= {f'embeddings-{n}': f'{at}/lookup_table', f'kernel-{n}': f'{at}/proj_W'}
        self.layer('Embed-Token', weights, sources)

    def block(self, n: int) -> None:
        width, inner, at = self._width, self._inner, f'layer_{n - 1}'
        self.layer(f'Memory-{n - 1}', {'memory': (2, 24, width)})
        self.layer(
            f'Biases-{n}',
            {'bias_context': (width,), 'bias_relative': (width,)},
            {'bias_context': 'r_w_bias', 'bias_relative': 'r_r_bias'},
            bias_context=self._biases,
            bias_relative=self._biases,
        )
        attention = f'{at}/rel_attn'
        self.layer(
            f'Attention-{n}',
            {
                'kernel_q': (width, width),
                'kernel_kv': (width, 2 * width),
                'kernel_o': (width, width),
                'kernel_r': (width, width),
            },
            {
                'kernel_q': f'{attention}/qkv/kernel',
                'kernel_kv': f'{attention}/qkv/kernel',
                'kernel_o': f'{attention}/o/kernel',
                'kernel_r': f'{attention}/r/kernel',
            },
            kernel_q=(width, 3 * width),
            kernel_kv=(width, 3 * width),
        )
        self.norm(f'Attention-Norm-{n}', attention)
        name = f'FeedForward-{n}'
        self.layer(
            name,
            {
                f'{name}_W1': (width, inner),
                f'{name}_b1': (inner,),
                f'{name}_W2': (inner, width),
                f'{name}_b2': (width,),
            },
            {
                f'{name}_W1': f'{at}/ff/layer_1/kernel',
                f'{name}_b1': f'{at}/ff/layer_1/bias',
                f'{name}_W2': f'{at}/ff/layer_2/kernel',
                f'{name}_b2': f'{at}/ff/layer_2/bias',
            },
        )
        self.norm(f'FeedForward-Norm-{n}', f'{at}/ff')

    def norm(self, name: str, source: str) -> None:
        roles = ('gamma', 'beta')
        self.layer(
            name,
            {role: (self._width,) for role in roles},
            {role: f'{source}/LayerNorm/{role}' for role in roles},
        )

    def softmax(self, counts: list[int]) -> None:
        clusters, width, at = len(counts) - 1, self._width, 'adaptive_softmax/cutoff'
        weights: dict[str, tuple[int, ...]] = {
            'kernel-cluster': (width, clusters),
            'bias-cluster': (clusters,),
        }
        sources = {'kernel-cluster': f'{at}_0/cluster_W', 'bias-cluster': f'{at}_0/cluster_b'}
        weights['kernel-0'], sources['kernel-0'] = (width, width), f'{at}_0/proj'
        for n, count in enumerate(counts):
            weights[f'bias-{n}'], sources[f'bias-{n}'] = (count,), f'{at}_{n}/b'
        self.layer('Softmax', weights, sources, **{'kernel-cluster': (clusters, width)})


def keras_transformer_xl() -> Pair:
    """kimiyoung/transformer-xl for WikiText-103 as train_gpu.py trains it, narrow, and CyberZHG/keras-transformer-xl.

    The answer is that of the latter's loader.py; the new names, order and shapes are those of keras-transformer-xl
    0.14.0 when it is run. The new attention has two matrices of the old one's `qkv`, each new layer has its part of
    the old biases, and the matrix of the clusters is transposed. The new memories are variables.
    """
    tf.keras.backend.clear_session()
    blocks, counts, width = 6, [40, 80, 240, 400], 256
    net = _TransformerXl(width, 4 * width, 16, blocks)
    net.embeddings(counts, [width // 4**n for n in range(len(counts))])
    for n in range(1, blocks + 1):
        net.block(n)
    net.softmax(counts)
    pair = net.rows.pair(model=tf.keras.Model(net.inputs, net.outputs))
    steps = {'global_step': (), 'beta1_power': (), 'beta2_power': ()}
    return with_slots(pair, 'Adam', 'Adam_1', others=steps)
