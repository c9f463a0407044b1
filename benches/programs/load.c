/* Load generator: opens N WebSocket connections, answers pings, and finds every event by its
 * marker in the byte stream. The same work for every peer: one thread, epoll, one buffer. */
#define _GNU_SOURCE
#include "page.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { CONNECTING, UPGRADING, SUBSCRIBING, OPEN, DEAD };
/* left: bytes of the current frame still to come; tail: a header or marker that is cut off. */
typedef struct { int fd; uint8_t state, kept; uint64_t left; char tail[140]; } conn_t;

static volatile uint64_t *P, *H;
static conn_t *C;
static int total, again, width = 64, sources = 4, port, nats, ep, opened, inflight;
static const char *path = "/ws/%06d", *page, *paths;
static char (*names)[128];
static uint64_t started, received;

static void send_frame(conn_t *c, int op, const char *p, int n) { /* masked with zeros */
    char b[256]; int h = 6;
    b[0] = (char)(0x80 | op);
    if (n < 126) { b[1] = (char)(0x80 | n); memset(b + 2, 0, 4); }
    else { b[1] = (char)(0x80 | 126); b[2] = (char)(n >> 8); b[3] = (char)n; memset(b + 4, 0, 4); h = 8; }
    memcpy(b + h, p, n);
    if (write(c->fd, b, h + n) != h + n) perror("send_frame");
}

static void dial(int i) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    if (fd < 0) { perror("socket"); exit(3); }
    struct sockaddr_in a = {.sin_family = AF_INET};
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    a.sin_addr.s_addr = htonl(0x7f000002 + i % sources);
    if (bind(fd, (void *)&a, sizeof a)) { perror("bind"); exit(3); }
    a.sin_port = htons(port); a.sin_addr.s_addr = inet_addr("127.0.0.1");
    C[i].fd = fd;
    if (connect(fd, (void *)&a, sizeof a) && errno != EINPROGRESS) { perror("connect"); exit(3); }
    struct epoll_event e = {.events = EPOLLOUT, .data.u32 = i};
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
    inflight++;
}

static void open_now(conn_t *c) {
    c->state = OPEN; inflight--; P[READY]++;
    if (P[READY] == (uint64_t)total) P[SETUP_NS] = now_ns() - started;
}

static void dead(conn_t *c, const char *why) {
    if (c->state != OPEN) { inflight--; if (++P[FAILED] < 4) fprintf(stderr, "load: refused: %.200s\n", why); }
    int refused = c->state != OPEN;
    P[LOST_SOCKETS]++; c->state = DEAD; close(c->fd);
    if (refused && again) { c->state = CONNECTING; dial((int)(c - C)); }
}

static void upgrade(conn_t *c, int i) {
    int err = 0; socklen_t l = sizeof err;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &l);
    if (err) { dead(c, strerror(err)); return; }
    char made[160], asked[600];
    if (names) strcpy(made, names[i]); else snprintf(made, sizeof made, path, i);
    int n = snprintf(asked, sizeof asked, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", made, port);
    if (write(c->fd, asked, n) != n) { dead(c, "write"); return; }
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = i};
    epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
    c->state = UPGRADING;
}

static void subscribe(conn_t *c, int i) {
    char b[200];
    int n = sprintf(b, "CONNECT {\"verbose\":false,\"pedantic\":false,\"protocol\":1,\"lang\":\"load\"}\r\nSUB acct.%06d 1\r\nPING\r\n", i);
    send_frame(c, 2, b, n);
    c->state = SUBSCRIBING;
}

/* Markers in p..q; returns where a marker is cut off, or q. */
static char *scan(char *p, char *q, int recording) {
    uint64_t now = 0;
    while ((p = memchr(p, '^', q - p))) {
        if (q - p < 20) return p;
        uint64_t ts = 0; int j = 1;
        for (; j < 20; j++) { unsigned d = (unsigned char)p[j] - '0'; if (d > 9) break; ts = ts * 10 + d; }
        if (j < 20) { p++; continue; }
        received++;
        if (recording) { if (!now) now = now_ns(); H[bucket(now > ts ? now - ts : 0)]++; }
        p += 20;
    }
    return q;
}

static void keep(conn_t *c, char *p, char *end) { c->kept = (uint8_t)(end - p); memcpy(c->tail, p, end - p); }

