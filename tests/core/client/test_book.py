"""Book: what the program's side keeps of orders."""

from __future__ import annotations

from tests.core.client.values import order
from userstream.core.client.book import Book
from userstream.core.client.bounds import Bounds
from userstream.core.client.told import OrderEvent
from userstream.events import OrderUpdate


def tell(book: Book, *updates: OrderUpdate, late: bool = False) -> None:
    for update in updates:
        book.apply(OrderEvent(update=update, late=late))


def test_open_orders_are_there_until_they_end_and_nothing_opens_them_again() -> None:
    book = Book(Bounds())
    tell(book, order("1"), order("2"), order("2", status="CANCELED"), order("2"))
    tell(book, order("1", status="CANCELED"), late=True)
    assert list(book.orders) == ["1"]


def test_the_last_finished_orders_are_remembered() -> None:
    book = Book(Bounds(orders=1))
    tell(book, *(order(number, status="CANCELED") for number in "12"))
    tell(book, order("1"), order("2"))
    assert list(book.orders) == ["1"]
