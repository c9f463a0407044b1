/* Frames of a venue: one that is written as its document has it, read without a general decoder.
 *
 * A `Reader` takes a part of what the dialect's `decode` takes, with the same result: the tests hold
 * both against each other. Whatever is not known here gets None and goes the way in Python. */
#pragma once
#include "order.h"

enum { LITERAL_PART, WORD_PART, NAME_PART, TEXT_PART, AMOUNT_PART, ID_PART, TRADE_PART,
       ID_OR_WORD_PART, TIME_PART, FLAG_PART, ANY_FLAG_PART, NOTHING_PART };
static const char *const shapes[] = {"", "word", "name", "text", "amount", "id", "trade",
                                     "id_or_word", "time", "flag", "any_flag", "nothing"};
typedef struct {
    int shape;
    PyObject *literal, *last; /* the value that was made last: most come again and again */
} piece;
typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    PyObject *made, *names; /* the class, and its fields in the order of the frame */
    Py_ssize_t count, when, unnamed; /* which value is the time; how many first ones are no field */
    piece *pieces;
} Reader;
enum { MOST_PIECES = 96 };

static int shown_digits(const char **p) { /* as schema.check_amounts has them: one to forty */
    const char *end = digits(*p);
    int size = (int)(end - *p);
    *p = end;
    return size >= 1 && size <= 40;
}

static int is_shown(const char *p, const char *end) {
    return shown_digits(&p) && (p == end || (*p++ == '.' && shown_digits(&p) && p == end));
}

/* Text from the frame, which is ASCII; the one that was made last where it is the same. */
static PyObject *again(piece *x, const char *p, Py_ssize_t size) {
    if (x->last && PyUnicode_GET_LENGTH(x->last) == size
        && !memcmp(PyUnicode_1BYTE_DATA(x->last), p, size)) return Py_NewRef(x->last);
    PyObject *text = PyUnicode_New(size, 127);
    if (!text) return NULL;
    memcpy(PyUnicode_1BYTE_DATA(text), p, size);
    Py_XSETREF(x->last, Py_NewRef(text));
    return text;
}

/* The value at c, or NULL where it is not plain (without an exception) or memory is out (with one). */
static PyObject *scan(cursor *c, piece *x) {
    const char *from = c->at;
    slice s;
    long long number;
    switch (x->shape) {
    case TEXT_PART: if (*from == 'n') return LITERAL(c, "null") ? Py_NewRef(Py_None) : NULL;
        goto word;
    case ID_OR_WORD_PART:
        if (*from != '"') return whole(c, &s, 18, &number) ? again(x, from, c->at - from) : NULL;
        /* fall through */
    case WORD_PART:
    case NAME_PART:
    case AMOUNT_PART:
    word:
        if (*from++ != '"') return NULL;
        for (c->at = from; *c->at && *c->at != '"';) c->at++;
        if (*c->at != '"' || c->at == from) return NULL;
        c->at++;
        if (x->shape == AMOUNT_PART && !is_shown(from, c->at - 1)) return NULL;
        if (x->shape == NAME_PART && c->at - from == 5 && !memcmp(from, "null", 4)) return NULL;
        return again(x, from, c->at - 1 - from);
    case TRADE_PART: if (LITERAL(c, "-1")) return Py_NewRef(Py_None);
        /* fall through */
    case ID_PART:
        return whole(c, &s, 18, &number) ? again(x, from, c->at - from) : NULL;
    case TIME_PART: return whole(c, &s, 15, &number) ? PyLong_FromLongLong(number) : NULL;
    case FLAG_PART:
        if (LITERAL(c, "true")) return Py_NewRef(Py_True);
        return LITERAL(c, "false") ? Py_NewRef(Py_False) : NULL;
    default: return NULL;
    }
}

static int pass(cursor *c, piece *x) {
    if (x->shape == LITERAL_PART)
        return literal(c, PyBytes_AS_STRING(x->literal), PyBytes_GET_SIZE(x->literal));
    if (x->shape == ANY_FLAG_PART) return LITERAL(c, "true") || LITERAL(c, "false");
    return LITERAL(c, "null") || LITERAL(c, "\"\"") || LITERAL(c, "\"null\"");
}

