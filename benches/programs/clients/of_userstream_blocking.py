"""Client: UserStream, its blocking form."""

from tally import REST, STREAM, TIMED, VENUE, Tally

from userstream import OrderEvent, UserStream

tally = Tally()
with UserStream(VENUE, key="k", rest_url=REST, stream_url=STREAM).blocking() as stream:
    if TIMED:
        for event in stream:
            if isinstance(event, OrderEvent) and event.client_order_id:
                tally.timed(int(event.client_order_id))
    for event in stream:
        if isinstance(event, OrderEvent):
            tally.given()
