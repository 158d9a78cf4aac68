/*
 * Preloaded into keepalived, it answers "done" to what the program asks of IPVS by socket options, so that its checkers run
 * on a kernel that has none. All else goes on to the C library.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* IP_VS_BASE_CTL of linux/ip_vs.h, and as many as there may be. */
#define FIRST (64 + 1024 + 64)
#define LAST (FIRST + 63)
#define IS_IPVS(level, name) ((level) == IPPROTO_IP && (name) >= FIRST && (name) <= LAST)

int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
	static int (*real)(int, int, int, const void *, socklen_t);

	if (IS_IPVS(level, name))
		return 0;
	if (!real)
		real = dlsym(RTLD_NEXT, "setsockopt");
	return real(fd, level, name, value, length);
}

int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict length)
{
	static int (*real)(int, int, int, void *, socklen_t *);

	if (IS_IPVS(level, name)) {
		memset(value, 0, *length);
		return 0;
	}
	if (!real)
		real = dlsym(RTLD_NEXT, "getsockopt");
	return real(fd, level, name, value, length);
}
