r"""Converts what examples/train_digits.py has trained to PyTorch, without TensorFlow.

  python examples/to_pytorch.py --checkpoint=digits --output=digits.safetensors

The checkpoint, of any style, becomes a safetensors file with the names and layouts of PyTorch's layers, which
load_state_dict takes as it is. It prints the test accuracy of the loaded module, which is that of the Estimator.
"""

import numpy as np
import safetensors.torch
import torch
from absl import app, flags
from digits_data import load_data

import estimator_ckpt

_CHECKPOINT = flags.DEFINE_string('checkpoint', None, 'Directory or prefix of the checkpoint.', required=True)
_OUTPUT = flags.DEFINE_string('output', None, 'The new file, which ends in .safetensors.', required=True)


class Digits(torch.nn.Module):
    """The classifier of examples/digits.py, from images of shape [n, 8, 8, 1] to logits of shape [n, 10]."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 16, 3)
        # Keras's epsilon, and what its momentum of 0.99 is in PyTorch.
        self.norm = torch.nn.BatchNorm2d(16, eps=1e-3, momentum=0.01)
        self.hidden = torch.nn.Linear(6 * 6 * 16, 64)
        self.logits = torch.nn.Linear(64, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.norm(torch.relu(self.conv(images.permute(0, 3, 1, 2))))
        # The rows of `hidden` are in the order in which TensorFlow flattens: channels last.
        x = x.permute(0, 2, 3, 1).flatten(1)
        return self.logits(torch.relu(self.hidden(x)))


def main(_):
    report = estimator_ckpt.convert(_CHECKPOINT.value, _OUTPUT.value, for_='pytorch')
    print(report)
    module = Digits()
    module.load_state_dict(safetensors.torch.load_file(_OUTPUT.value))
    module.eval()
    images, labels = load_data()['test']
    with torch.no_grad():
        predictions = module(torch.from_numpy(images)).argmax(1).numpy()
    print(f'step: {int(module.norm.num_batches_tracked)}')
    print(f'test accuracy: {np.mean(predictions == labels):.4f}')


if __name__ == '__main__':
    app.run(main)
