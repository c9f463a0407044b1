/* The limit: a minimal server, one send() per event, no handshake check, no sequence, no queue.
 * limit PORT PAGE; frames come length-prefixed on PORT + 1000. */
#define _GNU_SOURCE
#include "page.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

static int ep, sockets[1 << 20];

static int listen_on(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = inet_addr("127.0.0.1")};
    if (bind(fd, (void *)&a, sizeof a) || listen(fd, 4096)) { perror("listen"); exit(3); }
    return fd;
}

static void accept_all(int from, int *publisher) {
    int fd, one = 1;
    while ((fd = accept4(from, 0, 0, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
        if (publisher) *publisher = fd;
    }
}

static void handshake(int fd) {
    static const char answer[] = "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    char b[2048];
    ssize_t r = read(fd, b, 2047);
    if (r <= 0) { if (r == 0) close(fd); return; }
    b[r] = 0;
    char *p = strstr(b, "/ws/");
    if (!p) return;
    sockets[atoi(p + 4)] = fd;
    if (write(fd, answer, sizeof answer - 1) < 0) perror("write");
}

static int forward(char *b, int n) {
    int at = 0;
    while (n - at >= 8) {
        uint32_t size, account;
        memcpy(&size, b + at, 4);
        memcpy(&account, b + at + 4, 4);
        if (n - at < (int)(8 + size)) break;
        char *f = b + at + 4; /* the header of the frame takes the account's place */
        f[0] = (char)0x81; f[1] = 126; f[2] = (char)(size >> 8); f[3] = (char)(size & 255);
        if (send(sockets[account], f, size + 4, MSG_NOSIGNAL) < 0) perror("send");
        at += 8 + (int)size;
    }
    memmove(b, b + at, n - at);
    return n - at;
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    int port = atoi(argv[1]), publisher = -1, held = 0;
    volatile uint64_t *P = page_open(argv[2]);
    struct rlimit most;
    getrlimit(RLIMIT_NOFILE, &most); most.rlim_cur = most.rlim_max; setrlimit(RLIMIT_NOFILE, &most);
    static char buffer[1 << 20];
    int clients = listen_on(port), publishers = listen_on(port + 1000);
    ep = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = clients}, ready[256];
    epoll_ctl(ep, EPOLL_CTL_ADD, clients, &e);
    e.data.fd = publishers;
    epoll_ctl(ep, EPOLL_CTL_ADD, publishers, &e);
    while (!P[STOP]) {
        int k = epoll_wait(ep, ready, 256, 10);
        for (int q = 0; q < k; q++) {
            int fd = ready[q].data.fd;
            if (fd == clients) accept_all(fd, NULL);
            else if (fd == publishers) { accept_all(fd, &publisher); held = 0; }
            else if (fd == publisher) {
                ssize_t r = read(fd, buffer + held, 262144);
                if (r == 0) { close(fd); publisher = -1; }
                if (r > 0) held = forward(buffer, held + (int)r);
            } else handshake(fd);
        }
    }
    return 0;
}
