/*
 * cmd_watch.c - `outlive watch`: a live view of a process on the terminal; keys, time, and the
 * command that is started for it.
 */
#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd.h"
#include "target.h"
#include "view.h"
#include "watch.h"

#define SECOND UINT64_C(1000000000)

struct session {
	struct watch w;
	uint64_t every_ns, next_ns;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

/* ---- the command of `watch -- COMMAND` ---- */

static bool has_library(pid_t pid)
{
	struct target t;
	struct err ignored;
	bool has = !target_open(&t, pid, &ignored) && !target_open_control(&t, &ignored);

	target_close(&t);
	return has;
}

/* The child with liboutlive.so in it, 0: none yet. `run` has others on its way. */
static pid_t child_of(pid_t pid)
{
	char path[64], text[256] = "", *end;
	pid_t found = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	FILE *f = fopen(path, "re");
	if (f && !fgets(text, sizeof(text), f))
		*text = 0;
	if (f)
		fclose(f);
	for (char *at = text; !found; at = end) {
		pid_t child = (pid_t)strtol(at, &end, 10);

		if (end == at)
			break;
		if (has_library(child))
			found = child;
	}
	return found;
}

/* `outlive run` knows how; the screen is ours, so what the command prints goes into a file. */
static pid_t start_run(char **argv, int argc, int out)
{
	static char verb[] = "run", end[] = "--", self[] = "/proc/self/exe";
	char **args = xcalloc((size_t)argc + 4, sizeof(*args));
	size_t n = 0;

	args[n++] = self;
	args[n++] = verb;
	args[n++] = end;
	for (int i = 0; i < argc; i++)
		args[n++] = argv[i];
	pid_t pid = fork();
	if (!pid) {
		int in = open("/dev/null", O_RDONLY);
		if (in >= 0 && dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(out, 2) == 2) {
			setsid();
			execv("/proc/self/exe", args);
		}
		_exit(126);
	}
	free(args);
	return pid;
}

/* The command's pid, once liboutlive.so is in it; -1 with err. */
static pid_t start_command(char **argv, int argc, char *log, struct err *err)
{
	int out = mkostemp(log, O_CLOEXEC);
	pid_t run = out < 0 ? -1 : start_run(argv, argc, out), pid = 0;

	if (out >= 0)
		close(out);
	if (run < 0)
		return err_set(err, "no process can be made: %s", strerror(errno));
	for (int i = 0; i < 500; i++) {
		struct target r;
		struct err ignored;
		pid = child_of(run);
		if (pid)
			return pid;
		bool ended = target_open(&r, run, &ignored) || r.state == 'Z';
		target_close(&r);
		if (ended)
			return err_set(err, "%s has ended at once; %s has what it printed", argv[0],
			               log);
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	}
	return err_set(err, "%s: liboutlive.so did not get into it; %s has what it printed",
	               argv[0], log);
}

/* ---- keys ---- */

static void move_to(struct watch *w, long by)
{
	bool text = w->tab != TAB_HEAP || w->detail || w->help;
	size_t *at = text ? &w->scroll : &w->selected;
	size_t last = text ? SIZE_MAX / 2 : watch_rows(w);

	if (by < 0)
		*at = *at < (size_t)-by ? 0 : *at - (size_t)-by;
	else
		*at += (size_t)by;
	if (!text && *at >= last)
		*at = last ? last - 1 : 0;
}

static void choose_tab(struct watch *w, int tab)
{
	w->tab = (enum watch_tab)(tab % N_TABS);
	w->detail = w->help = false;
	w->scroll = w->selected = 0;
}

static void next_sort(struct watch *w)
{
	static const enum column next[N_COLUMNS] = {[ALLOC_SPACE] = INUSE_SPACE,
	                                            [INUSE_SPACE] = ALLOC_OBJECTS,
	                                            [ALLOC_OBJECTS] = INUSE_OBJECTS,
	                                            [INUSE_OBJECTS] = ALLOC_SPACE};

	w->options.sort = next[w->options.sort];
	watch_rank(w);
}

static void change_pace(struct session *s, bool slower)
{
	s->every_ns = slower ? s->every_ns * 2 : s->every_ns / 2;
	if (s->every_ns < SECOND / 2)
		s->every_ns = SECOND / 2;
	if (s->every_ns > 600 * SECOND)
		s->every_ns = 600 * SECOND;
	s->next_ns = now_ns() + s->every_ns;
}

static void move_by_key(struct watch *w, int key)
{
	long page = LINES > 9 ? LINES - 9 : 1;

	switch (key) {
	case KEY_UP:
	case 'k':
		move_to(w, -1);
		break;
	case KEY_DOWN:
	case 'j':
		move_to(w, 1);
		break;
	case KEY_PPAGE:
		move_to(w, -page);
		break;
	case KEY_NPAGE:
		move_to(w, page);
		break;
	case KEY_HOME:
		move_to(w, -LONG_MAX);
		break;
	case KEY_END:
		move_to(w, 1 << 30);
		break;
	default:
		break;
	}
}

/* False: leave. */
static bool press(struct session *s, int key)
{
	struct watch *w = &s->w;

	switch (key) {
	case 'q':
	case 'Q':
		return false;
	case '1':
	case '2':
	case '3':
	case '4':
		choose_tab(w, key - '1');
		break;
	case '\t':
		choose_tab(w, (int)w->tab + 1);
		break;
	case '?':
	case 'h':
		w->help = !w->help;
		break;
	case '\n':
	case KEY_ENTER:
		w->detail = !w->detail && !w->help;
		w->help = false;
		w->scroll = 0;
		break;
	case 27:
		w->detail = w->help = false;
		break;
	case 's':
		next_sort(w);
		break;
	case 'm':
		watch_set_mark(w);
		break;
	case 'c':
		w->churn = !w->churn;
		watch_rank(w);
		break;
	case 'p':
		w->paused = !w->paused;
		s->next_ns = 0;
		break;
	case ' ':
		s->next_ns = 0;
		break;
	case '+':
		change_pace(s, true);
		break;
	case '-':
		change_pace(s, false);
		break;
	default:
		move_by_key(w, key);
		break;
	}
	return true;
}

/* ---- the view ---- */

static void open_screen(void)
{
	setlocale(LC_ALL, "");
	initscr();
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	set_escdelay(50);
	curs_set(0);
	if (has_colors()) {
		start_color();
		use_default_colors();
		init_pair(1, COLOR_RED, -1);
		init_pair(2, COLOR_GREEN, -1);
		init_pair(3, COLOR_CYAN, -1);
		init_pair(4, COLOR_BLACK, COLOR_CYAN);
	}
	timeout(100);
}

static void view(struct session *s)
{
	struct watch *w = &s->w;
	bool dirty = true;
	int key;

	do {
		if (!w->gone && (!w->paused || !w->now) && now_ns() >= s->next_ns) {
			watch_look(w, 10 * SECOND);
			s->next_ns = now_ns() + s->every_ns;
			dirty = true;
		}
		if (dirty)
			watch_draw(w);
		key = getch();
		dirty = key != ERR;
	} while (key == ERR || press(s, key));
}

static int parse_every(const char *value, void *to, struct err *err)
{
	uint64_t ns;

	if (!parse_time(value, &ns) || ns < SECOND / 10)
		return err_set(err, "--every is a time such as 500ms, 2s or 1m, not \"%s\"", value);
	*(uint64_t *)to = ns;
	return 0;
}

static int watch(struct session *s, struct err *err)
{
	/* The first look before the screen is ours: what is wrong should stay on the terminal. */
	if (watch_look(&s->w, 10 * SECOND)) {
		*err = s->w.problem;
		return -1;
	}
	s->next_ns = now_ns() + s->every_ns;
	open_screen();
	view(s);
	endwin();
	return 0;
}

static int parse_pid(const char *word, pid_t *pid)
{
	char *end;
	long v = strtol(word, &end, 10);

	*pid = (pid_t)v;
	return *end || end == word || v < 1 || v > INT32_MAX ? -1 : 0;
}

int cmd_watch(int argc, char **argv)
{
	struct session s = {.every_ns = 2 * SECOND};
	struct opt options[] = {
	        {"every", 0, OPT_PARSED, &s.every_ns, "TIME", "how long between two looks (2s)",
	         parse_every},
	        {"sort", 0, OPT_PARSED, &s.w.options.sort, "COLUMN",
	         "alloc_space (default), inuse_space, alloc_objects or inuse_objects",
	         view_parse_column},
	        {"focus", 0, OPT_PARSED, &s.w.options.focus, "REGEX",
	         "only stacks with a function, file or module that matches", view_parse_regex},
	        {"ignore", 0, OPT_PARSED, &s.w.options.ignore, "REGEX", "no stacks with one",
	         view_parse_regex},
	        {"no-cache", 0, OPT_FLAG, &view_no_cache, NULL,
	         "look all names up anew, and leave ~/.cache/outlive alone", NULL},
	        {0}};
	struct opt_verb verb = {.verb = "watch",
	                        .synopsis = "[OPTION]... PID | -- COMMAND [ARGUMENT]...",
	                        .about =
	                                "A live view of a process: what grows, how fast, since the "
	                                "mark; threads, timers,\n"
	                                "descriptors. Keys are told by `?`; `q` leaves, and the "
	                                "program runs on.",
	                        .examples = "outlive watch 4711\n"
	                                    "outlive watch --every 10s --sort inuse_space 4711\n"
	                                    "outlive watch -- ./server --port 7777",
	                        .least = 1,
	                        .most = 1000000,
	                        .operands = "name a pid, or a command after --",
	                        .options = options};
	bool command = false;
	struct err err;
	char log[] = "/tmp/outlive-watch.XXXXXX";

	s.w.options.sort = ALLOC_SPACE;
	for (int i = 1; i < argc && !command; i++)
		command = !strcmp(argv[i], "--");
	int status = opt_parse(&verb, &argc, argv);
	if (status >= 0)
		return status;
	if (!command && (argc != 2 || parse_pid(argv[1], &s.w.pid))) {
		err_set(&err, "\"%s\" is not a pid; a command stands after --", argv[1]);
		view_fail("watch", &err);
		return EXIT_USAGE;
	}
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		err_set(&err, "this is a view for a terminal; `outlive diff --live PID` prints");
		view_fail("watch", &err);
		return EXIT_USAGE;
	}
	if (command) {
		s.w.pid = start_command(argv + 1, argc - 1, log, &err);
		if (s.w.pid < 0)
			return view_fail("watch", &err);
	}
	rules_add_builtin(&s.w.rules);
	int rc = watch(&s, &err);
	bool gone = s.w.gone;
	watch_free(&s.w);
	if (rc)
		return view_fail("watch", &err);
	if (command)
		printf("%s (pid %d) %s; what it printed is in %s\n", argv[1], (int)s.w.pid,
		       gone ? "has ended" : "runs on", log);
	return EXIT_CLEAN;
}
