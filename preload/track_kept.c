/*
 * track_kept.c - descriptors that libc opens by calls of its own, keeps between the program's calls
 * (getpwent, syslog) and closes when it is told to (endpwent, closelog). Owns who keeps which.
 *
 * They are found by what the kernel lists after the call and did not before, of what no hook has
 * told. Another thread's that is being born just then may be taken for one: its own hook tells of
 * it in a moment, and that counts. Context: hooks of calls that are not async-signal-safe.
 */
#include <sys/prctl.h>
#include <sys/stat.h>

#include "fd.h"
#include "format.h"
#include "process.h"
#include "seccomp.h"
#include "track.h"

enum { MOST = 4 };

static struct keeper {
	uint32_t calls; /* in vain, since it had something last */
	uint32_t n;
	struct {
		int fd;
		uint64_t birth;
	} at[MOST];
	bool busy; /* in another thread, which will see */
} g_keeper[N_KEEPERS];

static bool passive(void)
{
	return !track_has(TRACK_FDS) || (t_self.flags & IN_TRACKER) || !process_owns_tables();
}

/* A program that has locked itself in may be killed for a look at /proc. In a container there
 * always is a filter, which lets programs read. */
static bool may_look(void)
{
	return !g_seccomp_quiet &&
	       (seccomp_begun() || sys_call(SYS_prctl, PR_GET_SECCOMP, 0, 0, 0, 0) <= 0);
}

static bool has_some(const struct keeper *k)
{
	for (uint32_t i = 0; i < k->n; i++)
		if (track_fd_birth(k->at[i].fd) == k->at[i].birth)
			return true;
	return false;
}

static void note_stranger(int fd, void *arg)
{
	struct track_kept *k = arg;

	if (k->n < TRACK_KEPT_STRANGERS && !track_fd_birth(fd))
		k->stranger[k->n++] = fd;
}

void track_kept_before(enum track_keeper keeper, struct track_kept *k)
{
	struct keeper *own = &g_keeper[keeper];

	k->keeper = keeper;
	k->n = 0;
	k->looks = false;
	if (passive() || __atomic_exchange_n(&own->busy, true, __ATOMIC_ACQUIRE))
		return;
	/* Where nothing is there to be opened (no syslog daemon) libc tries at each call; we look
	 * after the first, second, fourth, eighth. */
	uint32_t calls = own->calls++;

	if (has_some(own) || (calls & (calls - 1)) || !may_look()) {
		__atomic_store_n(&own->busy, false, __ATOMIC_RELEASE);
		return;
	}
	k->looks = true;
	own->n = 0;
	fd_each_open(note_stranger, k);
}

static bool was_there(const struct track_kept *k, int fd)
{
	for (uint32_t i = 0; i < k->n; i++)
		if (k->stranger[i] == fd)
			return true;
	return false;
}

struct arrival {
	const struct track_kept *before;
	const struct caller *from;
};

static void note_arrival(int fd, void *arg)
{
	const struct arrival *a = arg;
	struct keeper *own = &g_keeper[a->before->keeper];
	struct stat st;

	if (own->n == MOST || track_fd_birth(fd) || was_there(a->before, fd) ||
	    sys_call(SYS_fstat, fd, &st) < 0)
		return;
	track_fd_open(fd, S_ISSOCK(st.st_mode) ? FMT_FD_SOCKET : FMT_FD_FILE, FMT_FD_FLAG_LIBC,
	              a->from);
	own->at[own->n].fd = fd;
	own->at[own->n].birth = track_fd_birth(fd);
	own->n++;
}

void track_kept_after(const struct track_kept *k, const struct caller *from)
{
	struct keeper *own = &g_keeper[k->keeper];

	if (!k->looks)
		return;
	if (k->n < TRACK_KEPT_STRANGERS)
		fd_each_open(note_arrival, &(struct arrival){k, from});
	if (own->n)
		own->calls = 0;
	__atomic_store_n(&own->busy, false, __ATOMIC_RELEASE);
}

void track_kept_ends(enum track_keeper keeper, const struct caller *from)
{
	struct keeper *own = &g_keeper[keeper];

	if (passive() || __atomic_exchange_n(&own->busy, true, __ATOMIC_ACQUIRE))
		return;
	for (uint32_t i = 0; i < own->n; i++)
		track_fd_close_if(own->at[i].fd, own->at[i].birth, from);
	own->n = own->calls = 0;
	__atomic_store_n(&own->busy, false, __ATOMIC_RELEASE);
}

/* It keeps what its parent kept; births have another flag now. */
void fd_kept_fork_child(void)
{
	for (unsigned i = 0; i < N_KEEPERS; i++) {
		struct keeper *own = &g_keeper[i];

		own->busy = false;
		for (uint32_t j = 0; j < own->n; j++)
			own->at[j].birth = track_fd_birth(own->at[j].fd);
	}
}
