"""`python -m estimator_ckpt`: the command `estimator-ckpt`."""

from estimator_ckpt.cli import main

if __name__ == '__main__':
    main.run()
