/* The compiled helper: plain order lines read (order.h), and shown by templates.
 *
 * A template shows what the venue's `encode` would show, byte for byte, or nothing. */
#include "frame.h"

/* ── showing ─────────────────────────────────────────────────────────────────────────────────── */

enum { BYTES, PUBLISHED, TEXT, BARE, NUMBER, NUMBER_OR_TEXT, EIGHT, CHOICE, GIVEN };
static const char *const kinds[] = {"", "published", "text", "bare", "number", "number_or_text",
                                    "eight", "choice", "given"};
typedef struct part { /* `otherwise` where the field is not there; none: nothing can be shown */
    int kind, field;
    PyObject *data; /* BYTES: itself; CHOICE: a dict of bytes */
    struct part *then, *otherwise;
} part;
typedef struct { PyObject_HEAD vectorcallfunc call; Py_ssize_t count; part **parts; } Template;
typedef struct { char *at, *end; const char *line; const slice *values; long long time_ms; } shown;

static int put(shown *o, const char *p, Py_ssize_t size) {
    if (o->end - o->at < size) return 0;
    memcpy(o->at, p, size);
    o->at += size;
    return 1;
}

static int is_number(const char *p, int size) { /* as venue.number_id shows it unchanged */
    if (digits(p) != p + size || (*p == '0' && size > 1)) return 0;
    return size < 19 || (size == 19 && memcmp(p, "9223372036854775807", 19) <= 0);
}

static int put_eight(shown *o, const char *p, int size) {
    const char *dot = memchr(p, '.', size);
    int before = dot ? (int)(dot - p) : size, after = dot ? size - before - 1 : 0;
    if (after > 8) after = 8;
    return put(o, "\"", 1) && put(o, p, before) && put(o, ".", 1) && put(o, p + before + 1, after)
           && put(o, "00000000\"" + after, 9 - after);
}

static int show(shown *o, const part *x) {
    if (!x) return 0;
    if (x->kind == BYTES) return put(o, PyBytes_AS_STRING(x->data), PyBytes_GET_SIZE(x->data));
    if (x->kind == PUBLISHED) {
        char text[20], *from = text + sizeof text;
        long long rest = o->time_ms;
        do *--from = (char)('0' + rest % 10); while (rest /= 10);
        return put(o, from, text + sizeof text - from);
    }
    const char *p = o->line + o->values[x->field].at;
    int size = o->values[x->field].size;
    if (!size) return show(o, x->otherwise);
    switch (x->kind) {
    case EIGHT: return put_eight(o, p, size);
    case BARE: return put(o, p, size);
    case GIVEN: return show(o, x->then);
    case CHOICE: {
        Py_ssize_t i = 0;
        PyObject *from, *to;
        while (PyDict_Next(x->data, &i, &from, &to))
            if (PyBytes_GET_SIZE(from) == size && !memcmp(PyBytes_AS_STRING(from), p, size))
                return put(o, PyBytes_AS_STRING(to), PyBytes_GET_SIZE(to));
        return show(o, x->otherwise);
    }
    case NUMBER: return is_number(p, size) && put(o, p, size);
    case NUMBER_OR_TEXT: if (is_number(p, size)) return put(o, p, size);
        /* fall through */
    default: return put(o, p - 1, size + 2); /* with its quotes */
    }
}

/* The whole message, with the header that RFC 6455 §5.2 puts in front of an unmasked text. */
static PyObject *template_call(PyObject *self, PyObject *const *args, size_t count, PyObject *named) {
    Template *t = (Template *)self;
    char text[4 + 4096], *payload = text + 4; /* no frame of ours is half as long */
    if (PyVectorcall_NARGS(count) != 2 || named || !Py_IS_TYPE(args[0], order_type)) {
        PyErr_SetString(PyExc_TypeError, "a plain order and a time are due");
        return NULL;
    }
    Order *order = (Order *)args[0];
    shown o = {payload, text + sizeof text, PyBytes_AS_STRING(order->line), order->values, 0};
    o.time_ms = PyLong_AsLongLong(args[1]);
    if (o.time_ms == -1 && PyErr_Occurred()) return NULL;
    if (o.time_ms < 0) Py_RETURN_NONE;
    for (Py_ssize_t i = 0; i < t->count; i++) if (!show(&o, t->parts[i])) Py_RETURN_NONE;
    int size = (int)(o.at - payload), short_one = size < 126;
    payload[-2] = (char)(size >> 8);
    payload[-1] = (char)size;
    payload[short_one ? -2 : -4] = (char)0x81;
    if (!short_one) payload[-3] = 126;
    return PyBytes_FromStringAndSize(payload - (short_one ? 2 : 4), o.at - payload + (short_one ? 2 : 4));
}

static void free_part(part *x) {
    if (!x) return;
    Py_XDECREF(x->data);
    free_part(x->then); free_part(x->otherwise);
    PyMem_Free(x);
}

static int is(PyObject *text, const char *name) {
    return PyUnicode_Check(text) && !PyUnicode_CompareWithASCIIString(text, name);
}