/* (time, event) of a plain frame. */
static PyObject *reader_call(PyObject *self, PyObject *const *args, size_t count, PyObject *named) {
    Reader *r = (Reader *)self;
    PyObject *values[MOST_PIECES], *found = NULL, *event;
    Py_ssize_t made = 0, size = 0;
    if (PyVectorcall_NARGS(count) != 1 || named) {
        PyErr_SetString(PyExc_TypeError, "a frame is due");
        return NULL;
    }
    cursor c = {0};
    if (PyUnicode_CheckExact(args[0]) && PyUnicode_IS_ASCII(args[0])) {
        c.start = (const char *)PyUnicode_1BYTE_DATA(args[0]);
        size = PyUnicode_GET_LENGTH(args[0]);
    } else if (PyBytes_CheckExact(args[0])) {
        c.start = PyBytes_AS_STRING(args[0]);
        size = PyBytes_GET_SIZE(args[0]);
    }
    c.at = c.start;
    if (!size || size > MAX_SIZE || !is_plain(c.start, size)) Py_RETURN_NONE;
    for (Py_ssize_t i = 0; i < r->count; i++) {
        piece *x = &r->pieces[i];
        if (!x->shape || x->shape >= ANY_FLAG_PART) {
            if (!pass(&c, x)) goto other;
        } else if (!(values[made] = scan(&c, x))) goto other;
        else made++;
    }
    if (c.at != c.start + size) goto other;
    event = PyObject_Vectorcall(r->made, values + r->unnamed, 0, r->names);
    if (event) {
        found = PyTuple_Pack(2, values[r->when], event);
        Py_DECREF(event);
    }
other:
    while (made) Py_DECREF(values[--made]);
    return found || PyErr_Occurred() ? found : Py_NewRef(Py_None);
}

static void reader_dealloc(Reader *r) {
    for (Py_ssize_t i = 0; i < r->count; i++) {
        Py_XDECREF(r->pieces[i].literal);
        Py_XDECREF(r->pieces[i].last);
    }
    PyMem_Free(r->pieces);
    Py_XDECREF(r->made);
    Py_XDECREF(r->names);
    PyTypeObject *type = Py_TYPE(r);
    PyObject_Free(r);
    Py_DECREF(type);
}

/* Reader(class, *parts): bytes | (shape,) of what is not kept | (shape, field). The first time is
 * that of the frame; without a field it is the first value of all, and nothing else. */
static PyObject *reader_new(PyTypeObject *type, PyObject *args, PyObject *named) {
    Py_ssize_t size = PyTuple_GET_SIZE(args), values = 0;
    Reader *r = PyObject_New(Reader, type);
    if (!r) return NULL;
    r->call = reader_call;
    r->made = r->names = NULL;
    r->count = r->unnamed = 0;
    r->when = -1;
    r->pieces = PyMem_Calloc(size + 1, sizeof *r->pieces);
    PyObject *names = PyList_New(0);
    if (!r->pieces || !names || size < 2 || size > MOST_PIECES) goto wrong;
    r->made = Py_NewRef(PyTuple_GET_ITEM(args, 0));
    for (; r->count < size - 1; r->count++) {
        piece *x = &r->pieces[r->count];
        PyObject *spec = PyTuple_GET_ITEM(args, r->count + 1);
        if (PyBytes_Check(spec)) { x->literal = Py_NewRef(spec); continue; }
        Py_ssize_t parts = PyTuple_Check(spec) ? PyTuple_GET_SIZE(spec) : 0;
        for (x->shape = parts ? NOTHING_PART : 0; x->shape > LITERAL_PART; x->shape--)
            if (!PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(spec, 0), shapes[x->shape])) break;
        if (!x->shape || parts != (x->shape >= ANY_FLAG_PART ? 1 : 2)) goto wrong;
        if (parts == 1) continue;
        PyObject *name = PyTuple_GET_ITEM(spec, 1);
        if (!PyUnicode_Check(name)) goto wrong;
        if (x->shape == TIME_PART && r->when < 0) r->when = values;
        if (PyUnicode_GET_LENGTH(name)) { if (PyList_Append(names, name)) goto wrong; }
        else if (values || r->when) goto wrong;
        else r->unnamed = 1;
        values++;
    }
    r->names = PyList_AsTuple(names);
    Py_DECREF(names);
    if (r->names && r->when >= 0) return (PyObject *)r;
    names = NULL;
wrong:
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "no parts of a frame");
    Py_XDECREF(names);
    Py_DECREF(r);
    return NULL;
}
