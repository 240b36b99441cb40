"""Writes new checkpoint files from old ones, without TensorFlow except for `like=` with objects.

This package knows how tensors are placed in the layout of another style. What goes where is decided by `mapping`;
bytes are the business of `bundle`.

* `convert_checkpoint`, `convert_directory`, `guide_functions`: one checkpoint; all of a directory; the functions of
  TensorFlow's migration guide.
* `average_checkpoints`: one checkpoint from several; `directories`: the checkpoints of a directory.
* `selection`: the tensors that are converted.
* `convert_for_program`: checkpoints whose program is known.
* `placement`, `placement_like`: the new keys of tensors; the layout of another checkpoint.
* `keras_optimizers`, `optimizer_to_keras`, `optimizer_to_tf1`: the arguments about Keras optimizers; the state of
  optimizers in either direction.
"""
