/* One order event, twice: as our server shows it on a Binance socket, which is what every other
 * peer is given ready-made, and as the published line that ours is given. The marker, "^" and the
 * time of sending in 19 digits, travels in the client order id. */
#pragma once
#define MARKER "^0000000000000000000"
#define FRAME_HEAD "{\"e\":\"executionReport\",\"E\":1761148800123,\"s\":\"BTCUSDT\",\"c\":\"^"
#define FRAME_TAIL "\",\"S\":\"BUY\",\"o\":\"LIMIT\",\"f\":\"GTC\",\"q\":\"0.01250000\",\"p\":\"67123.45000000\",\"P\":\"0.00000000\",\"F\":\"0.00000000\",\"g\":-1,\"C\":\"null\",\"x\":\"TRADE\",\"X\":\"PARTIALLY_FILLED\",\"r\":\"NONE\",\"i\":28457812345,\"l\":\"0.00250000\",\"z\":\"0.00500000\",\"L\":\"67123.45000000\",\"n\":\"0.00000250\",\"N\":\"BNB\",\"T\":1761148800122,\"t\":3912345678,\"I\":59812345678,\"w\":true,\"m\":true,\"M\":false}"
#define FRAME_BYTES ((int)(sizeof(FRAME_HEAD) - 1 + 19 + sizeof(FRAME_TAIL) - 1))
#define FRAME_MARK ((int)(sizeof(FRAME_HEAD) - 1))

#define LINE_EVENT "\"event\":{\"type\":\"order_update\",\"symbol\":\"BTCUSDT\",\"order_id\":\"28457812345\",\"side\":\"BUY\",\"status\":\"PARTIALLY_FILLED\",\"time_ms\":1761148800122,\"execution\":\"TRADE\",\"client_order_id\":\"^"
#define LINE_TAIL "\",\"order_type\":\"LIMIT\",\"time_in_force\":\"GTC\",\"quantity\":\"0.01250000\",\"price\":\"67123.45000000\",\"last_quantity\":\"0.00250000\",\"last_price\":\"67123.45000000\",\"cumulative_quantity\":\"0.00500000\",\"cumulative_quote\":\"335.61725000\",\"commission\":\"0.00000250\",\"commission_asset\":\"BNB\",\"trade_id\":\"3912345678\",\"execution_id\":\"59812345678\",\"maker\":true,\"working\":true,\"created_ms\":1761148790000}}\n"

static inline void put19(char *p, unsigned long long v) {
    for (int i = 18; i >= 0; i--) { p[i] = (char)('0' + v % 10); v /= 10; }
}
static inline int put_frame(char *b, unsigned long long ts) {
    memcpy(b, FRAME_HEAD, FRAME_MARK);
    put19(b + FRAME_MARK, ts);
    memcpy(b + FRAME_MARK + 19, FRAME_TAIL, sizeof(FRAME_TAIL) - 1);
    return FRAME_BYTES;
}
