"""`WarmStart`: gives variables the values of another checkpoint, in sessions and in eager mode.

This package selects variables and assigns values. Rules and reports are in `mapping`. No files are written.

* `options`, `selection`: the options; the variables that they select.
* `plan`, `together`: find the source of each variable before anything is changed; several warm starts of one program.
* `warm_start`, `assign`, `deferred_restore`: the public functions; assigning values; layers that are not built yet.
* `partial_restore`: restoring only some of the variables.
* `beta_powers`, `vocabularies`: values that are computed: the beta powers of Adam, and rows by vocabulary.
"""
