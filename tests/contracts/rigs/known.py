"""The venues that the contract is run against."""

from tests.contracts.rigs.aster import AsterKeyRig, AsterRig
from tests.contracts.rigs.base import Rig
from tests.contracts.rigs.binance import BinanceRig
from tests.contracts.rigs.hyperliquid import HyperliquidRig

PAPER_RIGS: dict[str, type[Rig]] = {rig.name: rig for rig in (HyperliquidRig, BinanceRig, AsterRig, AsterKeyRig)}