/* bytes | ("published",) | (kind, field, otherwise) | ("choice" or "given", field, what, otherwise) */
static part *compile(PyObject *spec) {
    part *x = PyMem_Calloc(1, sizeof *x);
    if (!x) { PyErr_NoMemory(); return NULL; }
    if (PyBytes_Check(spec)) { x->data = Py_NewRef(spec); return x; }
    Py_ssize_t size = PyTuple_Check(spec) ? PyTuple_GET_SIZE(spec) : 0;
    for (x->kind = size ? GIVEN : 0; x->kind > BYTES; x->kind--)
        if (is(PyTuple_GET_ITEM(spec, 0), kinds[x->kind])) break;
    int two = x->kind == CHOICE || x->kind == GIVEN;
    if (x->kind < PUBLISHED || size != (x->kind == PUBLISHED ? 1 : 3 + two)) goto wrong;
    if (x->kind == PUBLISHED) return x;
    while (x->field < FIELDS && !is(PyTuple_GET_ITEM(spec, 1), fields[x->field].name)) x->field++;
    if (x->field == FIELDS) goto wrong;
    PyObject *what = PyTuple_GET_ITEM(spec, 2), *otherwise = PyTuple_GET_ITEM(spec, size - 1);
    if (x->kind == GIVEN && !(x->then = compile(what))) goto failed;
    if (x->kind == CHOICE) {
        Py_ssize_t i = 0;
        PyObject *from, *to;
        if (!PyDict_Check(what) || !(x->data = PyDict_Copy(what))) goto wrong;
        while (PyDict_Next(x->data, &i, &from, &to))
            if (!PyBytes_Check(from) || !PyBytes_Check(to)) goto wrong;
    }
    if (otherwise != Py_None && !(x->otherwise = compile(otherwise))) goto failed;
    return x;
wrong:
    PyErr_Format(PyExc_ValueError, "no part of a template: %R", spec);
failed:
    free_part(x);
    return NULL;
}

static void template_dealloc(Template *t) {
    for (Py_ssize_t i = 0; i < t->count; i++) free_part(t->parts[i]);
    PyMem_Free(t->parts);
    PyTypeObject *type = Py_TYPE(t);
    PyObject_Free(t);
    Py_DECREF(type);
}

static PyObject *template_new(PyTypeObject *type, PyObject *args, PyObject *named) {
    Py_ssize_t size = PyTuple_GET_SIZE(args);
    Template *t = PyObject_New(Template, type);
    if (!t) return NULL;
    t->call = template_call;
    t->count = 0;
    t->parts = PyMem_Calloc(size + 1, sizeof *t->parts);
    for (; t->parts && t->count < size; t->count++)
        if (!(t->parts[t->count] = compile(PyTuple_GET_ITEM(args, t->count)))) break;
    if (t->count == size) return (PyObject *)t;
    Py_DECREF(t);
    return PyErr_Occurred() ? NULL : PyErr_NoMemory();
}

/* ── the module ──────────────────────────────────────────────────────────────────────────────── */

#define MEMBER(name, kind) {#name, kind, offsetof(Order, name), READONLY, NULL}
static PyMemberDef order_members[] = {MEMBER(line, T_OBJECT), MEMBER(account, T_OBJECT),
                                      MEMBER(source, T_OBJECT), MEMBER(n, T_LONGLONG), {0}};
static PyType_Slot order_slots[] = {
    {Py_tp_dealloc, order_dealloc}, {Py_tp_members, order_members}, {0, 0}};
static PyType_Spec order_spec = {"userstream.plain._compiled.Order", sizeof(Order), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE, order_slots};
static PyMemberDef template_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Template, call), READONLY, NULL}, {0}};
static PyType_Slot template_slots[] = {
    {Py_tp_dealloc, template_dealloc}, {Py_tp_new, template_new}, {Py_tp_call, PyVectorcall_Call},
    {Py_tp_members, template_members}, {0, 0}};
static PyType_Spec template_spec = {"userstream.plain._compiled.Template", sizeof(Template), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_HAVE_VECTORCALL, template_slots};
static PyMemberDef reader_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Reader, call), READONLY, NULL}, {0}};
static PyType_Slot reader_slots[] = {
    {Py_tp_dealloc, reader_dealloc}, {Py_tp_new, reader_new}, {Py_tp_call, PyVectorcall_Call},
    {Py_tp_members, reader_members}, {0, 0}};
static PyType_Spec reader_spec = {"userstream.plain._compiled.Reader", sizeof(Reader), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_HAVE_VECTORCALL, reader_slots};
static PyMethodDef methods[] = {{"read", read_line, METH_O, NULL}, {0}};
static PyModuleDef module = {PyModuleDef_HEAD_INIT, "userstream.plain._compiled", NULL, -1, methods};

enum { EDITION = 1 }; /* as in `__init__.py`: both rise when one needs what is new in the other */

PyMODINIT_FUNC PyInit__compiled(void) {
    PyObject *made = PyModule_Create(&module);
    if (!made || !(order_type = (PyTypeObject *)PyType_FromSpec(&order_spec))
        || !(template_type = (PyTypeObject *)PyType_FromSpec(&template_spec))
        || PyModule_AddType(made, order_type) || PyModule_AddType(made, template_type)) return NULL;
    PyTypeObject *reader_type = (PyTypeObject *)PyType_FromSpec(&reader_spec);
    if (!reader_type || PyModule_AddType(made, reader_type)
        || PyModule_AddIntConstant(made, "EDITION", EDITION)) return NULL;
    return made;
}
