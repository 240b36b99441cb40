"""The mapping from the tensors of a checkpoint to the variables of a target, which is not applied here.

This package knows rules, how values are computed from others, and how mismatches are reported. It does not know
sessions, live objects, or how files are written.

* `rules`, `object_rules`, `transforms`: rules by name; rules given by objects; the operations on values in rules.
* `tensors`, `recipes`: the tensors of a checkpoint under their names; how a value is computed.
* `source`, `slot_states`: a checkpoint as the source of a mapping; the slots of its variables.
* `locations`, `targets`: the keys of a program's tensors in each style; the tensors that are to get values.
* `matching`, `report`, `shape_advice`: the source of each target; the report and its errors; hints for other shapes.
* `keras_layers`: the same variables of a model in Keras 2 and in Keras 3.
"""
