/*
 * hook_stdio.c - streams and folders: descriptors that libc opens and closes by calls of its own,
 * which no hook sees. Context: any thread; no guard is held over the real calls.
 */
#include <errno.h>

#include "format.h"
#include "hook.h"

#define BIRTH(type, kind, number, call)                                             \
	hook_ready();                                                               \
	type *stream = call;                                                        \
                                                                                    \
	if (stream) {                                                               \
		int was = errno;                                                    \
		track_fd_open(number(stream), kind, FMT_FD_FLAG_STREAM, &CALLER()); \
		errno = was;                                                        \
	}                                                                           \
	return stream

/*
 * NULL crashes some of the originals and not others; that is theirs to do. The headers say that it
 * never is NULL, so where it comes from must be hidden from the compiler.
 */
static int file_number(FILE *stream)
{
	OPAQUE(stream);
	return stream ? fileno(stream) : -1;
}

static int dir_number(DIR *stream)
{
	OPAQUE(stream);
	return stream ? dirfd(stream) : -1;
}

/* The number must be read before the real call. */
#define DEATH(number, call)                               \
	hook_ready();                                     \
	int was = errno;                                  \
	track_fd_close_stream(number(stream), &CALLER()); \
	errno = was;                                      \
	return call

EXPORT FILE *fopen(const char *path, const char *mode)
{
	BIRTH(FILE, FMT_FD_FILE, fileno, real.fopen(path, mode));
}

EXPORT FILE *fopen64(const char *path, const char *mode)
{
	BIRTH(FILE, FMT_FD_FILE, fileno, real.fopen64(path, mode));
}

EXPORT FILE *setmntent(const char *path, const char *mode)
{
	BIRTH(FILE, FMT_FD_FILE, fileno, real.setmntent(path, mode));
}

EXPORT FILE *tmpfile(void)
{
	BIRTH(FILE, FMT_FD_FILE, fileno, real.tmpfile());
}

EXPORT FILE *tmpfile64(void)
{
	BIRTH(FILE, FMT_FD_FILE, fileno, real.tmpfile64());
}

EXPORT FILE *popen(const char *command, const char *mode)
{
	BIRTH(FILE, FMT_FD_PIPE, fileno, real.popen(command, mode));
}

EXPORT DIR *opendir(const char *path)
{
	BIRTH(DIR, FMT_FD_DIRECTORY, dirfd, real.opendir(path));
}

/* These adopt a number that is open already. */
EXPORT FILE *fdopen(int fd, const char *mode)
{
	hook_ready();
	FILE *stream = real.fdopen(fd, mode);

	if (stream)
		track_fd_stream(fd);
	return stream;
}

EXPORT DIR *fdopendir(int fd)
{
	hook_ready();
	DIR *stream = real.fdopendir(fd);

	if (stream)
		track_fd_stream(fd);
	return stream;
}

/*
 * Usually the same number with another file; without a path, only another mode. A failure has
 * closed it: recorded after the call, so what stands there by then may be another's.
 */
#define REOPEN(call)                                                                      \
	hook_ready();                                                                     \
	int was = errno, before = fileno(stream);                                         \
	uint64_t birth = track_fd_birth(before);                                          \
                                                                                          \
	errno = was;                                                                      \
	FILE *again = call;                                                               \
	was = errno;                                                                      \
	if (path || !again)                                                               \
		track_fd_close_if(before, birth, &CALLER());                              \
	if (path && again)                                                                \
		track_fd_open(fileno(again), FMT_FD_FILE, FMT_FD_FLAG_STREAM, &CALLER()); \
	errno = was;                                                                      \
	return again

EXPORT FILE *freopen(const char *path, const char *mode, FILE *stream)
{
	REOPEN(real.freopen(path, mode, stream));
}

EXPORT FILE *freopen64(const char *path, const char *mode, FILE *stream)
{
	REOPEN(real.freopen64(path, mode, stream));
}

EXPORT int fclose(FILE *stream)
{
	DEATH(file_number, real.fclose(stream));
}

EXPORT int pclose(FILE *stream)
{
	DEATH(file_number, real.pclose(stream));
}

EXPORT int endmntent(FILE *stream)
{
	DEATH(file_number, real.endmntent(stream));
}

EXPORT int closedir(DIR *stream)
{
	DEATH(dir_number, real.closedir(stream));
}

/* The folder where a walk began is open until its end; all else that it opens it closes itself. */
#define WALK(type, call)                                                                       \
	hook_ready();                                                                          \
	type *walk = call;                                                                     \
                                                                                               \
	if (walk && !(walk->fts_options & FTS_NOCHDIR))                                        \
		track_fd_open(walk->fts_rfd, FMT_FD_DIRECTORY, FMT_FD_FLAG_STREAM, &CALLER()); \
	return walk
#define WALK_END(call)                                           \
	hook_ready();                                            \
	if (!(walk->fts_options & FTS_NOCHDIR))                  \
		track_fd_close_stream(walk->fts_rfd, &CALLER()); \
	return call

EXPORT FTS *fts_open(char *const *paths, int options,
                     int (*order)(const FTSENT **, const FTSENT **))
{
	WALK(FTS, real.fts_open(paths, options, order));
}

EXPORT FTS64 *fts64_open(char *const *paths, int options,
                         int (*order)(const FTSENT64 **, const FTSENT64 **))
{
	WALK(FTS64, real.fts64_open(paths, options, order));
}

EXPORT int fts_close(FTS *walk)
{
	WALK_END(real.fts_close(walk));
}

EXPORT int fts64_close(FTS64 *walk)
{
	WALK_END(real.fts64_close(walk));
}
