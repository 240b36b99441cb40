"""The moving averages of variables (`tf.train.ExponentialMovingAverage`)."""

from estimator_ckpt.keys.kinds import Kind
from estimator_ckpt.mapping.tensors import Tensor
from estimator_ckpt.mapping.transforms import Recipe


def promote(tensors: list[Tensor]) -> list[Tensor]:
    """Gives each variable that has a moving average the average's value, and leaves the averages out."""
    # What a zero-debiased average is computed from belongs to no variable.
    of_variables = [t for t in tensors if t.meaning.kind is Kind.AVERAGE and t.meaning.variable]
    averages = {tensor.meaning.variable: tensor for tensor in of_variables}
    left_out = set(map(id, of_variables))
    rest = [tensor for tensor in tensors if id(tensor) not in left_out]
    for tensor in rest:
        average = averages.get(tensor.key) or averages.get(tensor.object_key)
        if average is not None:
            tensor.recipe = Recipe((average.key,))
    return rest
