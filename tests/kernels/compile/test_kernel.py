"""The cache of compiled kernels: it hits, and no fault of it is more than a recompile and a warning."""

from __future__ import annotations

import importlib
import json
import os
import pickle
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import pytest
from numba.core import config

from ccdfx.kernels.compile import kernel as kernel_module

SCRIPT = """
import json, sys
sys.path[:0] = [{folder!r}, {tests!r}]
from test_kernel import loaded
print(json.dumps(loaded()))
"""
MODULE = """
from ccdfx.kernels.compile.kernel import kernel
from inner import inner

@kernel
def outer(x):
    return inner(x) + 2.0
"""
INNER = """
from ccdfx.kernels.compile.kernel import kernel

@kernel
def inner(x):
    return x * 2.0
"""


def loaded():
    """Import the module `small` as for the first time, and call its kernel."""
    kernel_module._digest.cache_clear()
    kernel_module._spoken.clear()
    for name in ("small", "inner"):
        sys.modules.pop(name, None)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        small = importlib.import_module("small")
        value = small.outer(20.0)
    hits = sum(small.outer.stats.cache_hits.values())
    return {"value": value, "hits": hits, "warnings": [str(warning.message) for warning in told]}


class Place:
    """A module with two kernels, and where their cache is."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.cache = folder / "cache"
        (folder / "small.py").write_text(MODULE)
        (folder / "inner.py").write_text(INNER)

    def load(self):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(config, "CACHE_DIR", str(self.cache))
            patch.setattr(sys, "dont_write_bytecode", True)
            patch.syspath_prepend(self.folder)
            return loaded()

    def run(self, before="", **environment):
        """The same in a process of its own."""
        variables = {**os.environ, "NUMBA_CACHE_DIR": str(self.cache), **environment}
        script = before + SCRIPT.format(folder=str(self.folder), tests=str(Path(__file__).parent))
        done = subprocess.run(
            [sys.executable, "-c", script], env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def files(self, suffix):
        return sorted(self.cache.rglob(f"*outer*.{suffix}"))


@pytest.fixture
def place(tmp_path):
    yield Place(tmp_path)
    for name in ("small", "inner"):
        sys.modules.pop(name, None)


@pytest.mark.quick
def test_the_second_process_hits(place):
    assert place.run() == {"value": 42.0, "hits": 0, "warnings": []}
    assert place.run() == {"value": 42.0, "hits": 1, "warnings": []}


def test_a_kernel_is_stale_when_one_that_it_calls_changes(place):
    place.load()
    (place.folder / "inner.py").write_text(INNER.replace("x * 2.0", "x * 3.0"))
    assert place.load() == {"value": 62.0, "hits": 0, "warnings": []}


def test_a_kernel_is_stale_when_what_writes_its_instructions_changes(monkeypatch):
    from ccdfx.kernels.stack import sorting

    digest = kernel_module._digest
    made = sorting._sorting(5, False, False)
    before = kernel_module._stamp(made)
    for name in ("stack/sorting.py", "compile/llvm.py"):
        monkeypatch.setattr(
            kernel_module, "_digest", lambda file, name=name: "new" if file.endswith(name) else digest(file)
        )
        assert kernel_module._stamp(made) != before
        monkeypatch.undo()
    assert kernel_module._stamp(made) == before


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) * 2 // 3] ^= 0x10
    path.write_bytes(bytes(data))


def rubbish(path):
    path.write_bytes(b"\x80\x04rubbish" * 100)


@pytest.mark.parametrize("fault", [cut, empty, flip, rubbish])
@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
def test_damage_costs_a_recompile_and_one_warning(place, fault, suffix):
    place.load()
    for path in place.files(suffix):
        fault(path)
    got = place.load()
    assert (got["value"], got["hits"], len(got["warnings"])) == (42.0, 0, 1)
    assert "rebuilt" in got["warnings"][0]
    assert place.load() == {"value": 42.0, "hits": 1, "warnings": []}


def test_a_missing_data_file_is_silent(place):
    place.load()
    for path in place.files("nbc"):
        path.unlink()
    assert place.load()["value"] == 42.0
    assert place.load()["hits"] == 1


def test_what_a_kernel_calls_is_in_its_own_entry(place):
    place.load()
    assert len(place.files("nbc")) == 1 and not [*place.cache.rglob("*inner*")]


def test_data_of_another_signature_under_the_same_name_is_not_taken(place):
    """Two processes that compile two signatures at once may both take the first file name."""
    place.load()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "CACHE_DIR", str(place.cache))
        sys.modules["inner"].inner(20.0)
    (data,) = place.files("nbc")
    (other,) = sorted(place.cache.rglob("*inner*.nbc"))
    data.write_bytes(other.read_bytes())
    assert place.load()["value"] == 42.0


def test_no_place_for_a_cache(place):
    place.cache.write_text("not a folder")
    got = place.load()
    assert (got["value"], len(got["warnings"])) == (42.0, 1)
    assert "results are right" in got["warnings"][0]


def test_a_cache_that_cannot_be_written_is_read(place, monkeypatch):
    def refused(*args, **options):
        raise PermissionError("read-only file system")

    place.load()
    monkeypatch.setattr(
        tempfile, "TemporaryFile", refused
    )  # by which numba asks whether a folder can be written
    monkeypatch.setattr(kernel_module._CheckedFile, "_open_for_write", refused)
    assert place.load() == {"value": 42.0, "hits": 1, "warnings": []}


def test_installations_of_the_same_modules_share_their_kernels(place, tmp_path_factory):
    place.load()
    other = Place(tmp_path_factory.mktemp("other"))
    other.cache = place.cache
    assert other.load() == {"value": 42.0, "hits": 1, "warnings": []}
    (other.folder / "small.py").write_text(MODULE.replace("2.0", "3.0"))  # an installation of another version
    assert other.load() == {"value": 43.0, "hits": 0, "warnings": []}
    assert place.load() == {"value": 42.0, "hits": 1, "warnings": []}
    assert other.load() == {"value": 43.0, "hits": 1, "warnings": []}


def test_a_full_disk(place):
    """A file may not grow beyond 100 bytes: opening works, writing does not."""
    pytest.importorskip("resource")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
    got = place.run(limit, PYTHONDONTWRITEBYTECODE="1")
    assert (got["value"], len(got["warnings"])) == (42.0, 1)
    assert "cannot be written" in got["warnings"][0]
    assert place.load() == {"value": 42.0, "hits": 0, "warnings": []}


STACK = """
import json, sys
import numpy as np, ccdfx
from ccdfx.kernels.rules import sigma as rules
from ccdfx.kernels.stack import ranked as stack
sys.path.insert(0, {folder!r})
import foreign
frames = [np.full((3, 4), value, "f4") for value in (1, 2, 3, 4, 50)]
values = [float(ccdfx.combine(frames, reject=rule).array[0, 0]) for rule in (ccdfx.mad_clip(), foreign.lowest())]
kernels = (stack.stack_kernel("f4", False), rules.mad_clip_median_rule, foreign.lowest_rule)
print(json.dumps([values, [[sum(k.stats.cache_hits.values()), sum(k.stats.cache_misses.values())] for k in kernels]]))
"""
FOREIGN = '''
"""A rule as a plugin would bring it: keep the lowest value."""
from numba import njit
from ccdfx.operations.rejection.rule import Arrangement, Rejection

@njit(nogil=True, cache=True)
def lowest_rule(lanes, frames, counts, noise, parameters, low, high):
    for i in range(counts.size):
        low[i] = 0
        high[i] = min(counts[i], 1)

def arrange(parameters, facts):
    return Arrangement(lowest_rule)

def lowest():
    return Rejection("lowest", lowest, arrange, {})
'''


def test_the_stack_kernel_and_rules_hit_in_a_second_process(tmp_path):
    """One compiled stack kernel serves every rule, one of a third party too, and all are found again."""
    (tmp_path / "foreign.py").write_text(FOREIGN)
    script = STACK.format(folder=str(tmp_path))
    for hits in (False, True):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        values, found = json.loads(done.stdout)
        assert values == [2.5, 1.0] and (not hits or found == [[1, 0], [1, 0], [1, 0]])


def others_may_write(place):
    place.cache.chmod(0o777)


def others_may_write_inside(place):
    next(place.cache.iterdir()).chmod(0o770)


def a_link(place):
    inner = next(place.cache.iterdir())
    inner.rename(place.folder / "elsewhere")
    inner.symlink_to(place.folder / "elsewhere")


class Planted:
    """What writes a file when it is unpickled."""

    def __init__(self, proof):
        self.proof = proof

    def __reduce__(self):
        return exec, (f"open({str(self.proof)!r}, 'w')",)


@pytest.mark.parametrize("fault", [others_may_write, others_may_write_inside, a_link])
def test_a_folder_that_others_may_write_is_not_used(place, fault):
    place.load()
    proof = place.folder / "proof"
    for path in place.cache.rglob("*.nb?"):
        path.write_bytes(pickle.dumps(Planted(proof)))
    fault(place)
    got = place.load()
    assert (got["value"], got["hits"], len(got["warnings"])) == (42.0, 0, 1)
    assert "results are right" in got["warnings"][0] and not proof.exists()


def test_what_another_user_owns_is_not_used(tmp_path, monkeypatch):
    from ccdfx.kernels.compile.cache_folder import UntrustedFolderError, private_folder, read_own

    (tmp_path / "index").write_bytes(b"a pickle")
    assert (
        private_folder(tmp_path, "inner") == tmp_path / "inner"
        and read_own(tmp_path / "index") == b"a pickle"
    )
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    with pytest.raises(UntrustedFolderError, match="belongs to another user; name a folder of yours"):
        private_folder(tmp_path, "inner")
    with pytest.raises(UntrustedFolderError, match="index belongs to another user"):
        read_own(tmp_path / "index")


def test_by_default_the_cache_is_private_among_those_of_the_user(place):
    before = "import os; os.umask(0o002); os.environ.pop('NUMBA_CACHE_DIR', None)\n"
    home = {"HOME": str(place.folder), "XDG_CACHE_HOME": str(place.folder / "user")}
    assert place.run(before, **home) == {"value": 42.0, "hits": 0, "warnings": []}
    assert place.run(before, **home) == {"value": 42.0, "hits": 1, "warnings": []}
    folder = place.folder / "user" / "ccdfx"
    assert folder.stat().st_mode & 0o777 == 0o700 and not [*(place.folder / "__pycache__").glob("*.nbi")]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o700}


def test_no_cache_is_beside_the_modules():
    """Uninstalling removes the folder of the package: nothing that pip does not know is in it."""
    import ccdfx
    from ccdfx.kernels.compile.cache_folder import cache_folder
    from ccdfx.kernels.image import statistics

    folders = {Path(one._cache.cache_path) for one in vars(statistics).values() if hasattr(one, "py_func")}
    package = Path(ccdfx.__file__).parent
    assert folders and all(folder.is_relative_to(cache_folder()) for folder in folders)
    assert not cache_folder().is_relative_to(package) and not [*package.rglob("*.nbi")]
