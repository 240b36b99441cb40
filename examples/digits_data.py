"""The data of the digits classifier, for programs with and without TensorFlow."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

BATCH_SIZE = 64
LEARNING_RATE = 0.002


def load_data() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """scikit-learn's 1,797 images of handwritten digits, split into `'train'` and `'test'`.

    Returns:
      For each split the images, float32 of shape [n, 8, 8, 1] with values from 0 to 1, and the labels, int64 of shape
      [n] with values from 0 to 9. The split is the same in every process.
    """
    digits = load_digits()
    images = (digits.images[..., np.newaxis] / digits.images.max()).astype(np.float32)
    labels = digits.target.astype(np.int64)
    train_x, test_x, train_y, test_y = train_test_split(
        images, labels, test_size=0.2, random_state=0, stratify=labels
    )
    return {'train': (train_x, train_y), 'test': (test_x, test_y)}
