/* The least that an echo of media streams costs on this machine: no library, no runtime, one thread, epoll.

   media serve PORT CORE                  echo frames of sound: unmask, find the base64, decode, encode, send
   media load PORT CALLS SECONDS CORE     a closed loop: each call sends a frame, waits for its echo, sends the next

   `serve` prints "ready". `load` reads the messages of a call from stdin, as lengths (4 bytes, big-endian) and bytes:
   the first, and the one that is sent again and again, masked; then the length of a reply, 4 bytes. It prints "begin"
   WARM_UP seconds after each call had its first echo, and "end FRAMES LOST" when the time is over. Both know the one
   handshake that the other needs. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 65536, EVENTS = 512 };
static const double WARM_UP = 0.7;

typedef struct {
    int fd;
    int open;    /* of the load, whether it had an echo */
    size_t have; /* bytes in `in`; of the load, bytes of replies that are not a whole one */
    unsigned char *in;
} Peer;

static const char HEAD[] = "{\"Kind\":\"AudioData\",\"AudioData\":{\"Data\":\"";
static const char TAIL[] = "\"},\"StopAudio\":null}";
/* RFC 6455, section 4.2.2, of the key that bench/media_load.py sends. */
static const char ACCEPT[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n\r\n";

static uint32_t value[4][256]; /* of a base64 character at each place of its group */
static char pair[4096][2];     /* of 12 bits */

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void tables(void) {
    const char *alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    memset(value, 0xff, sizeof value);
    for (int at = 0; at < 64; at++)
        for (int place = 0; place < 4; place++)
            value[place][(unsigned char)alphabet[at]] = (uint32_t)at << (18 - 6 * place);
    for (int place = 2; place < 4; place++)
        value[place]['='] = 0;
    for (int bits = 0; bits < 4096; bits++) {
        pair[bits][0] = alphabet[bits >> 6];
        pair[bits][1] = alphabet[bits & 63];
    }
}

/* The bytes; 0 for what is not base64. */
static size_t decode(const unsigned char *text, size_t length, unsigned char *out) {
    unsigned char *begin = out;
    uint32_t bad = 0;
    for (size_t at = 0; at + 4 <= length; at += 4) {
        uint32_t bits = value[0][text[at]] | value[1][text[at + 1]] | value[2][text[at + 2]] | value[3][text[at + 3]];
        bad |= bits & 0xff000000u;
        *out++ = bits >> 16;
        *out++ = bits >> 8;
        *out++ = bits;
    }
    size_t padding = length ? (text[length - 1] == '=') + (text[length - 2] == '=') : 0;
    return bad || length % 4 ? 0 : (size_t)(out - begin) - padding;
}

static size_t encode(const unsigned char *data, size_t length, char *out) {
    char *begin = out;
    size_t at = 0;
    for (; at + 3 <= length; at += 3, out += 4) {
        uint32_t bits = (uint32_t)data[at] << 16 | data[at + 1] << 8 | data[at + 2];
        memcpy(out, pair[bits >> 12], 2);
        memcpy(out + 2, pair[bits & 4095], 2);
    }
    if (at < length) {
        uint32_t bits = (uint32_t)data[at] << 16 | (at + 1 < length ? data[at + 1] << 8 : 0);
        memcpy(out, pair[bits >> 12], 2);
        memcpy(out + 2, pair[bits & 4095], 2);
        if (at + 1 == length)
            out[2] = '=';
        out[3] = '=';
        out += 4;
    }
    return (size_t)(out - begin);
}

static void send_all(int fd, const void *data, size_t length) {
    if (send(fd, data, length, MSG_NOSIGNAL) != (ssize_t)length && errno != EPIPE && errno != ECONNRESET)
        die("send");
}

static void echo(int fd, const unsigned char *text, size_t length) {
    static unsigned char pcm[MOST];
    static char reply[MOST + 128];
    const unsigned char *data = memmem(text, length, "\"data\":\"", 8);
    if (!data)
        return;
    data += 8;
    const unsigned char *end = memchr(data, '"', (size_t)(text + length - data));
    size_t size = end ? decode(data, (size_t)(end - data), pcm) : 0;
    if (!size)
        return;
    char *out = reply + 4;
    memcpy(out, HEAD, sizeof HEAD - 1);
    out += sizeof HEAD - 1;
    out += encode(pcm, size, out);
    memcpy(out, TAIL, sizeof TAIL - 1);
    out += sizeof TAIL - 1;
    size_t body = (size_t)(out - reply) - 4;
    reply[0] = (char)0x81;
    reply[1] = 126;
    reply[2] = (char)(body >> 8);
    reply[3] = (char)body;
    send_all(fd, reply, body + 4);
}

/* Take whole frames; what is left moves to the front. */
static void take(Peer *peer) {
    size_t at = 0;
    if (!peer->open) {
        unsigned char *blank = memmem(peer->in, peer->have, "\r\n\r\n", 4);
        if (!blank)
            return;
        at = (size_t)(blank - peer->in) + 4;
        peer->open = 1;
        send_all(peer->fd, ACCEPT, sizeof ACCEPT - 1);
    }
    while (peer->have - at >= 8) {
        unsigned char *frame = peer->in + at;
        size_t length = frame[1] & 127, head = 6;
        if (length == 126) {
            length = (size_t)frame[2] << 8 | frame[3];
            head = 8;
        }
        if (peer->have - at < head + length)
            break;
        uint32_t mask32;
        memcpy(&mask32, frame + head - 4, 4);
        uint64_t mask = (uint64_t)mask32 << 32 | mask32, word;
        unsigned char *text = frame + head;
        size_t done = 0;
        for (; done + 8 <= length; done += 8) {
            memcpy(&word, text + done, 8);
            word ^= mask;
            memcpy(text + done, &word, 8);
        }
        for (; done < length; done++)
            text[done] ^= frame[head - 4 + done % 4];
        if (frame[0] == 0x81)
            echo(peer->fd, text, length);
        at += head + length;
    }
    peer->have -= at;
    memmove(peer->in, peer->in + at, peer->have);
}

static void watch(int epoll, Peer *peer) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
    int on = 1;
    setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, peer->fd, &event))
        die("epoll_ctl");
}

