"""Runs the simulator: `python -m simulator call SCRIPT.yaml --bot URL`, or `serve --bot URL`."""

import sys

if __name__ == "__main__":
    try:
        from simulator.program import run
    except ModuleNotFoundError as error:
        print(f"simulator: {error.name} is not installed: pip install 'dialtone[local]'", file=sys.stderr)
        sys.exit(2)
    sys.exit(run())
