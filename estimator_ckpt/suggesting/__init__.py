"""Suggests rules between two checkpoints, or between a checkpoint and the objects of a program.

This package knows how to recognize a variable under another name: by shapes, and by the numbers and words of names. It
applies no rule and reads no tensor, and imports TensorFlow only for objects.

* `suggest_rules`, `suggestion`: the public function; its result, as a file of rules or as JSON.
* `alignment`, `hypotheses`, `evidence`: which variable is which; the possibilities; what supports each.
* `sequences`, `units`, `surroundings`: which layer is which by their order; which normalization belongs to which
  convolution; which layer is which by the layers around it.
* `families`, `name_parts`, `similarity`, `reshaping`: layers and families of layers; roles, numbers and words in names;
  likeness of names; shapes that fit each other.
* `generalization`: few rules from many renamings.
"""
