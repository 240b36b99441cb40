"""Suggests rules between two checkpoints, or between a checkpoint and the objects of a program.

This package knows how to recognize a variable under another name: by shapes, and by the numbers and words of names. It
applies no rule and reads no tensor, and imports TensorFlow only for objects.

* `suggest_rules`, `suggestion`: the public function; its result, as a file of rules or as JSON.
* `compared`, `layouts`, `projections`: the tensors of both sides by their kinds; kernels of PyTorch in TensorFlow's
  layout; what one side has as one variable.
* `alignment`, `progress`, `facts`: which variable is which, stage by stage; what is known so far; what does not change.
* `family_stage`, `candidates`, `hypotheses`, `evidence`, `rivals`: families of layers; what is compared; the
  possibilities; what supports each, and what contradicts it.
* `contradictions`, `swapped_words`: what breaks a pattern that all other layers keep, or what names say.
* `chains`, `sequences`, `tracked_order`, `unnamed`, `modules`, `surroundings`, `elsewhere`: layers in a known order;
  which layer is which by it; where Keras's order does not tell; which variable without a name; which part of a network;
  which layer by the layers around it; and by what other blocks say.
* `scope_trees`, `transformer_blocks`, `counted_blocks`: scopes along the other side's order; the layers of transformer
  blocks that one side names and the other numbers in each block, or through the whole network.
* `units`, `interleaving`, `activations`: which normalization belongs to which convolution, by names; by numbers; which
  slopes of PReLU do.
* `families`, `layer_kinds`, `name_parts`, `similarity`, `namesakes`, `reshaping`: layers and families of layers; what
  kind of layer each is; roles, numbers and words in names; likeness of names; names that are the same; shapes that fit
  each other.
* `number_words`, `running_numbers`: which numbers of two names are the same; numbers that run on through scopes.
* `scope_roles`: what names say of variables only beside the others of their scopes.
* `cells`, `copies`: recurrent cells; what is a second copy of other variables.
* `generalization`: few rules from many renamings.
"""
