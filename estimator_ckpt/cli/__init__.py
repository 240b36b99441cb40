"""The command `estimator-ckpt`.

This package knows the command line: flags, exit codes, what is shown on a terminal, and how errors become sentences.
The packages below do the work. No TensorFlow is imported for local checkpoints.

* `main`, `commands`: finds the subcommand, parses its flags, prints its lines and reports errors; what there is.
* `..._command`: one subcommand each, with `ARGUMENTS`, `EXAMPLES`, `define_flags` and `run`; the docstring of the
  module is the help text.
* `rules_flags`, `rows_flag`, `html_flag`: the flags that several subcommands take.
* `report_lines`, `terminal`: the lines of a mapping; colors, width and progress bars.
* `json_output`, `schemas/`: what `--json` prints, and the schemas of it.
* `html_page`, `tensor_pages`, `page/`: what `--html` writes: the page, and what those of `plan` and `diff` show.
* `usage`: the error of a wrong command line.
"""
