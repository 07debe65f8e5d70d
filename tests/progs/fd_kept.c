/*
 * Descriptors behind whole functions of libc: what it keeps from one call to the next, what it
 * opens and closes within one, what comes from a socket, a ring or a mount. One hazard a mode, each
 * in a function of its own, keep_<what> or case_<what>; prints "<what> <number>" and the same with
 * and without outlive.
 */
#include "prog.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <ftw.h>
#include <glob.h>
#include <grp.h>
#include <iconv.h>
#include <ifaddrs.h>
#include <libintl.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <locale.h>
#include <net/if.h>
#include <netdb.h>
#include <nl_types.h>
#include <pty.h>
#include <pwd.h>
#include <semaphore.h>
#include <shadow.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <utmp.h>
#include <utmpx.h>

#include "preload/outlive.h"

static const char *g_mode;

static void tell(const char *what, long result)
{
	printf("%s: %ld\n", what, result);
	fflush(stdout);
}

static void show(const char *name, int fd)
{
	printf("%s %d\n", name, fd);
	fflush(stdout);
}

static void snapshot(void)
{
	outlive_snapshot(g_mode);
}

/* The number that the next call will give, by a path that no hook sees. */
static int next_number(void)
{
	long fd, r;

	__asm__ volatile("syscall" : "=a"(fd) : "a"(SYS_dup), "D"(0) : "rcx", "r11", "memory");
	__asm__ volatile("syscall" : "=a"(r) : "a"(SYS_close), "D"(fd) : "rcx", "r11", "memory");
	return (int)fd;
}

static int is_open(int fd)
{
	struct stat st;

	return !fstat(fd, &st);
}

/* ---- databases ---- */

