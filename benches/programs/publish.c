/* The exchange's core: publishes events for random accounts, flat out or paced.
 *   lines    POST /_events, chunked NDJSON, one chunk a write; answers are read and counted
 *   prefixed u32 size, u32 account, frame
 *   nats     PUB acct.<account>
 * FLAT_OUT keeps at most WINDOW events between publication and receipt, APPEND between
 * publication and acknowledgement (accounts nobody listens to). */
#define _GNU_SOURCE
#include "page.h"
#include <string.h>
#include "event.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

enum { LINES, PREFIXED, NATS };
#define TICK_NS 250000
#define LINES_A_REQUEST 9000 /* the server takes 10,000 */

static volatile uint64_t *P;
static int fd, port, kind, accounts, lines, tail_bytes;
static const char *token = "";
static uint64_t *last[2]; /* the last n of each account: with listeners, without */
static char out[4 << 20], tail[8];

static void count(const char *b, ssize_t n) {
    static char s[65536 + 8];
    memcpy(s, tail, tail_bytes); memcpy(s + tail_bytes, b, n);
    char *p = s, *end = s + tail_bytes + n, *hit;
    uint64_t acked = 0;
    while ((hit = memmem(p, end - p, "\"seq\":", 6))) { acked++; p = hit + 6; }
    if (memmem(s, end - s, "\"error\"", 7)) { P[REFUSED]++; fprintf(stderr, "publish: %.300s\n", s); }
    P[ACKED] += acked;
    tail_bytes = (int)(end - p < 5 ? end - p : 5);
    memmove(tail, end - tail_bytes, tail_bytes);
}

static void drain(void) {
    static char b[65536];
    ssize_t n;
    while ((n = recv(fd, b, sizeof b, MSG_DONTWAIT)) > 0) if (kind == LINES) count(b, n);
    if (n == 0) { fprintf(stderr, "publish: the server closed\n"); exit(4); }
}

static void write_all(const char *p, size_t n) {
    while (n > 0) {
        ssize_t w = send(fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (w > 0) { p += w; n -= w; continue; }
        if (w < 0 && errno != EAGAIN) { perror("publish"); exit(4); }
        drain();
        struct pollfd f = {fd, POLLOUT | POLLIN, 0};
        poll(&f, 1, 5);
    }
}

static char *put(char *b, unsigned account, uint64_t ts, int silent) {
    if (kind == LINES) {
        b += sprintf(b, "{\"v\":1,\"account\":\"%c%06u\",\"source\":\"bench\",\"n\":%llu,", silent ? 'q' : 'a', account,
                     (unsigned long long)++last[silent][account]);
        memcpy(b, LINE_EVENT, sizeof(LINE_EVENT) - 1); b += sizeof(LINE_EVENT) - 1;
        put19(b, ts); b += 19;
        memcpy(b, LINE_TAIL, sizeof(LINE_TAIL) - 1);
        return b + sizeof(LINE_TAIL) - 1;
    }
    if (kind == PREFIXED) { int n = FRAME_BYTES; memcpy(b, &n, 4); memcpy(b + 4, &account, 4); b += 8; }
    else b += sprintf(b, "PUB acct.%06u %d\r\n", account, FRAME_BYTES);
    b += put_frame(b, ts);
    if (kind == NATS) { *b++ = '\r'; *b++ = '\n'; }
    return b;
}

static void begin(void) {
    char b[400];
    int n = sprintf(b, "POST /_events HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n", token);
    write_all(b, n);
    lines = 0;
}

static void publish(int n, uint64_t ts, int silent) {
    static uint32_t x = 2463534242u;
    char *b = out + 16;
    for (int i = 0; i < n; i++) {
        x ^= x << 13; x ^= x >> 17; x ^= x << 5;
        b = put(b, x % accounts, ts, silent);
    }
    char *start = out + 16;
    if (kind == LINES) { /* the size of the chunk goes in front of it, right-aligned */
        char head[16];
        int h = sprintf(head, "%zx\r\n", (size_t)(b - start));
        start -= h; memcpy(start, head, h);
        *b++ = '\r'; *b++ = '\n';
        lines += n;
    }
    write_all(start, b - start);
    if (kind == LINES && lines >= LINES_A_REQUEST) { write_all("0\r\n\r\n", 5); begin(); }
    drain();
}

static void dial(void) {
    int one = 1;
    fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = inet_addr("127.0.0.1")};
    if (connect(fd, (void *)&a, sizeof a)) { perror("publish"); exit(3); }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    static const char hello[] = "CONNECT {\"verbose\":false,\"pedantic\":false,\"protocol\":1}\r\n";
    if (kind == NATS) write_all(hello, sizeof hello - 1);
    if (kind == LINES) begin();
}

int main(int argc, char **argv) {
    const char *page = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        char *k = argv[i], *v = argv[i + 1];
        if (!strcmp(k, "--page")) page = v;
        else if (!strcmp(k, "--port")) port = atoi(v);
        else if (!strcmp(k, "--accounts")) accounts = atoi(v);
        else if (!strcmp(k, "--token")) token = v;
        else if (!strcmp(k, "--kind")) kind = !strcmp(v, "nats") ? NATS : !strcmp(v, "prefixed") ? PREFIXED : LINES;
    }
    prctl(PR_SET_TIMERSLACK, 1);
    P = page_open(page);
    for (int i = 0; i < 2; i++) last[i] = calloc(accounts, sizeof **last);
    dial();
    uint64_t published = P[PUBLISHED], base = 0, started = 0;
    int mode = IDLE;
    struct timespec next;
    while (!P[STOP]) {
        int asked = (int)P[MODE], n;
        if (asked != mode) { mode = asked; base = published = P[PUBLISHED]; started = now_ns(); clock_gettime(CLOCK_MONOTONIC, &next); }
        if (mode == IDLE) { usleep(2000); drain(); continue; }
        if (mode == PACED) {
            next.tv_nsec += TICK_NS; if (next.tv_nsec >= 1000000000) { next.tv_nsec -= 1000000000; next.tv_sec++; }
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, 0);
            uint64_t due = (uint64_t)((double)(now_ns() - started) * 1e-9 * (double)P[RATE]);
            n = (int)(due - (published - base)); if (n > 2000) n = 2000;
        } else {
            int64_t room = (int64_t)P[WINDOW] - (int64_t)(published - P[mode == APPEND ? ACKED : RECEIVED]);
            if (room < 64) {
                if (mode == APPEND && kind == LINES) { struct pollfd f = {fd, POLLIN, 0}; poll(&f, 1, 1); }
                else usleep(50);
                drain();
                continue;
            }
            n = room > 256 ? 256 : (int)room;
        }
        if (n <= 0) { drain(); continue; }
        /* paced events carry the time at which they were due */
        uint64_t ts = mode == PACED ? (uint64_t)next.tv_sec * 1000000000ull + next.tv_nsec : now_ns();
        publish(n, ts, mode == APPEND);
        published += n; P[PUBLISHED] = published;
    }
    if (kind == LINES) write_all("0\r\n\r\n", 5);
    return 0;
}
