"""The sandbox's market: a house that quotes and takes from a seed, and scripted counter-orders.

No I/O, no clock, no state of chance: what the house does follows from the seed and the commands.
"""

from userstream.sandbox.market.maker import HOUSE, Maker, MakerRules
from userstream.sandbox.market.market import Market
from userstream.sandbox.market.prices import STYLES, Style
from userstream.sandbox.market.script import (
    Command,
    Done,
    Fill,
    Filled,
    Pause,
    Reject,
    Resume,
    Script,
    Sweep,
    Take,
    command_of,
)

__all__ = [
    "HOUSE",
    "STYLES",
    "Command",
    "Done",
    "Fill",
    "Filled",
    "Maker",
    "MakerRules",
    "Market",
    "Pause",
    "Reject",
    "Resume",
    "Script",
    "Style",
    "Sweep",
    "Take",
    "command_of",
]