static struct sockaddr_in here(int port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void serve(int port) {
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0);
    struct sockaddr_in address = here(port);
    struct epoll_event event = {.events = EPOLLIN}, events[EVENTS];
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096))
        die("listen");
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    puts("ready");
    fflush(stdout);
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int at = 0; at < count; at++) {
            Peer *peer = events[at].data.ptr;
            if (!peer) {
                peer = calloc(1, sizeof *peer);
                peer->in = malloc(MOST);
                if ((peer->fd = accept(listener, NULL, NULL)) < 0)
                    die("accept");
                watch(epoll, peer);
                continue;
            }
            ssize_t got = recv(peer->fd, peer->in + peer->have, MOST - peer->have, 0);
            if (got > 0) {
                peer->have += (size_t)got;
                take(peer);
            } else {
                close(peer->fd);
                free(peer->in);
                free(peer);
            }
        }
    }
}

static uint32_t number(void) {
    unsigned char bytes[4];
    if (fread(bytes, 1, 4, stdin) != 4)
        die("stdin");
    return (uint32_t)bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

static unsigned char *message(size_t *length) {
    *length = number();
    unsigned char *bytes = malloc(*length);
    if (fread(bytes, 1, *length, stdin) != *length)
        die("stdin");
    return bytes;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int load(int port, int calls, double seconds) {
    size_t first_length, length;
    unsigned char *first = message(&first_length), *frame = message(&length), buffer[MOST];
    size_t reply = number();
    int epoll = epoll_create1(0), lost = 0;
    struct epoll_event events[EVENTS];
    struct sockaddr_in address = here(port);
    Peer *peers = calloc((size_t)calls, sizeof *peers);
    for (int at = 0; at < calls; at++) {
        Peer *peer = &peers[at];
        size_t have = 0;
        peer->fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(peer->fd, (struct sockaddr *)&address, sizeof address))
            die("connect");
        int size = snprintf((char *)buffer, MOST,
            "GET /media/call-%d?handler=echo HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n", at);
        send_all(peer->fd, buffer, (size_t)size);
        while (!memmem(buffer, have, "\r\n\r\n", 4)) {
            ssize_t got = recv(peer->fd, buffer + have, 1, 0);
            if (got <= 0 || ++have == MOST)
                die("handshake");
        }
        if (!memmem(buffer, have, " 101 ", 5))
            die("handshake");
        watch(epoll, peer);
    }
    for (int at = 0; at < calls; at++) {
        send_all(peers[at].fd, first, first_length);
        send_all(peers[at].fd, frame, length);
    }
    double begin = 0, until = 0, time;
    long frames = 0;
    int begun = 0, open = 0;
    while ((time = now()) < until || !begun) {
        if (!begin && open + lost >= calls)
            begin = time + WARM_UP;
        if (begin && !begun && time >= begin) {
            begun = 1;
            frames = 0;
            until = time + seconds;
            puts("begin");
            fflush(stdout);
        }
        int count = epoll_wait(epoll, events, EVENTS, 20);
        for (int at = 0; at < count; at++) {
            Peer *peer = events[at].data.ptr;
            ssize_t got = recv(peer->fd, buffer, MOST, 0);
            if (got <= 0) {
                lost++;
                close(peer->fd);
                continue;
            }
            peer->have += (size_t)got;
            if (peer->have >= reply) {
                peer->have -= reply;
                open += !peer->open;
                peer->open = 1;
                frames++;
                send_all(peer->fd, frame, length);
            }
        }
    }
    printf("end %ld %d\n", frames, lost);
    fflush(stdout);
    getchar(); /* it is looked at how long this process ran */
    return 0;
}

int main(int count, char **words) {
    int core = count > 3 ? atoi(words[count - 1]) : 0;
    struct rlimit files;
    cpu_set_t cores;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    CPU_ZERO(&cores);
    CPU_SET(core, &cores);
    sched_setaffinity(0, sizeof cores, &cores);
    tables();
    if (count == 4 && !strcmp(words[1], "serve"))
        serve(atoi(words[2]));
    if (count == 6 && !strcmp(words[1], "load"))
        return load(atoi(words[2]), atoi(words[3]), atof(words[4]));
    fputs("media serve PORT CORE | media load PORT CALLS SECONDS CORE\n", stderr);
    return 2;
}
