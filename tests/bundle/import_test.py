"""Tests that the file format needs neither TensorFlow nor the rest of this package."""

import ast
import json
import pathlib
import pkgutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from estimator_ckpt import bundle
from tests.bundle.helpers import save, save_sharded, tf_tensors

FOLDER = pathlib.Path(bundle.__file__).parent
MODULES = sorted(module.name for module in pkgutil.iter_modules([str(FOLDER)]))


def run(script, *arguments):
    """Runs a script in a new process, with the modules of the format imported, and gives what it prints."""
    imports = ''.join(f'import estimator_ckpt.bundle.{name}\n' for name in MODULES)
    result = subprocess.run(
        [sys.executable, '-c', imports + textwrap.dedent(script), *map(str, arguments)],
        cwd=FOLDER.parents[1], capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(result.stdout)


@pytest.mark.parametrize('transfer', ['link', 'copy'])
def test_a_local_checkpoint_is_read_and_rewritten_without_importing_tensorflow(tmp_path, transfer):
    save_sharded(tmp_path / 'model', devices=2)
    source = save(tmp_path / 'sliced', {'v': np.ones(4)}, {'v': '5 1,4'})
    script = """
        import json, sys
        from estimator_ckpt.bundle import checkpoint_state, paths, reader, writer

        new = writer.BundleWriter(sys.argv[3])
        for path in sys.argv[1:3]:
            source = reader.BundleReader(path)
            source.check_data_files()
            for key in source.keys():
                if not source.entry(key).slices:
                    source.tensor(key, verify=True)
            new.include(source, sys.argv[4])
        new.rename('v0', 'renamed')
        new.remove('v')
        new.publish(lambda size: None)
        checkpoint_state.write_state(sys.argv[5], checkpoint_state.CheckpointState('new'))
        assert paths.resolve(sys.argv[5]) == sys.argv[3]
        print(json.dumps(sorted(name for name in sys.modules if name.split('.')[0] in ('tensorflow', 'keras'))))
    """
    target = tmp_path / 'new' / 'new'
    assert run(script, tmp_path / 'model', source, target, transfer, target.parent) == []
    assert sorted(tf_tensors(target)) == ['renamed', 'v1', 'v2', 'v3']


def test_nothing_of_this_package_outside_the_format_is_imported():
    loaded = run(
        "import json, sys; print(json.dumps([n for n in sys.modules if n.startswith('estimator_ckpt')]))"
    )
    expected = {
        'estimator_ckpt',
        'estimator_ckpt.bundle',
        *(f'estimator_ckpt.bundle.{name}' for name in MODULES),
    }
    assert set(loaded) == expected


@pytest.mark.parametrize('module', MODULES)
def test_a_module_of_the_format_names_nothing_of_this_package_outside_of_it(module):
    imported = []
    for node in ast.walk(ast.parse((FOLDER / f'{module}.py').read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported += [f'{node.module}.{alias.name}' for alias in node.names]
        elif isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
    ours = [name for name in imported if name.split('.')[0] == 'estimator_ckpt']
    assert all(name.startswith('estimator_ckpt.bundle.') for name in ours)


def test_the_messages_live_beside_tensorflows_own_in_one_process(tmp_path):
    script = """
        import json
        from estimator_ckpt.bundle.messages import BundleEntry
        from tensorflow.core.protobuf import tensor_bundle_pb2, trackable_object_graph_pb2

        theirs = tensor_bundle_pb2.BundleEntryProto(dtype=1, size=8, crc32c=5)
        theirs.slices.add().extent.add(start=0, length=0)
        theirs.shape.dim.add(size=2)
        ours = BundleEntry.FromString(theirs.SerializeToString())
        assert ours.slices[0].extent[0].HasField('length')
        assert ours.SerializeToString() == theirs.SerializeToString()
        print(json.dumps(True))
    """
    assert run(script)


def test_protobuf_is_imported_for_the_first_message_only():
    script = """
        import json, sys
        from estimator_ckpt.bundle.messages import BundleHeader

        before = 'google.protobuf.descriptor_pb2' in sys.modules
        BundleHeader(num_shards=1)
        print(json.dumps([before, 'google.protobuf.descriptor_pb2' in sys.modules]))
    """
    assert run(script) == [False, True]
