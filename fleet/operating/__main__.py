"""Runs the operations process: `python -m fleet.operating`."""

from fleet.operating.app import operate

if __name__ == "__main__":
    operate()
