"""The market: an exchange with a house that trades on it, under a script."""

from __future__ import annotations

from userstream.orders import AccountEvent, OrderRequest, Outcome
from userstream.sandbox.exchange import Exchange
from userstream.sandbox.market.maker import Maker, MakerRules
from userstream.sandbox.market.script import Command, Done, Script


class Market:
    """Takes the commands on orders that an exchange takes, and lets the house answer them.

    What is returned is the exchange's outcome, with the events of the house before and after its
    own. Queries and funds are the exchange's. No clock: whoever has one calls ``act`` at
    ``due_ms``. The same seed and commands give the same events.
    """

    def __init__(self, exchange: Exchange, rules: MakerRules | None = None, seed: int = 0) -> None:
        self.exchange = exchange
        self.maker = Maker(exchange, rules, seed)
        self._script = Script(self.maker)

    def open(self, now_ms: int) -> tuple[AccountEvent, ...]:
        """Opens the house's accounts and fills the books; before clients have orders.

        Raises:
            InvalidSettings: an account of a client has a name of the house.
        """
        return tuple(self.maker.open(now_ms))

    def place(self, account: str, request: OrderRequest, now_ms: int) -> Outcome:
        """Places an order, or rejects it where the script says so."""
        reason = self._script.rejection(account)
        if reason is not None:
            refused = self.exchange.reject(account, request, reason, now_ms)
            if refused.events:
                self._script.rejected(account)
            return refused
        before = self.maker.before(account, request, now_ms)
        return self._answered(self.exchange.place(account, request, now_ms), now_ms, before)

    def cancel(
        self,
        account: str,
        order: int | str,
        now_ms: int,
        *,
        symbol: str | None = None,
        cancel_client_order_id: str | None = None,
    ) -> Outcome:
        """Cancels an open order; ``symbol`` refuses it where it is on another one."""
        outcome = self.exchange.cancel(
            account, order, now_ms, symbol=symbol, cancel_client_order_id=cancel_client_order_id
        )
        return self._answered(outcome, now_ms)

    def due_ms(self) -> int | None:
        """When ``act`` wants to be called; ``None`` while there is nothing to wait for."""
        return self.maker.due_ms()

    def act(self, now_ms: int) -> tuple[AccountEvent, ...]:
        """Lets the house take what is due."""
        return tuple(self.maker.act(now_ms))

    def run(self, command: Command, now_ms: int) -> Done:
        """Carries out a command of the script.

        Raises:
            BadCommand: it cannot be; nothing changed, and the message says what is allowed.
        """
        return self._script.run(command, now_ms)

    def _answered(
        self, outcome: Outcome, now_ms: int, before: list[AccountEvent] | None = None
    ) -> Outcome:
        events = (*(before or ()), *outcome.events)
        events += tuple(self.maker.after(events, now_ms))
        return outcome._replace(events=events)