#define KEEP(name, call)                            \
	static FRAME void keep_##name(void)         \
	{                                           \
		int fd = next_number();             \
                                                    \
		call;                               \
		show(#name, is_open(fd) ? fd : -1); \
		__asm__ volatile("" ::: "memory");  \
	}
KEEP(passwd, getpwent())
KEEP(group, setgrent(); getgrent())
KEEP(services, setservent(1); getservent())
KEEP(protocols, setprotoent(1); getprotoent())
KEEP(hosts, sethostent(1); gethostent())
KEEP(networks, setnetent(1); getnetent())
KEEP(utmp, utmpname("fd_kept.utmp"); setutent(); getutent())

static void databases(void)
{
	close(open("fd_kept.utmp", O_CREAT | O_RDWR, 0600));
	keep_passwd(), keep_group(), keep_services(), keep_protocols(), keep_hosts(),
	        keep_networks(), keep_utmp();
	for (int i = 0; i < 5; i++)
		getpwent();
	snapshot();
	endpwent(), endgrent(), endservent(), endprotoent(), endhostent(), endnetent(), endutent();
	tell("next number", next_number());
	snapshot();
	/* once more, and by other names */
	setpwent();
	setutxent();
	getutxent();
	endutxent();
	snapshot();
}

/* Each of the names, each database for itself: what the first opens, the last closes. */
#define EACH(name, type, set, ...)                             \
	static int each_##name(void)                           \
	{                                                      \
		struct type entry, *out;                       \
		int fd = next_number(), h_error, opened;       \
                                                               \
		(void)h_error;                                 \
		set;                                           \
		get##name##ent_r(&entry, g_room, __VA_ARGS__); \
		get##name##ent();                              \
		opened = is_open(fd);                          \
		end##name##ent();                              \
		return opened - is_open(fd);                   \
	}
static char g_room[4096];
EACH(pw, passwd, setpwent(), sizeof(g_room), &out)
EACH(gr, group, setgrent(), sizeof(g_room), &out)
EACH(sp, spwd, setspent(), sizeof(g_room), &out)
EACH(host, hostent, sethostent(1), sizeof(g_room), &out, &h_error)
EACH(net, netent, setnetent(1), sizeof(g_room), &out, &h_error)
EACH(proto, protoent, setprotoent(1), sizeof(g_room), &out)
EACH(serv, servent, setservent(1), sizeof(g_room), &out)

static void each_ut(void)
{
	struct utmp key = {.ut_type = USER_PROCESS, .ut_line = "none"}, entry, *out;

	utmpname("fd_kept.utmp");
	setutent();
	getutent_r(&entry, &out);
	getutid(&key);
	getutid_r(&key, &entry, &out);
	getutline(&key);
	getutline_r(&key, &entry, &out);
	pututline(&key);
	endutent();
}

static void each_utx(void)
{
	struct utmpx key = {.ut_type = USER_PROCESS, .ut_line = "none"};

	utmpxname("fd_kept.utmp");
	setutxent();
	getutxent();
	getutxid(&key);
	getutxline(&key);
	pututxline(&key);
	endutxent();
}

static void each_name(void)
{
	int fd = next_number();

	close(open("fd_kept.utmp", O_CREAT | O_RDWR | O_TRUNC, 0600));
	tell("opened",
	     each_pw() + each_gr() + each_host() + each_net() + each_proto() + each_serv());
	each_sp();
	each_ut();
	each_utx();
	snapshot();
	tell("next number", next_number() == fd);
}

/* Inherited, and given back by the child: the parent has its own still. */
static void forked(void)
{
	keep_passwd();
	fflush(stdout);
	if (!fork()) {
		endpwent();
		outlive_snapshot("child");
		_exit(0);
	}
	wait(NULL);
	snapshot();
}

KEEP(syslog, syslog(LOG_DEBUG, "a test of %s: %m", "outlive"))
KEEP(openlog, openlog("outlive-test", LOG_NDELAY, LOG_USER))

void __syslog_chk(int, int, const char *, ...);
void __vsyslog_chk(int, int, const char *, va_list);

static void log_by(void (*log)(int, const char *, va_list), const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (log)
		log(LOG_DEBUG, format, ap);
	else
		__vsyslog_chk(LOG_DEBUG, 1, format, ap);
	va_end(ap);
}

static void log_lines(void)
{
	keep_syslog();
	for (int i = 0; i < 20; i++)
		syslog(LOG_DEBUG, "line %d", i);
	__syslog_chk(LOG_DEBUG, 1, "%s %d", "checked", 1);
	log_by(vsyslog, "%s", "by a list");
	log_by(NULL, "%s", "by a list, checked");
	snapshot();
	closelog();
	snapshot();
	keep_openlog();
	snapshot();
}

static volatile sig_atomic_t g_trapped;

static void on_trap(int sig)
{
	(void)sig;
	g_trapped++;
}

/* A program that has locked itself in, and opens nothing any more. */
static void locked_in(void)
{
	struct sock_filter code[] = {
	        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
	        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 1, 0),
	        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	};
	struct sock_fprog filter = {sizeof(code) / sizeof(code[0]), code};

	tzset();
	signal(SIGSYS, on_trap);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
		return;
	syslog(LOG_DEBUG, "from within");
	tell("opens", g_trapped);
	/* no last snapshot */
	__asm__ volatile("syscall" : : "a"(SYS_exit_group), "D"(0) : "rcx", "r11", "memory");
}

/* ---- walks ---- */

static FRAME FTS *case_walk(int options)
{
	static char *paths[] = {(char *)".", NULL};
	FTS *walk = fts_open(paths, options, NULL);

	while (walk && fts_read(walk))
		;
	return walk;
}

static void walks(void)
{
	int fd = next_number();
	FTS *first = case_walk(FTS_PHYSICAL), *second = case_walk(FTS_PHYSICAL | FTS_NOCHDIR);

	show("walk", is_open(fd) ? fd : -1);
	snapshot();
	tell("end", fts_close(first));
	tell("end", fts_close(second));
	FTS64 *wide = fts64_open((char *const[]){(char *)".", NULL}, FTS_PHYSICAL, NULL);
	tell("end", wide ? fts64_close(wide) : -1);
	tell("next number", next_number() == fd);
	snapshot();
}

