/*
 * answer.c - see answer.h. A request is the path of a snapshot, up to the end of what is sent; the
 * answer is "judged BLOCKS BYTES THREADS TIMERS FDS", a newline, and text for a person. Requests
 * come one at a time: whoever asks stands still meanwhile. A snapshot that was made to be judged is
 * removed. Only processes of our own user, or root's, are answered.
 */
#include "answer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gate_words.h"
#include "settings.h"
#include "since.h"

enum { TEXT_MAX = 3900, SHOWN = 10 };

/* ---- one request ---- */

static void tell(struct str *s, const struct finding *f)
{
	const struct finding_frame *site = gate_site(f);

	if (f->test) {
		str_add_safe(s, f->test);
		str_add(s, ": ");
	}
	gate_title(s, f);
	if (site) {
		str_add(s, "; made in ");
		gate_frame(s, site);
	}
	if (f->words && *f->words) {
		str_add(s, "; ");
		str_add_safe(s, f->words);
	}
	str_add(s, "\n");
}

static void put_verdict(struct str *s, const struct findings *all)
{
	uint64_t count[N_FINDING_KINDS] = {0}, bytes = 0;

	for (size_t i = 0; i < all->n_counted; i++) {
		count[all->at[i].kind] += all->at[i].count;
		bytes += all->at[i].kind == FINDING_HEAP ? all->at[i].bytes : 0;
	}
	str_addf(s, "judged %llu %llu %llu %llu %llu\n", (unsigned long long)count[FINDING_HEAP],
	         (unsigned long long)bytes, (unsigned long long)count[FINDING_THREAD],
	         (unsigned long long)count[FINDING_TIMER], (unsigned long long)count[FINDING_FD]);
	for (size_t i = 0; i < all->n_counted && i < SHOWN; i++)
		tell(s, &all->at[i]);
	if (all->n_counted > SHOWN)
		str_addf(s, "... and %zu more\n", all->n_counted - SHOWN);
	for (size_t i = 0; i < all->n_processes; i++)
		if (all->process[i].unclear)
			str_addf(s, "not all could be judged: %s\n", all->process[i].unclear);
}

static void judge(struct str *s, const char *path, const struct check_choice *choice,
                  struct check_rules *rules)
{
	struct check c = {.gates = choice->gates, .rules = rules};
	struct snapshot *snapshot = NULL;
	struct findings f = {0};
	struct err err;

	/* What has grown since the process began is not what was asked for. */
	c.gates.growth = 0;
	c.gates.residue.given = c.gates.peak.given = c.gates.allocs.given = false;
	if (load_snapshot(path, &snapshot, &err) || since_checkpoint(snapshot, &err) ||
	    check_process(&f, &c, &(struct check_process){.last = snapshot}, &err)) {
		str_add(s, "failed: ");
		str_add_safe(s, err.text);
	} else {
		findings_finish(&f);
		put_verdict(s, &f);
	}
	if (snapshot && !strcmp(INFO_S(&snapshot->info, LABEL), "outlive_verify_none"))
		unlink(path);
	findings_free(&f);
	snapshot_free(snapshot);
}

/* ---- the connection ---- */

static bool is_ours(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) &&
	       (peer.uid == geteuid() || !peer.uid);
}

static bool read_path(int fd, char path[PATH_MAX])
{
	const struct timeval patience = {10, 0};
	size_t n = 0;
	ssize_t r = -1;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	while (n < PATH_MAX - 1 && (r = read(fd, path + n, PATH_MAX - 1 - n)) > 0)
		n += (size_t)r;
	path[n] = 0;
	return !r && *path == '/';
}

static void serve(int fd, const struct check_choice *choice, struct check_rules *rules)
{
	char path[PATH_MAX];
	struct str s = {0};

	if (!is_ours(fd) || !read_path(fd, path))
		return;
	judge(&s, path, choice, rules);
	size_t n = s.len < TEXT_MAX ? s.len : TEXT_MAX;
	ssize_t ignored = send(fd, s.data, n, MSG_NOSIGNAL);
	(void)ignored;
	str_free(&s);
}

/* True: somebody wants to be answered; false: who has started us is gone, or done with us. */
static bool wait_for_request(int listening, int alive)
{
	struct pollfd p[] = {{.fd = listening, .events = POLLIN}, {.fd = alive, .events = POLLIN}};

	for (;;) {
		int n = poll(p, 2, -1);
		if (n > 0)
			return !p[1].revents;
		if (n < 0 && errno != EINTR)
			return false;
	}
}

/* The process beside the command, until `alive` is closed. */
static void serve_all(int listening, int alive, const struct check_choice *choice)
{
	static const int ignored[] = {SIGINT, SIGQUIT, SIGHUP, SIGTSTP, SIGUSR1, SIGUSR2};
	struct rules rules = {0};
	struct err err;

	prctl(PR_SET_NAME, "outlive-answer");
	/* Those of the terminal are for the command. */
	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		signal(ignored[i], SIG_IGN);
	if (rule_choice_load(&choice->rules, &rules, &err))
		return;
	struct check_rules *programs = check_rules_new(&rules);
	while (wait_for_request(listening, alive)) {
		int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0) {
			serve(fd, choice, programs);
			close(fd);
		}
	}
}

/* ---- start and end ---- */

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(address.sun_path))
		return -1;
	memcpy(address.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 &&
	    (bind(fd, (const struct sockaddr *)&address, sizeof(address)) || listen(fd, 64))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Else pipes would be kept open that somebody waits for the end of. */
static void leave_descriptors(int a, int b)
{
	unsigned low = (unsigned)(a < b ? a : b), high = (unsigned)(a < b ? b : a);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		dup2(null, fd);
	if (low > 3)
		close_range(3, low - 1, 0);
	if (high > low + 1)
		close_range(low + 1, high - 1, 0);
	close_range(high + 1, ~0u, 0);
}

/* No child of ours: who looks for the command finds one child, and it is the command. */
static void start_beside(struct answer *a, int listening, const struct check_choice *choice)
{
	int alive[2];

	if (pipe2(alive, O_CLOEXEC))
		return;
	fflush(NULL);
	pid_t between = fork();
	if (!between) {
		close(alive[1]);
		if (!fork()) {
			leave_descriptors(listening, alive[0]);
			serve_all(listening, alive[0], choice);
		}
		kill(getpid(), SIGKILL); /* runs no handler, and flushes nothing twice */
	}
	while (between > 0 && waitpid(between, NULL, 0) < 0 && errno == EINTR)
		;
	close(alive[0]);
	a->alive = alive[1];
}

void answer_start(struct answer *a, const struct check_choice *choice, struct str *options)
{
	const char *temporary = getenv("TMPDIR");
	/* A socket's path is short. */
	bool usable = temporary && *temporary == '/' && strlen(temporary) < 64;
	char *own = xasprintf("%s/outlive-answer.XXXXXX", usable ? temporary : "/tmp");
	struct err err;
	int fd = -1;

	*a = (struct answer){.alive = -1};
	if (mkdtemp(own)) {
		a->folder = own;
		a->path = xasprintf("%s/socket", own);
		fd = listen_at(a->path);
	} else {
		free(own);
	}
	if (fd >= 0 && !settings_add(options, "answer", a->path, &err))
		start_beside(a, fd, choice);
	if (fd >= 0)
		close(fd);
}

void answer_end(struct answer *a)
{
	if (a->alive >= 0)
		close(a->alive);
	if (a->path)
		unlink(a->path);
	if (a->folder)
		rmdir(a->folder);
	free(a->path);
	free(a->folder);
}
