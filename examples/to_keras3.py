r"""Converts what examples/train_digits.py has trained to Keras 3, on any of its backends, and goes on training it.

  KERAS_BACKEND=jax python examples/to_keras3.py --checkpoint=digits --output=digits.weights.h5

The checkpoint, of any style, becomes a file that Keras loads without this package: the weights, the statistics of the
batch normalization, and Adam's moments and step. With the backends jax and torch no TensorFlow is needed. It prints the
test accuracy of the loaded model, which is that of the Estimator, and after one more epoch.
"""

import os

from absl import app, flags

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import keras  # noqa: E402
from digits import build_model  # noqa: E402
from digits_data import BATCH_SIZE, LEARNING_RATE, load_data  # noqa: E402

import estimator_ckpt  # noqa: E402

_CHECKPOINT = flags.DEFINE_string('checkpoint', None, 'Directory or prefix of the checkpoint.', required=True)
_OUTPUT = flags.DEFINE_string('output', None, 'The new file, which ends in .weights.h5.', required=True)
_EPOCHS = flags.DEFINE_integer('epochs', 1, 'Number of epochs to train after the conversion.', 0)
_SEED = flags.DEFINE_integer('seed', 1, 'Seed of the order of the data.')


def build_compiled_model() -> keras.Model:
    """The classifier with an optimizer like TF1's."""
    model = build_model()
    model.compile(
        keras.optimizers.Adam(LEARNING_RATE, epsilon=1e-8),  # TF1's epsilon.
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=['accuracy'],
    )
    # Keras reads the optimizer's state only into variables that are there.
    model.optimizer.build(model.trainable_variables)
    return model


def test(model: keras.Model) -> float:
    """The share of the test images that are classified as their labels say."""
    return model.evaluate(*load_data()['test'], verbose=0, return_dict=True)['accuracy']


def main(_):
    keras.utils.set_random_seed(_SEED.value)
    model = build_compiled_model()
    report = estimator_ckpt.convert(_CHECKPOINT.value, _OUTPUT.value, like=model)
    print(report)
    model.load_weights(_OUTPUT.value)
    print(f'backend: {keras.backend.backend()}')
    print(f'step: {int(model.optimizer.iterations)}')
    print(f'test accuracy: {test(model):.4f}')
    if _EPOCHS.value:
        images, labels = load_data()['train']
        history = model.fit(images, labels, BATCH_SIZE, _EPOCHS.value, verbose=0)
        print(f'loss of the first epoch: {history.history["loss"][0]:.4f}')
        print(f'step after training: {int(model.optimizer.iterations)}')
        print(f'test accuracy after training: {test(model):.4f}')


if __name__ == '__main__':
    app.run(main)
