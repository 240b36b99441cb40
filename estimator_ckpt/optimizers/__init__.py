"""The state of optimizers and its values across TF1 and Keras, without TensorFlow.

This package knows which values slots, steps and hyperparameters have in each optimizer. Their names are in
`keys.slots`; where they are stored in new files is the business of `conversion`.

* `scalars`: steps, beta powers and hyperparameters that are stored as tensors.
* `momentum`: the value that differs between TF1 and Keras.
* `keras_legacy`: the layouts of `tf.keras.optimizers.legacy`.
* `meta_graph`: hyperparameters from a `.meta` graph.
"""
