/* Plain order lines: read and checked without decoding.
 *
 * What `read` takes is a part of what `core/orderline.py` takes: the tests hold both against each
 * other. Whatever is not known here gets None and goes the way in Python. */
#pragma once
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { WORD, AMOUNT, TIME, FLAG, ONE_OF };
enum { SYMBOL, ORDER_ID, SIDE, STATUS, TIME_MS, EXECUTION, CLIENT_ORDER_ID, CANCEL_CLIENT_ORDER_ID,
       ORDER_TYPE, TIME_IN_FORCE, QUANTITY, QUOTE_QUANTITY, PRICE, STOP_PRICE, ICEBERG_QUANTITY,
       LAST_QUANTITY, LAST_PRICE, LAST_QUOTE, CUMULATIVE_QUANTITY, CUMULATIVE_QUOTE, AVERAGE_PRICE,
       COMMISSION, COMMISSION_ASSET, TRADE_ID, EXECUTION_ID, REJECT_REASON, MAKER, SELF_TRADE,
       WORKING, CREATED_MS, FIELDS };
typedef struct { const char *name; uint8_t size, kind, needed; const char *allowed; } field_t;
#define F(name, kind, needed, allowed) {name, sizeof(name) - 1, kind, needed, allowed}
static const field_t fields[FIELDS] = {
    F("symbol", WORD, 1, 0), F("order_id", WORD, 1, 0), F("side", ONE_OF, 1, "\"BUY\"SELL\""),
    F("status", ONE_OF, 1, "\"NEW\"PARTIALLY_FILLED\"FILLED\"CANCELED\"PARTIALLY_CANCELED"
                           "\"PENDING_CANCEL\"REJECTED\"EXPIRED\""),
    F("time_ms", TIME, 1, 0),
    F("execution", ONE_OF, 1, "\"NEW\"CANCELED\"REPLACED\"REJECTED\"TRADE\"EXPIRED\""),
    F("client_order_id", WORD, 0, 0), F("cancel_client_order_id", WORD, 0, 0),
    F("order_type", WORD, 1, 0), F("time_in_force", WORD, 0, 0), F("quantity", AMOUNT, 1, 0),
    F("quote_quantity", AMOUNT, 0, 0), F("price", AMOUNT, 0, 0), F("stop_price", AMOUNT, 0, 0),
    F("iceberg_quantity", AMOUNT, 0, 0), F("last_quantity", AMOUNT, 0, 0),
    F("last_price", AMOUNT, 0, 0), F("last_quote", AMOUNT, 0, 0),
    F("cumulative_quantity", AMOUNT, 1, 0), F("cumulative_quote", AMOUNT, 0, 0),
    F("average_price", AMOUNT, 0, 0), F("commission", AMOUNT, 0, 0),
    F("commission_asset", WORD, 0, 0), F("trade_id", WORD, 0, 0), F("execution_id", WORD, 0, 0),
    F("reject_reason", WORD, 0, 0), F("maker", FLAG, 0, 0), F("self_trade", FLAG, 0, 0),
    F("working", FLAG, 0, 0), F("created_ms", TIME, 0, 0)};

#define MAX_TIME_MS 253402300799999LL /* as events.MAX_TIME_MS */
#define MAX_SIZE 65535                /* places in a line are 16 bits wide */
typedef struct { uint16_t at, size; } slice; /* size 0: not there */
typedef struct {
    PyObject_HEAD
    PyObject *line, *account, *source;
    long long n;
    slice values[FIELDS];
} Order;
static PyTypeObject *order_type, *template_type;

/* ── reading ─────────────────────────────────────────────────────────────────────────────────── */

/* The bytes end with a NUL, which nothing below takes: so no step needs to know the end. */
typedef struct { const char *start, *at; } cursor;

static int literal(cursor *c, const char *text, size_t size) {
    if (strncmp(c->at, text, size)) return 0;
    c->at += size;
    return 1;
}
#define LITERAL(c, text) literal(c, text, sizeof(text) - 1)

static int is_plain(const char *p, Py_ssize_t size) { /* printable ASCII without blanks, escapes */
    int plain = 1;
    for (Py_ssize_t i = 0; i < size; i++) /* no early end, so that many bytes are seen at once */
        plain &= (unsigned char)(p[i] - '!') <= '~' - '!' && p[i] != '\\';
    return plain;
}

static int string(cursor *c, slice *s) {
    if (*c->at != '"') return 0;
    const char *p = ++c->at;
    while (*p && *p != '"') p++;
    if (!*p) return 0;
    s->at = (uint16_t)(c->at - c->start);
    s->size = (uint16_t)(p - c->at);
    c->at = p + 1;
    return 1;
}

static const char *digits(const char *p) {
    while (*p >= '0' && *p <= '9') p++;
    return p;
}

static int whole(cursor *c, slice *s, int most, long long *value) {
    const char *from = c->at;
    long long v = 0;
    while (*c->at >= '0' && *c->at <= '9' && c->at - from < most) v = v * 10 + (*c->at++ - '0');
    if (c->at == from || (*from == '0' && c->at - from > 1)) return 0;
    s->at = (uint16_t)(from - c->start);
    s->size = (uint16_t)(c->at - from);
    *value = v;
    return 1;
}

