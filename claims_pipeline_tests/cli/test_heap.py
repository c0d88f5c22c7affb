"""The heap of a process with many threads."""

import platform
import subprocess
import sys

import pytest

COUNT_ARENAS = """
import ctypes, threading
from claims_pipeline.cli.heap import share_arenas

share_arenas()
import polars
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
together = threading.Barrier(9)

def allocate():
    kept = bytearray(50_000)
    together.wait()
    together.wait()

for _ in range(8):
    threading.Thread(target=allocate, daemon=True).start()
together.wait()
file = ctypes.c_void_p(libc.fopen(b"/dev/stdout", b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
together.wait()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has arenas")
def test_threads_share_two_arenas() -> None:
    told = subprocess.run([sys.executable, "-c", COUNT_ARENAS], capture_output=True, text=True, check=True).stdout
    assert 1 <= told.count("<heap nr=") <= 2
