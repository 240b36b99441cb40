"""Helpers that know neither checkpoints nor TensorFlow, and import no other package of this one.

* `formatting`: plain text for people: tables, sizes, shapes, printable keys.
* `gc_pause`: a pause of the garbage collector while many small objects are created.
"""
