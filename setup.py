"""What setup.cfg cannot say: a source distribution also has the tests, the examples and the changelog."""

import setuptools
from setuptools.command.sdist import sdist

_TREES = ('tests', 'examples', '.ci')
_FILES = ('BUILD', 'CHANGELOG.md', 'README.md', 'LICENSE')


class _Sdist(sdist):
    """Adds what packages leave out. setup.cfg has no option for it, and a MANIFEST.in would be one more file."""

    def make_distribution(self) -> None:
        for tree in _TREES:
            self.filelist.graft(tree)
        for name in _FILES:
            self.filelist.include(name)
        self.filelist.global_exclude('*.py[cod]')
        super().make_distribution()


setuptools.setup(cmdclass={'sdist': _Sdist})