/* ---- calls that leave nothing open ---- */

static int visit(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	return !path || !st || flag < 0 || !at;
}

static void files_and_names(void)
{
	struct dirent **names = NULL;
	glob_t found;

	for (int n = scandir(".", &names, NULL, alphasort); n > 0; n--)
		free(names[n - 1]);
	free(names);
	nftw("/etc/default", visit, 4, FTW_PHYS);
	if (!glob("/etc/*", 0, NULL, &found))
		globfree(&found);
	setlocale(LC_ALL, "C.UTF-8");
	bindtextdomain("outlive-test", "/usr/share/locale");
	dgettext("outlive-test", "text");
	catopen("outlive-test", 0);
	iconv_t converter = iconv_open("UTF-16", "ISO-8859-2");
	if (converter != (iconv_t)-1)
		iconv_close(converter);
	void *library = dlopen("libm.so.6", RTLD_NOW);
	if (library)
		dlclose(library);
	getpwnam("root");
	getgrgid(0);
	getservbyname("http", "tcp");
}

static void network_and_system(void)
{
	extern char **environ;
	struct ifaddrs *interfaces = NULL;
	struct addrinfo *address = NULL;
	char *arguments[] = {(char *)"true", NULL};
	pid_t pid;

	if (!getaddrinfo("localhost", "80", NULL, &address))
		freeaddrinfo(address);
	gethostbyname("localhost");
	if (!getifaddrs(&interfaces))
		freeifaddrs(interfaces);
	if_nametoindex("lo");
	sysconf(_SC_NPROCESSORS_ONLN);
	sem_t *sem = sem_open("/outlive-test-sem", O_CREAT, 0600, 1);
	if (sem != SEM_FAILED) {
		sem_unlink("/outlive-test-sem");
		sem_close(sem);
	}
	fflush(stdout);
	if (!posix_spawn(&pid, "/bin/true", NULL, NULL, arguments, environ))
		waitpid(pid, NULL, 0);
	tell("system", system("true < /dev/null"));
	FILE *f = fopen("/dev/null", "r");
	fcloseall(); /* flushes, no more */
	fclose(f);
}

static void transient(void)
{
	int fd = next_number();

	files_and_names();
	tell("next number", next_number() == fd);
	network_and_system();
	tell("next number", next_number() == fd);
	snapshot();
}

/* ---- from a socket, a terminal, a mount ---- */

static FRAME int case_peer(int fd)
{
	int pidfd = -1;
	socklen_t n = sizeof(pidfd);

	return getsockopt(fd, SOL_SOCKET, 77 /* SO_PEERPIDFD */, &pidfd, &n) ? -1 : pidfd;
}

/* The pidfd of a message's sender. */
static FRAME int case_message(int from)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec v = {&byte, 1};
	struct msghdr m = {.msg_iov = &v,
	                   .msg_iovlen = 1,
	                   .msg_control = control,
	                   .msg_controllen = sizeof(control)};
	int fd = -1;

	if (recvmsg(from, &m, 0) == 1 && CMSG_FIRSTHDR(&m))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

static void pidfds(void)
{
	int pair[2], on = 1;

	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	show("peer", case_peer(pair[0]));
	if (setsockopt(pair[1], SOL_SOCKET, 76 /* SO_PASSPIDFD */, &on, sizeof(on)) ||
	    send(pair[0], "x", 1, 0) != 1)
		show("message", -1);
	else
		show("message", case_message(pair[1]));
	snapshot();
}

static FRAME int case_login(int tty)
{
	return login_tty(tty);
}

/* In a child, as the call is meant; its tty goes, 0 to 2 are new. */
static void terminal(void)
{
	int master, tty, status = -1;

	if (openpty(&master, &tty, NULL, NULL, NULL))
		return;
	show("tty", tty);
	fflush(stdout);
	if (!fork()) {
		int r = case_login(tty);

		outlive_snapshot("child");
		_exit(r);
	}
	wait(&status);
	tell("login_tty", status);
	snapshot();
}

