"""Pairs of image networks and states of PyTorch, by their names, for the twenty-third blind test; see `blind_pairs`."""

from tests.suggesting.blind_objects import with_slots
from tests.suggesting.eighth_state_dicts import StateDict
from tests.suggesting.known_pairs import Pair


def dcgan_state() -> Pair:
    """znxlwm/tensorflow-MNIST-GAN-DCGAN's DCGAN, and the states of znxlwm/pytorch-MNIST-CelebA-GAN-DCGAN's for MNIST.

    The files are tensorflow_MNIST_DCGAN.py and pytorch_MNIST_DCGAN.py. The new program saves the states of G and D in
    two files, which are one here, under its names for them. The old one saves nothing itself; all is here, with the
    slots of both optimizers.
    """
    names = StateDict()
    widths = 100, 1024, 512, 256, 128, 1
    for n, (x, y) in enumerate(zip(widths, widths[1:], strict=False), 1):
        end = f'_{n - 1}' if n > 1 else ''
        source = f'generator/conv2d_transpose{end}'
        names.weights(source, f'G.deconv{n}', (4, 4, y, x), transposed=True)
        if n < 5:
            names.norm(f'generator/batch_normalization{end}', f'G.deconv{n}_bn', y, statistics=True)
    widths = 1, 128, 256, 512, 1024, 1
    for n, (x, y) in enumerate(zip(widths, widths[1:], strict=False), 1):
        end = f'_{n - 1}' if n > 1 else ''
        names.weights(f'discriminator/conv2d{end}', f'D.conv{n}', (4, 4, x, y))
        if 1 < n < 5:
            end = f'_{n - 2}' if n > 2 else ''
            names.norm(f'discriminator/batch_normalization{end}', f'D.conv{n}_bn', y, statistics=True)
    powers = {f'beta{n}_power{end}': () for n in (1, 2) for end in ('', '_1')}
    return with_slots(names.pair(), 'Adam', 'Adam_1', others=powers)
