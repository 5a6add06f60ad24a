/* Preloaded, it has a process live by another time: off by the seconds that stand in the file CLOCK_OFFSET names.
 *
 * Only the clock that can be set is shifted. As in Linux, a wait until a time of it lasts longer once it is set back.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

enum { SECOND = 1000000000, SLICE = 20000000, LONGEST_UPTIME = 1000000000 };

static const volatile long *offset;

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("CLOCK_OFFSET");
    int file = name ? open(name, O_RDONLY) : -1;
    if (file >= 0) {
        void *mapped = mmap(NULL, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
        offset = mapped == MAP_FAILED ? NULL : mapped;
        close(file);
    }
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, clock, now);
    if (!failed && offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += *offset;
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec found;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &found);
    now->tv_sec = found.tv_sec;
    now->tv_usec = found.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now) {
    struct timespec found;
    clock_gettime(CLOCK_REALTIME, &found);
    if (now) *now = found.tv_sec;
    return found.tv_sec;
}

/* The next slice of a wait until then, by the real clock, so that it is seen when ours is set; nothing for a time of
 * another clock. Says whether it is the last one. */
static int sliced(const struct timespec *until, struct timespec *slice) {
    struct timespec now;
    *slice = *until;
    if (until->tv_sec < LONGEST_UPTIME) return 1;
    clock_gettime(CLOCK_REALTIME, &now);
    long long left = (until->tv_sec - now.tv_sec) * (long long)SECOND + until->tv_nsec - now.tv_nsec;
    if (left < 0) left = 0;
    syscall(SYS_clock_gettime, CLOCK_REALTIME, slice);
    long long end = slice->tv_nsec + (left < SLICE ? left : SLICE);
    slice->tv_sec += end / SECOND;
    slice->tv_nsec = end % SECOND;
    return left <= SLICE;
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until) {
    static int (*wait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (!wait) *(void **)&wait = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    for (;;) {
        struct timespec slice;
        int last = sliced(until, &slice), how = wait(condition, mutex, &slice);
        if (how != ETIMEDOUT || last) return how;
    }
}

int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex, const struct timespec *restrict until) {
    static int (*wait)(cnd_t *, mtx_t *, const struct timespec *);
    if (!wait) *(void **)&wait = dlsym(RTLD_NEXT, "cnd_timedwait");
    for (;;) {
        struct timespec slice;
        int last = sliced(until, &slice), how = wait(condition, mutex, &slice);
        if (how != thrd_timedout || last) return how;
    }
}
