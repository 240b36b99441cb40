"""Runs the command `estimator-ckpt` for `python -m estimator_ckpt`."""

from estimator_ckpt.cli import main

if __name__ == '__main__':
    main.run()
