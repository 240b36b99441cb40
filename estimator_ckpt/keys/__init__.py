"""The meaning of keys, without TensorFlow.

This package knows styles, object keys, object graphs, and which key is that of a variable, a slot, a step, an average
or a hyperparameter. It does not know what goes where, and writes no files.

* `styles`, `contents`: name-based, object-based and both; a checkpoint with the meanings of its keys.
* `object_keys`, `object_graph`, `graph_builder`: object keys; the object graph, parsed and serialized; building one.
* `kinds`, `kind_words`, `slots`: the kinds of tensors; their names in options; the table of optimizers with the names
  of their slots in TF1 and Keras.
* `slot_structure`: slots that are recognized by shapes and numbers instead of names.
"""