static void frames(conn_t *c, char *p, char *end, int recording) {
    while (p < end) {
        if (!c->left) {
            if (end - p < 2) { keep(c, p, end); return; }
            unsigned char *h = (unsigned char *)p;
            uint64_t n = h[1] & 127; int head = n == 126 ? 4 : n == 127 ? 10 : 2;
            if (end - p < head) { keep(c, p, end); return; }
            if (n == 126) n = h[2] << 8 | h[3];
            else if (n == 127) { n = 0; for (int i = 2; i < 10; i++) n = n << 8 | h[i]; }
            if ((h[0] & 15) >= 8) {
                if (end - p < head + (int)n) { keep(c, p, end); return; }
                if ((h[0] & 15) == 9) { P[PINGS]++; send_frame(c, 10, p + head, (int)n); }
                p += head + n;
                continue;
            }
            c->left = n; p += head;
        }
        char *q = (uint64_t)(end - p) < c->left ? end : p + c->left;
        char *done = scan(p, q, recording);
        if (done < q && q == end && (uint64_t)(q - p) < c->left) { c->left -= done - p; keep(c, done, q); return; }
        c->left -= q - p; p = q;
    }
}

static void ready(int i, int recording) {
    static char buf[65536 + 256];
    conn_t *c = &C[i];
    if (c->state == DEAD) return;
    if (c->state == CONNECTING) { upgrade(c, i); return; }
    int kept = c->kept;
    memcpy(buf, c->tail, kept);
    ssize_t r = read(c->fd, buf + kept, 65536);
    if (r <= 0) { if (r < 0 && errno == EAGAIN) return; dead(c, r ? strerror(errno) : "end of stream"); return; }
    char *p = buf, *end = buf + kept + r;
    c->kept = 0;
    if (c->state == UPGRADING) {
        *end = 0;
        char *e = memmem(buf, end - buf, "\r\n\r\n", 4);
        if (!e || !memmem(buf, end - buf, " 101 ", 5)) { if (e) dead(c, buf); return; }
        p = e + 4;
        if (nats) { subscribe(c, i); return; }
        open_now(c);
    }
    if (c->state == SUBSCRIBING) { if (memmem(p, end - p, "PONG", 4)) open_now(c); return; }
    if (!nats) { frames(c, p, end, recording); return; }
    p = scan(p, end, recording); /* nats-server cuts its messages into frames where it likes */
    if (p < end) keep(c, p, end);
}

static void read_names(void) {
    FILE *f = fopen(paths, "r");
    if (!f) { perror(paths); exit(2); }
    names = calloc(total, sizeof *names);
    for (int i = 0; i < total; i++) if (fscanf(f, "%127s", names[i]) != 1) { fprintf(stderr, "load: too few paths\n"); exit(2); }
    fclose(f);
}

int main(int argc, char **argv) {
    for (int i = 1; i + 1 < argc; i += 2) {
        char *k = argv[i], *v = argv[i + 1];
        if (!strcmp(k, "--page")) page = v;
        else if (!strcmp(k, "--connections")) total = atoi(v);
        else if (!strcmp(k, "--port")) port = atoi(v);
        else if (!strcmp(k, "--paths")) paths = v;
        else if (!strcmp(k, "--path")) path = v;
        else if (!strcmp(k, "--nats")) nats = atoi(v);
        else if (!strcmp(k, "--width")) width = atoi(v);
        else if (!strcmp(k, "--again")) again = atoi(v); /* whether who is refused dials again */
    }
    prctl(PR_SET_TIMERSLACK, 1);
    struct rlimit most;
    getrlimit(RLIMIT_NOFILE, &most); most.rlim_cur = most.rlim_max; setrlimit(RLIMIT_NOFILE, &most);
    P = page_open(page); H = P + 512;
    C = calloc(total, sizeof *C);
    if (paths) read_names();
    ep = epoll_create1(0);
    struct epoll_event ev[512];
    started = now_ns();
    while (!P[STOP]) {
        while (opened < total && inflight < width) dial(opened++);
        int k = epoll_wait(ep, ev, 512, 20);
        if (P[CLEAR] != P[CLEARED]) { for (int i = 0; i < 4096; i++) H[i] = 0; P[CLEARED] = P[CLEAR]; }
        for (int q = 0; q < k; q++) ready(ev[q].data.u32, P[RECORDING] != 0);
        P[RECEIVED] = received;
    }
    return 0;
}
