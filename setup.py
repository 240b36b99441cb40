"""The extras; everything else is in setup.cfg."""

import subprocess
import sys

import setuptools

# TensorFlow is published under several names that unpack into one folder. A requirement can give only one of them, and
# `tensorflow` asked for where `tensorflow-cpu` is installed would be unpacked over it. So the extras ask for the one
# that is there, and all of them for the same. pip builds in an environment of its own, but with the interpreter that it
# installs for: `-E` drops the variables by which it hides what is installed there. Where a build cannot see that (a
# wheel built elsewhere, uv without --no-build-isolation) the extras ask for `tensorflow`.
_TENSORFLOWS = (
    'tensorflow',
    'tensorflow-cpu',
    'tensorflow-rocm',
    'tensorflow-macos',
    'tensorflow-intel',
    'intel-tensorflow',
    'tf-nightly',
    'tf-nightly-cpu',
)
_INSTALLED = """
import importlib.metadata, sys
for name in sys.argv[1:]:
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        continue
    print(name)
    break
"""


def _tensorflow() -> str:
    """The distribution that TensorFlow is installed from, or the one to install."""
    command = [sys.executable, '-E', '-c', _INSTALLED, *_TENSORFLOWS]
    installed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    return installed or 'tensorflow'


tensorflow = _tensorflow()
estimator = [f'{tensorflow}>=2.12,<2.16', 'tensorflow-estimator>=2.12,<2.16']
# Each of its releases is built for one of TensorFlow, from 0.32 for 2.12 on, which only its extras say.
s3 = [f'tensorflow-io[{tensorflow}]>=0.32; sys_platform != "win32"']

setuptools.setup(
    extras_require={
        'estimator': estimator,
        'tensorflow': [f'{tensorflow}>=2.12'],
        'examples': ['scikit-learn'],
        # The first with wheels for Python 3.11.
        'keras': ['h5py>=3.8'],
        's3': s3,
        'safetensors': ['safetensors>=0.4'],
        'test': [
            *estimator,
            *s3,
            'cryptography',
            'gcp-storage-emulator',
            'h5py>=3.8',
            'hypothesis>=6.112',
            'moto[server]>=5',
            'pytest>=8.1',
            'pytest-xdist>=3.7',
            # The first that gives bfloat16 to NumPy.
            'safetensors>=0.8',
            'scikit-learn',
        ],
        'lint': ['import-linter~=2.17', 'mypy~=2.4.0', 'ruff~=0.17.0'],
    }
)
