"""Further pairs of networks of texts, of texts in images, and of agents; see `more_architectures`."""

import dataclasses

import tensorflow as tf

from tests.suggesting.known_pairs import Pair, files, program
from tests.suggesting.sequence_networks import dense, norm

_NORM = ('gamma', 'beta', 'moving_mean', 'moving_variance')


def crnn() -> Pair:
    """The CRNN of MaybeShewill-CV, of convolutions and stacked LSTMs of both directions, and a Keras model."""
    tf.keras.backend.clear_session()
    layers, answer = tf.keras.layers, {}

    def unit(x, scopes: tuple[str, str], width: int, biases: bool, **options):
        convolution = layers.Conv2D(width, use_bias=biases, **options)
        normalization = layers.BatchNormalization()
        x = normalization(convolution(x))
        at, of_norm = (f'shadow_net/feature_extraction_module/{scope}' for scope in scopes)
        answer[f'{at}/W'] = convolution.kernel
        if biases:
            answer[f'{at}/b'] = convolution.bias
        answer.update({f'{of_norm}/{role}': getattr(normalization, role) for role in _NORM})
        return layers.ReLU()(x)

    x = inputs = layers.Input([32, 100, 3])
    same = {'kernel_size': 3, 'padding': 'same'}
    for number, width in enumerate((64, 128), 1):
        scopes = f'conv{number}/conv', f'conv{number}/bn'
        x = layers.MaxPool2D()(unit(x, scopes, width, True, **same))
    for number, width in enumerate((256, 256, 512, 512), 3):
        x = unit(x, (f'conv{number}', f'bn{number}'), width, False, **same)
        x = layers.MaxPool2D((2, 1))(x) if number in (4, 6) else x
    x = unit(x, ('conv7', 'bn7'), 512, False, kernel_size=2, strides=(2, 1), padding='same')
    x = layers.Reshape([25, 512])(x)
    for number in range(2):
        layer = layers.Bidirectional(layers.LSTM(256, return_sequences=True))
        x = layer(x)
        at = f'shadow_net/sequence_rnn_module/stack_bidirectional_rnn/cell_{number}/bidirectional_rnn'
        for short, of_layer in (('fw', layer.forward_layer), ('bw', layer.backward_layer)):
            for role in ('kernel', 'recurrent_kernel', 'bias'):
                answer[f'{at}/{short}/lstm_cell/{role}'] = getattr(of_layer.cell, role)
    last = layers.Dense(37, use_bias=False)
    model = tf.keras.Model(inputs, last(x))
    answer['shadow_net/sequence_rnn_module/w'] = last.kernel
    return _with_tf1_cells(program(answer, {'global_step': ()}, model=model))


def _with_tf1_cells(pair: Pair) -> Pair:
    """Makes one kernel of the two of each LSTM, as TF1's cells have."""
    shapes, sources = dict(pair.shapes), dict(pair.sources)
    for name in pair.shapes:
        if name.endswith('/recurrent_kernel'):
            kernel = name.replace('recurrent_kernel', 'kernel')
            units, width = shapes.pop(name)
            shapes[kernel] = shapes[kernel][0] + units, width
            sources = {path: kernel if source == name else source for path, source in sources.items()}
    return dataclasses.replace(pair, shapes=shapes, sources=sources)


def text_cnn() -> Pair:
    """dennybritz's classifier of texts, whose last matrix has lost its scope, and a Keras model without names."""
    tf.keras.backend.clear_session()
    layers = tf.keras.layers
    embedding = layers.Embedding(5000, 128)
    inputs = layers.Input([56])
    x = layers.Reshape([56, 128, 1])(embedding(inputs))
    answer, rows = {}, []
    for size in (3, 4, 5):
        convolution = layers.Conv2D(128, (size, 128))
        rows.append(layers.GlobalMaxPooling2D()(convolution(x)))
        answer[f'conv-maxpool-{size}/W'] = convolution.kernel
        answer[f'conv-maxpool-{size}/b'] = convolution.bias
    output = layers.Dense(2)
    model = tf.keras.Model(inputs, output(layers.Concatenate()(rows)))
    answer |= {'embedding/W': embedding.embeddings, 'W': output.kernel, 'output/b': output.bias}
    return program(answer, {'global_step': ()}, model=model)


