/* The page that controller, load generator, publisher and peers share: a file in memory of 64-bit
 * slots, and a histogram of delays behind them. */
#pragma once
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { READY, RECEIVED, RECORDING, STOP, PUBLISHED, MODE, RATE, WINDOW, SETUP_NS, LOST_SOCKETS,
       CONNECTIONS, CLEAR, CLEARED, FAILED, ACKED, REFUSED, PINGS };
enum { IDLE, FLAT_OUT, PACED, APPEND };
#define PAGE_BYTES (4096 + 8 * 4096)

static inline volatile uint64_t *page_open(const char *path) {
    int fd = open(path, O_RDWR);
    if (fd < 0) { perror(path); exit(2); }
    void *p = mmap(0, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) { perror("mmap"); exit(2); }
    close(fd);
    return p;
}

static inline uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* 64 buckets per power of two: an error below 1.6 %. */
static inline int bucket(uint64_t v) {
    if (v < 64) return (int)v;
    int e = 63 - __builtin_clzll(v);
    return (e - 5) * 64 + (int)((v >> (e - 6)) & 63);
}
