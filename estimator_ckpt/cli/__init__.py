"""The command `estimator-ckpt`.

This package knows the command line: flags, exit codes, what is shown on a terminal, and how errors become sentences.
The packages below do the work. No TensorFlow is imported for local checkpoints.

* `main`: finds the subcommand, parses its flags, prints its lines and reports errors.
* `inspect_command`, `diff_command`, `verify_command`, `plan_command`, `convert_command`: one subcommand each, with
  `ARGUMENTS`, `define_flags` and `run`; the docstring of the module is the help text.
* `terminal`: colors, width and progress bars.
* `usage`: the error of a wrong command line.
"""