def elmo() -> Pair:
    """The language model of ELMo, of both directions, and the names of Keras layers."""
    width, cell, answer = 64, 256, {}
    answer['lm/char_embed'] = 'elmo/char_embedding/embeddings', (261, 16), None
    filters = ((1, 32), (2, 32), (3, 64), (4, 128), (5, 256), (6, 512), (7, 1024))
    for number, (size, count) in enumerate(filters):
        new = f'elmo/char_conv_{number}'
        answer[f'lm/CNN/W_cnn_{number}'] = f'{new}/kernel', (1, size, 16, count), (size, 16, count)
        answer[f'lm/CNN/b_cnn_{number}'] = f'{new}/bias', (count,), None
    for number in range(2):
        for old, new in (('carry', 'gate'), ('transform', 'transform')):
            at = f'elmo/highway_{number}/{new}'
            answer[f'lm/CNN_high_{number}/W_{old}'] = f'{at}/kernel', (2048, 2048), None
            answer[f'lm/CNN_high_{number}/b_{old}'] = f'{at}/bias', (2048,), None
    answer['lm/CNN_proj/W_proj'] = 'elmo/projection/kernel', (2048, width), None
    answer['lm/CNN_proj/b_proj'] = 'elmo/projection/bias', (width,), None
    for direction, new in enumerate(('forward', 'backward')):
        for number in range(2):
            a = f'lm/RNN_{direction}/rnn/multi_rnn_cell/cell_{number}/lstm_cell'
            b = f'elmo/{new}_lstm/cell_{number}'
            answer |= dense(a, b, 2 * width, 4 * cell)
            answer[f'{a}/projection/kernel'] = f'{b}/projection_kernel', (cell, width), None
    answer['lm/softmax/W'] = 'elmo/softmax/kernel', (800, width), None
    answer['lm/softmax/b'] = 'elmo/softmax/bias', (800,), None
    return files(answer, {'global_step': (), 'train_perplexity': ()})


def pegasus() -> Pair:
    """Google's Pegasus, whose attentions have no biases, and Hugging Face's, which have."""
    width, inner, count = 96, 384, 6
    root = 'tf_pegasus_for_conditional_generation'
    model, answer, targets = f'{root}/model', {}, {}
    answer['embeddings/weights'] = f'{model}/shared/weight', (500, width), None
    targets[f'{root}/final_logits_bias'] = 1, 500
    for side in ('encoder', 'decoder'):
        targets[f'{model}/{side}/embed_positions/weight'] = 512, width
        kinds = [('self_attention', 'self_attn'), ('memory_attention', 'encoder_attn')]
        for n in range(count):
            a, b = f'{side}/layer_{n}', f'{model}/{side}/layers.{n}'
            for old, new in kinds[: 1 + (side == 'decoder')]:
                for part, other in (('q', 'q'), ('k', 'k'), ('v', 'v'), ('output', 'out')):
                    kernel = f'{b}/{new}/{other}_proj/kernel', (width, width), None
                    answer[f'{a}/{old}/{part}_proj/kernel'] = kernel
                    targets[f'{b}/{new}/{other}_proj/bias'] = (width,)
                answer |= norm(f'{a}/{old}/LayerNorm', f'{b}/{new}_layer_norm', width)
            answer |= dense(f'{a}/ffn/dense', f'{b}/fc1', width, inner)
            answer |= dense(f'{a}/ffn/dense_1', f'{b}/fc2', inner, width)
            answer |= norm(f'{a}/ffn/LayerNorm', f'{b}/final_layer_norm', width)
        answer |= norm(f'{side}/LayerNorm', f'{model}/{side}/layer_norm', width)
    return files(answer, {'global_step': ()}, targets)


class _ActorCritic(tf.keras.Model):
    def __init__(self, observations: int, actions: int):
        super().__init__()
        layers = tf.keras.layers
        self.actor = tf.keras.Sequential([layers.Input([observations])])
        self.critic = tf.keras.Sequential([layers.Input([observations])])
        for head, units in ((self.actor, actions), (self.critic, 1)):
            for width in (64, 64, units):
                head.add(layers.Dense(width))
        self.log_std = tf.Variable(tf.zeros([actions]))


def ppo() -> Pair:
    """The PPO of stable-baselines, of a policy and a value function of the same shapes, and an actor and a critic."""
    model, answer = _ActorCritic(24, 4), {}
    for scope, head in (('pi', model.actor), ('vf', model.critic)):
        for name, layer in zip((f'{scope}_fc0', f'{scope}_fc1', scope), head.layers, strict=True):
            answer[f'model/{name}/w'], answer[f'model/{name}/b'] = layer.kernel, layer.bias
    answer['model/pi/logstd'] = model.log_std, (1, 4)
    return program(answer, {'model/q/w': (64, 4), 'model/q/b': (4,)}, model=model)
