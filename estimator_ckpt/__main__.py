"""`python -m estimator_ckpt`: the command `estimator-ckpt`."""

from estimator_ckpt.tools import shell

if __name__ == '__main__':
    shell.run()
