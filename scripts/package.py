"""Build the package of the functions as the cloud runs it: `make package`.

`python -m scripts.package [--output ZIP]` has to run on the Python that the cloud runs (PYTHON): byte code and the
markers of requirements are those of the Python that makes them. `--wheels` only fetches the wheels, which are kept.

1. In it is what `.funcignore` leaves of this folder, and the requirements at the versions of constraints.txt, as wheels
   for Linux on x86-64, in `.python_packages/lib/site-packages`, where the Functions host looks for them.
2. Byte code is checked by nothing at start: unzipping sets new file times, after which Python would compile each file
   anew at every cold start.
3. The same input gives the same bytes.
"""

import argparse
import compileall
import os
import py_compile
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from statistics import median
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PYTHON: Final = (3, 13)
"""The runtime of infra/functions.bicep."""

PLATFORMS: Final = ("manylinux2014_x86_64", "manylinux_2_28_x86_64")
PACKAGES: Final = Path(".python_packages/lib/site-packages")
CLOUD_ROOT: Final = "/home/site/wwwroot"
"""Where the package is unzipped; tracebacks name files there."""

WHEELS: Final = ROOT / "build" / "wheels"
REQUIREMENTS: Final = ("requirements.txt", "media_worker/requirements.txt")
"""Of the functions, and of the worker, whose image is built elsewhere and whose test needs no network so."""

CONSTRAINTS: Final = "constraints.txt"
_ROUNDS: Final = 5
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_TIMED: Final = "import time; began = time.perf_counter(); import function_app; print(time.perf_counter() - began)"


def left(folder: Path) -> Iterator[Path]:
    """The files in `folder`, as paths from it, that its .funcignore leaves. Raises ValueError for a pattern that this
    reading of it does not know.
    """
    lines = (folder / ".funcignore").read_text(encoding="utf-8").splitlines()
    patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if odd := [pattern for pattern in patterns if pattern.startswith("!") or "/" in pattern.rstrip("/")]:
        raise ValueError(f".funcignore: only names are understood, not {odd[0]!r}")

    def walk(parent: Path) -> Iterator[Path]:
        for path in sorted(parent.iterdir()):
            name = f"{path.name}/" if path.is_dir() else path.name
            if any(fnmatch(path.name, pattern) or fnmatch(name, pattern) for pattern in patterns):
                continue
            if path.is_dir():
                yield from walk(path)
            else:
                yield path.relative_to(folder)

    return walk(folder)


def fetch_wheels() -> None:
    """Fetch the wheels of the requirements, unless they are there from the same lists. Raises CalledProcessError."""
    stamp = WHEELS / "lists"
    lists = "".join((ROOT / name).read_text(encoding="utf-8") for name in (*REQUIREMENTS, CONSTRAINTS))
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == lists:
        return
    shutil.rmtree(WHEELS, ignore_errors=True)
    for name in REQUIREMENTS:
        _pip("download", *_target(), "--dest", str(WHEELS), *_requirements(name))
    stamp.write_text(lists, encoding="utf-8")


def build(output: Path) -> None:
    """Write the package to `output`. Raises CalledProcessError when pip fails."""
    fetch_wheels()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in left(ROOT):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, folder / path)
        packages = folder / PACKAGES
        offline = ["--no-index", "--find-links", str(WHEELS), "--no-compile"]
        _pip("install", *_target(), *offline, "--target", str(packages), *_requirements("requirements.txt"))
        shutil.rmtree(packages / "bin", ignore_errors=True)
        for record in packages.glob("*.dist-info/RECORD"):
            record.unlink()  # it names what was just removed, and the files' order
        compiled = compileall.compile_dir(
            folder,
            maxlevels=20,
            quiet=1,
            stripdir=name,
            prependdir=CLOUD_ROOT,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        if not compiled:
            raise RuntimeError("not all of the package compiles")
        _zip(folder, output)


def cold_import(package: Path) -> float:
    """Seconds that importing the app takes in a new process, from a copy that was just unzipped."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with zipfile.ZipFile(package) as archive:
            archive.extractall(folder)
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{folder}{os.pathsep}{folder / PACKAGES}"}
        # Without -S the packages of this Python's own environment could stand in for missing ones.
        command = [sys.executable, "-S", "-c", _TIMED]
        rounds = [
            float(subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True).stdout)  # noqa: S603 - made here
            for _ in range(_ROUNDS)
        ]
    return median(rounds)


def main(arguments: list[str]) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser("scripts.package", description="Build the package of the functions.")
    parser.add_argument("--output", type=Path, default=ROOT / "dist" / "functions.zip")
    parser.add_argument("--wheels", action="store_true", help="fetch the wheels and stop")
    given = parser.parse_args(arguments)
    if sys.version_info[:2] != PYTHON:
        wanted = ".".join(map(str, PYTHON))
        print(f"package: this is Python {sys.version.split()[0]}; the cloud runs {wanted}", file=sys.stderr)
        return 2
    try:
        if given.wheels:
            fetch_wheels()
            return 0
        build(given.output)
    except subprocess.CalledProcessError as error:
        print(f"package: pip failed:\n{error.stderr.strip()}", file=sys.stderr)
        return 1
    with zipfile.ZipFile(given.output) as archive:
        files = archive.infolist()
        unzipped = sum(file.file_size for file in files)
    try:
        told = f"{cold_import(given.output) * 1e3:.0f} ms to import in a new process, median of {_ROUNDS}"
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().splitlines()[-1:]
        if sys.platform == "linux":
            print(f"package: what was built cannot be imported: {''.join(last)}", file=sys.stderr)
            return 1
        told = "not imported: it is for Linux on x86-64"
    megabytes = given.output.stat().st_size / 1e6
    print(f"{given.output}: {megabytes:.1f} MB, {len(files)} files, {unzipped / 1e6:.1f} MB unzipped; {told}")
    return 0


def _target() -> list[str]:
    """The cloud, in pip's words."""
    version = ".".join(map(str, PYTHON))
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    return ["--only-binary=:all:", "--implementation", "cp", "--python-version", version, *platforms]


def _requirements(name: str) -> list[str]:
    return ["--requirement", str(ROOT / name), "--constraint", str(ROOT / CONSTRAINTS)]


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - made here


def _zip(folder: Path, output: Path) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    draft = output.with_suffix(".draft")
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())
    draft.replace(output)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
