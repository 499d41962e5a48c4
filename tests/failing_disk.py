"""A disk that fails: each call of the system below a folder can be made to raise an OSError."""

import io
import os
from contextlib import contextmanager

import pytest

fcntl = pytest.importorskip("fcntl", reason="a disk of a system with flock")


class FailingDisk:
    """Counts calls, and lets number `at` fail; where the disk `stays` full, all that write after it fail, too."""

    def __init__(self, folder, at=None, number=0, stays=False):
        self.folder, self.at, self.number, self.stays = os.fspath(folder), at, number, stays
        self.calls = []
        self.failed = None

    def call(self, name, path):
        if not os.fspath(path).startswith(self.folder):
            return
        self.calls.append(name)
        is_now = len(self.calls) - 1 == self.at
        if is_now:
            self.failed = f"{name} {os.path.relpath(path, self.folder)}"
        if is_now or (self.failed and self.stays and name in ("write", "open to write", "mkdir")):
            raise OSError(self.number, os.strerror(self.number), os.fspath(path))

    @contextmanager
    def mounted(self):
        real_open, paths = io.open, {}

        def open_file(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, *rest):
            if not isinstance(file, str | os.PathLike) or not os.fspath(file).startswith(self.folder):
                return real_open(file, mode, buffering, encoding, errors, newline, *rest)
            self.call("open to read" if mode[0] == "r" else "open to write", file)
            raw = _Raw(file, mode.replace("b", ""), self)
            paths[raw.fileno()] = file
            kind = io.BufferedRandom if "+" in mode else io.BufferedReader if mode[0] == "r" else io.BufferedWriter
            return kind(raw) if "b" in mode else io.TextIOWrapper(kind(raw), encoding, errors, newline)

        def wrapped(module, name, of_descriptor=False):
            real = getattr(module, name)

            def call(path, *arguments, **options):
                descriptor = path if isinstance(path, int) else path.fileno() if of_descriptor else None
                self.call(name, paths.get(descriptor, self.folder) if descriptor is not None else path)
                if name == "fsync":  # it would cost most of the time
                    return None
                result = real(path, *arguments, **options)
                if name == "open":
                    paths[result] = path
                return result

            patch.setattr(module, name, call)

        with pytest.MonkeyPatch.context() as patch:
            for name in ("open", "replace", "mkdir", "fsync"):
                wrapped(os, name)
            wrapped(fcntl, "flock", of_descriptor=True)
            patch.setattr(io, "open", open_file)
            yield self


class _Raw(io.FileIO):
    def __init__(self, path, mode, disk):
        self._path, self._disk = path, disk
        super().__init__(path, mode)

    def readinto(self, buffer):
        self._disk.call("read", self._path)
        return super().readinto(buffer)

    def readall(self):
        self._disk.call("read", self._path)
        return super().readall()

    def write(self, content):
        self._disk.call("write", self._path)
        half = len(content) // 2
        if not half:
            return super().write(content)
        super().write(content[:half])
        self._disk.call("write", self._path)  # the disk is full when a part is written
        return half + super().write(content[half:])

    def close(self):
        if not self.closed:
            super().close()
            self._disk.call("close", self._path)
