"""The TensorFlow side: the variables and objects of a program, and their keys in checkpoints.

Only this package uses private TensorFlow APIs. Nothing is saved or restored here.

* `tracking`, `bindings`: the objects below a `tf.train.Checkpoint`; the keys of the variables of a graph or of
  objects.
* `targets`, `read_target`, `optimizer_slots`: the tensors that a warm start or a conversion fills, live or in a
  checkpoint; the slots of live optimizers.
* `keras_3`: what TensorFlow does not reach in a model of Keras 3.
* `frozen_objects`, `graph_state`: objects of a finalized graph; the state that this package keeps per graph.
* `tensorflow_internals`: every private TensorFlow name, with the versions that it was checked on.
"""