#ifdef FSOPEN_CLOEXEC
static FRAME int case_fsopen(void)
{
	return fsopen("tmpfs", FSOPEN_CLOEXEC);
}

static FRAME int case_fsmount(int fs)
{
	fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	return fsmount(fs, FSMOUNT_CLOEXEC, 0);
}

static FRAME int case_fspick(void)
{
	return fspick(AT_FDCWD, "/", FSPICK_CLOEXEC);
}

static FRAME int case_open_tree(void)
{
	return open_tree(AT_FDCWD, ".", 0);
}
#else
#define case_fsopen()    -1
#define case_fsmount(fs) -1
#define case_fspick()    -1
#define case_open_tree() -1
#endif

static FRAME int case_handle(void)
{
	static union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} h;
	int mount;

	h.handle.handle_bytes = MAX_HANDLE_SZ;
	return name_to_handle_at(AT_FDCWD, ".", &h.handle, &mount, 0)
	               ? -1
	               : open_by_handle_at(AT_FDCWD, &h.handle, O_RDONLY);
}

static void mounts(void)
{
	int fs = case_fsopen();

	show("fsopen", fs);
	show("fsmount", case_fsmount(fs));
	show("fspick", case_fspick());
	show("open_tree", case_open_tree());
	show("handle", case_handle());
	snapshot();
}

/* ---- io_uring: descriptors come and go without any call ---- */

struct ring {
	int fd;
	struct io_uring_params p;
	char *sq, *cq;
	struct io_uring_sqe *sqe;
};

static int ring_open(struct ring *r)
{
	r->fd = (int)syscall(SYS_io_uring_setup, 4, &r->p);
	if (r->fd < 0)
		return -1;
	r->sq = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, IORING_OFF_SQ_RING);
	r->cq = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, IORING_OFF_CQ_RING);
	r->sqe = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, IORING_OFF_SQES);
	return r->sq == MAP_FAILED || r->cq == MAP_FAILED || r->sqe == MAP_FAILED ? -1 : 0;
}

static int ring_do(struct ring *r, const struct io_uring_sqe *what)
{
	unsigned *tail = (unsigned *)(void *)(r->sq + r->p.sq_off.tail);
	unsigned mask = *(unsigned *)(void *)(r->sq + r->p.sq_off.ring_mask), at = *tail & mask;
	unsigned *head = (unsigned *)(void *)(r->cq + r->p.cq_off.head);
	const struct io_uring_cqe *cqe = (const void *)(r->cq + r->p.cq_off.cqes);

	r->sqe[at] = *what;
	((unsigned *)(void *)(r->sq + r->p.sq_off.array))[at] = at;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		return -1;
	int result = cqe[*head & *(unsigned *)(void *)(r->cq + r->p.cq_off.ring_mask)].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return result;
}

static FRAME void ring(void)
{
	struct ring r = {0};
	int fd;

	if (ring_open(&r)) {
		show("ring", -1);
		return;
	}
	fd = open("/dev/null", O_RDONLY);
	show("ring", r.fd);
	show("opened",
	     ring_do(&r, &(struct io_uring_sqe){.opcode = IORING_OP_OPENAT,
	                                        .fd = AT_FDCWD,
	                                        .addr = (uintptr_t) "/proc/self/status"}));
	tell("closed", ring_do(&r, &(struct io_uring_sqe){.opcode = IORING_OP_CLOSE, .fd = fd}));
	snapshot();
}

static const struct {
	const char *name;
	void (*run)(void);
} modes[] = {
        {"databases", databases}, {"each_name", each_name}, {"forked", forked},
        {"log_lines", log_lines}, {"locked_in", locked_in}, {"walks", walks},
        {"transient", transient}, {"pidfds", pidfds},       {"terminal", terminal},
        {"mounts", mounts},       {"ring", ring},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(argv[1], modes[i].name)) {
			g_mode = argv[1];
			modes[i].run();
			return 0;
		}
	return 2;
}