static int is_amount(const char *p, int size) {
    const char *dot = digits(p), *end = p + size;
    if (dot == p || dot - p > 20) return 0;
    if (dot == end) return 1;
    return *dot == '.' && end - dot > 1 && end - dot <= 19 && digits(dot + 1) == end;
}

static int is_one_of(const char *allowed, const char *p, int size) {
    /* with the quotes around it, which no word has inside */
    for (const char *hit = allowed; (hit = strchr(hit, '"')) && hit[1]; hit++)
        if (!strncmp(hit + 1, p, size) && hit[1 + size] == '"') return 1;
    return 0;
}

static int value(cursor *c, const field_t *f, slice *s) {
    long long number;
    if (*c->at == 'n') return LITERAL(c, "null");
    switch (f->kind) {
    case WORD: return string(c, s) && s->size >= 1 && s->size <= 64;
    case AMOUNT: return string(c, s) && is_amount(c->start + s->at, s->size);
    case ONE_OF: return string(c, s) && s->size && is_one_of(f->allowed, c->start + s->at, s->size);
    case TIME: return whole(c, s, 15, &number) && number <= MAX_TIME_MS;
    default:
        s->at = (uint16_t)(c->at - c->start);
        if (!LITERAL(c, "true") && !LITERAL(c, "false")) return 0;
        s->size = (uint16_t)(c->at - c->start - s->at);
        return 1;
    }
}

static int find(const char *name, int size, int from) { /* fields mostly come in our order */
    for (int k = 0; k < FIELDS; k++) {
        int i = from + k < FIELDS ? from + k : from + k - FIELDS;
        if (fields[i].size == size && !memcmp(fields[i].name, name, size)) return i;
    }
    return -1;
}

static int event(cursor *c, slice *values) {
    uint64_t seen = 0;
    int tagged = 0, i = 0;
    slice key;
    do {
        if (!string(c, &key) || *c->at != ':') return 0;
        c->at++;
        const char *name = c->start + key.at;
        if (key.size == 4 && !memcmp(name, "type", 4)) {
            if (tagged++ || !LITERAL(c, "\"order_update\"")) return 0;
            continue;
        }
        i = find(name, key.size, i);
        if (i < 0 || seen >> i & 1 || !value(c, &fields[i], &values[i])) return 0;
        seen |= 1ULL << i;
    } while (*c->at == ',' && c->at++);
    if (!tagged) return 0;
    for (i = 0; i < FIELDS; i++) if (fields[i].needed && !values[i].size) return 0;
    slice x = values[EXECUTION];
    int traded = x.size == 5 && !memcmp(c->start + x.at, "TRADE", 5);
    return !traded
           || (values[LAST_QUANTITY].size && values[LAST_PRICE].size && values[TRADE_ID].size);
}

static PyObject *ascii(const char *p, slice s) {
    PyObject *text = PyUnicode_New(s.size, 127);
    if (text) memcpy(PyUnicode_1BYTE_DATA(text), p + s.at, s.size);
    return text;
}

static PyObject *read_line(PyObject *module, PyObject *line) {
    if (!PyBytes_CheckExact(line) || PyBytes_GET_SIZE(line) > MAX_SIZE) Py_RETURN_NONE;
    const char *start = PyBytes_AS_STRING(line);
    cursor c = {start, start};
    slice account, source, place, values[FIELDS] = {{0}};
    long long n;
    if (!is_plain(start, PyBytes_GET_SIZE(line)) || !LITERAL(&c, "{\"v\":1,\"account\":") || !string(&c, &account) || !account.size
        || !LITERAL(&c, ",\"source\":") || !string(&c, &source) || !source.size
        || !LITERAL(&c, ",\"n\":") || !whole(&c, &place, 18, &n) || n < 1
        || !LITERAL(&c, ",\"event\":{") || !event(&c, values) || !LITERAL(&c, "}}")
        || c.at != start + PyBytes_GET_SIZE(line)) Py_RETURN_NONE;
    Order *o = PyObject_New(Order, order_type);
    if (!o) return NULL;
    o->line = Py_NewRef(line);
    o->n = n;
    memcpy(o->values, values, sizeof values);
    o->account = ascii(start, account);
    /* Mostly one publisher sends line after line: its name is made, and hashed, once. */
    static PyObject *last;
    if (!last || PyUnicode_GET_LENGTH(last) != source.size
        || memcmp(PyUnicode_1BYTE_DATA(last), start + source.at, source.size))
        Py_XSETREF(last, ascii(start, source));
    o->source = Py_XNewRef(last);
    if (o->account && o->source) return (PyObject *)o;
    Py_DECREF(o);
    return NULL;
}

static void order_dealloc(Order *o) {
    Py_XDECREF(o->line); Py_XDECREF(o->account); Py_XDECREF(o->source);
    PyTypeObject *type = Py_TYPE(o);
    PyObject_Free(o);
    Py_DECREF(type);
}
