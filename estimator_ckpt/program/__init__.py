"""The TensorFlow side: the variables and objects of a program, and the keys under which checkpoints hold them.

This package is the only one that uses private TensorFlow APIs. It saves and restores nothing.

* `tracking`, `bindings`: the objects below a `tf.train.Checkpoint`; the keys of the variables of a graph or of
  objects.
* `targets`, `read_target`, `optimizer_slots`: what a warm start or a conversion fills, live or in a checkpoint; the
  slots of live optimizers.
* `frozen_objects`, `graph_state`: objects of a finalized graph; the state that this package keeps per graph.
* `tensorflow_internals`: every private TensorFlow name, with the versions that it was checked on."""
