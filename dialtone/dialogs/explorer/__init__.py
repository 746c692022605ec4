"""Walks every outcome at every await of a bot's dialogs, and reports what is wrong with them.

`walk.py` takes the turns, `possible.py` says what may come of each, `sameness.py` when two states are one, `faults.py`
what is wrong with what was found (`graph.py`), and `flow.py` makes of it what is drawn.
"""

from dialtone.dialogs.explorer.flow import Flow, flow_of
from dialtone.dialogs.explorer.graph import Exploration, Finding
from dialtone.dialogs.explorer.walk import DEPTH, STATES, explore

__all__ = ["DEPTH", "STATES", "Exploration", "Finding", "Flow", "explore", "flow_of"]
