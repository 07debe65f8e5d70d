/*
 * serve_http.c - one thread that only carries bytes: connections and their time limits, requests to
 * calls, answers with their headers. What takes long is in jobs.
 *
 * Clients may be slow on purpose. libmicrohttpd's own limit counts from the last byte, so each
 * connection has a second one, up to which a request must be whole, or an answer fetched.
 */
#include "serve_http.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECOND      UINT64_C(1000000000)
#define HEAD_LIMIT  (10 * SECOND)  /* for a request, from the first byte or the connection on */
#define IDLE_LIMIT  (60 * SECOND)  /* for the next one */
#define FETCH_LIMIT (300 * SECOND) /* for an answer */

enum { CONNECTIONS = 64, CONNECTION_MEMORY = 32 << 10, QUIET_SECONDS = 60 };

struct link {
	struct link *next, **at;
	int fd;
	uint64_t end_ns; /* it is cut then; UINT64_MAX: while we work on its answer */
};

struct http {
	struct calls *calls;
	const struct serve_guard *guard;
	struct MHD_Daemon *daemon;
	struct link *link;
};

struct request {
	struct MHD_Connection *connection;
	struct call *call;
	bool suspended, has_body;
};

/* ---- answers ---- */

static const char policy[] = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
                             "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static void add_headers(struct MHD_Response *r, const char *type, const char *nonce)
{
	char *csp = nonce ? xasprintf("%s; script-src 'nonce-%s'", policy, nonce) : xstrdup(policy);

	MHD_add_response_header(r, "Content-Type", type);
	MHD_add_response_header(r, "Content-Security-Policy", csp);
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(r, "Referrer-Policy", "no-referrer");
	MHD_add_response_header(r, "Cross-Origin-Resource-Policy", "same-origin");
	MHD_add_response_header(r, "Cache-Control", "no-store");
	free(csp);
}

static struct link *link_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info =
	        MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static void set_limit(struct MHD_Connection *c, uint64_t ns)
{
	struct link *l = link_of(c);

	if (l)
		l->end_ns = ns == UINT64_MAX ? ns : job_now_ns() + ns;
}

static enum MHD_Result queue(struct MHD_Connection *c, unsigned status, struct MHD_Response *r)
{
	enum MHD_Result result = MHD_queue_response(c, status, r);

	MHD_destroy_response(r);
	set_limit(c, FETCH_LIMIT);
	return result;
}

static enum MHD_Result put_sentence(struct MHD_Connection *c, unsigned status, const char *text)
{
	struct str line = {0};

	str_add_safe(&line, text);
	str_add(&line, "\n");
	struct MHD_Response *r =
	        MHD_create_response_from_buffer(line.len, line.data, MHD_RESPMEM_MUST_COPY);
	str_free(&line);
	if (!r)
		return MHD_NO;
	add_headers(r, "text/plain; charset=utf-8", NULL);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, "Allow", "GET, HEAD");
	if (status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(r, "WWW-Authenticate", "Bearer");
	return queue(c, status, r);
}

static enum MHD_Result put_moved(struct MHD_Connection *c)
{
	struct MHD_Response *r =
	        MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);

	if (!r)
		return MHD_NO;
	add_headers(r, "text/plain", NULL);
	MHD_add_response_header(r, "Location", "/debug/pprof/");
	return queue(c, MHD_HTTP_MOVED_PERMANENTLY, r);
}

static enum MHD_Result put_symbols(struct MHD_Connection *c)
{
	static const char none[] = "num_symbols: 0\n";
	struct MHD_Response *r = MHD_create_response_from_buffer(
	        sizeof(none) - 1, (void *)(uintptr_t)none, MHD_RESPMEM_PERSISTENT);

	if (!r)
		return MHD_NO;
	add_headers(r, "text/plain; charset=utf-8", NULL);
	return queue(c, MHD_HTTP_OK, r);
}

static enum MHD_Result put_body(struct MHD_Connection *c, struct call *call)
{
	const char *name = serve_file_name(&call->route);
	struct stat st;
	struct MHD_Response *r =
	        fstat(call->fd, &st)
	                ? NULL
	                : MHD_create_response_from_fd64((uint64_t)st.st_size, call->fd);

	if (!r)
		return put_sentence(c, 500, "the answer could not be sent");
	call->fd = -1;
	add_headers(r, serve_content_type(&call->route),
	            call->route.what == SERVE_REPORT ? call->nonce : NULL);
	if (name) {
		char *as = xasprintf("attachment; filename=\"%s\"", name);
		MHD_add_response_header(r, "Content-Disposition", as);
		free(as);
	}
	return queue(c, MHD_HTTP_OK, r);
}

/* A job's sentence stands in its file. */
static enum MHD_Result put_failure(struct MHD_Connection *c, const struct call *call)
{
	char text[1100] = "the answer could not be made";

	if (call->text)
		return put_sentence(c, call->status, call->text);
	ssize_t n = call->fd < 0 ? 0 : pread(call->fd, text, sizeof(text) - 1, 0);
	if (n > 0)
		text[n] = 0;
	return put_sentence(c, call->status, text);
}

static enum MHD_Result put_answer(struct MHD_Connection *c, struct call *call)
{
	return call->status == 200 ? put_body(c, call) : put_failure(c, call);
}

/* ---- requests ---- */

static enum MHD_Result count_host(void *ctx, enum MHD_ValueKind kind, const char *key,
                                  const char *value)
{
	(void)kind;
	(void)value;
	*(unsigned *)ctx += !strcasecmp(key, "Host");
	return MHD_YES;
}

static const char *header(struct MHD_Connection *c, const char *name)
{
	return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

static const char *argument(void *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name);
}

static unsigned check(const struct http *h, struct MHD_Connection *c, const char *url,
                      const char *method, struct err *err)
{
	struct serve_asked a = {.method = method,
	                        .tells_nothing = serve_is_symbol(url),
	                        .host = header(c, "Host"),
	                        .authorization = header(c, "Authorization"),
	                        .token = argument(c, "token"),
	                        .fetch_site = header(c, "Sec-Fetch-Site"),
	                        .fetch_mode = header(c, "Sec-Fetch-Mode")};

	MHD_get_connection_values(c, MHD_HEADER_KIND, count_host, &a.n_hosts);
	return serve_guard(h->guard, &a, err);
}

static enum MHD_Result begin(struct http *h, struct request *q, const char *url, const char *method)
{
	struct MHD_Connection *c = q->connection;
	struct serve_route route;
	struct err err = {{0}};
	unsigned status = check(h, c, url, method, &err);

	if (status == 200 && q->has_body && !serve_is_symbol(url))
		status = (err_set(&err, "a GET has no body"), 400);
	if (status == 200)
		status = serve_route(url, header(c, "Accept"), argument, c, !h->calls->folder,
		                     &route, &err);
	if (status != 200)
		return put_sentence(c, status, err.text);
	if (route.what == SERVE_MOVED)
		return put_moved(c);
	if (route.what == SERVE_SYMBOL)
		return put_symbols(c);
	set_limit(c, UINT64_MAX);
	q->call = call_begin(h->calls, &route, h->guard->token && argument(c, "token"), q);
	if (q->call->state == CALL_ANSWERED)
		return put_answer(c, q->call);
	q->suspended = true;
	MHD_suspend_connection(c);
	return MHD_YES;
}

/* Called for the head of a request, for each part of a body, for its end, and when we go on. */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *body,
                                  size_t *n_body, void **state)
{
	struct request *q = *state;

	(void)version;
	(void)body;
	if (!q) {
		*state = q = xcalloc(1, sizeof(*q));
		q->connection = c;
		return MHD_YES;
	}
	if (*n_body) {
		q->has_body = true;
		*n_body = 0;
		return MHD_YES;
	}
	return q->call ? put_answer(c, q->call) : begin(ctx, q, url, method);
}

static void on_answered(void *client)
{
	struct request *q = client;

	if (!q->suspended)
		return;
	q->suspended = false;
	MHD_resume_connection(q->connection);
}

static void on_completed(void *ctx, struct MHD_Connection *c, void **state,
                         enum MHD_RequestTerminationCode why)
{
	struct http *h = ctx;
	struct request *q = *state;

	(void)why;
	set_limit(c, IDLE_LIMIT);
	if (!q)
		return;
	if (q->call)
		call_free(h->calls, q->call);
	free(q);
	*state = NULL;
}

/* The first byte of the next request: from now on it has to come. */
static void *on_first_line(void *ctx, const char *uri, struct MHD_Connection *c)
{
	(void)ctx;
	(void)uri;
	set_limit(c, HEAD_LIMIT);
	return NULL;
}

/* ---- connections ---- */

static void on_connection(void *ctx, struct MHD_Connection *c, void **socket_ctx,
                          enum MHD_ConnectionNotificationCode code)
{
	struct http *h = ctx;
	struct link *l = *socket_ctx;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		l = xcalloc(1, sizeof(*l));
		*l = (struct link){
		        .next = h->link,
		        .at = &h->link,
		        .fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)
		                      ->connect_fd,
		        .end_ns = job_now_ns() + HEAD_LIMIT};
		if (l->next)
			l->next->at = &l->next;
		h->link = l;
		*socket_ctx = l;
		return;
	}
	if (!l)
		return;
	*l->at = l->next;
	if (l->next)
		l->next->at = l->at;
	free(l);
	*socket_ctx = NULL;
}

static void cut_late(struct http *h)
{
	uint64_t now = job_now_ns();

	for (struct link *l = h->link; l; l = l->next) {
		if (l->end_ns > now)
			continue;
		/* It reads the end of its connection, and clears it away. */
		shutdown(l->fd, SHUT_RDWR);
		l->end_ns = UINT64_MAX;
	}
}

/* ---- the loop ---- */

static int wait_ms(const struct http *h)
{
	uint64_t now = job_now_ns(), next = calls_next(h->calls);
	MHD_UNSIGNED_LONG_LONG own;

	for (const struct link *l = h->link; l; l = l->next)
		if (l->end_ns < next)
			next = l->end_ns;
	uint64_t left = next <= now ? 0 : (next - now) / 1000000 + 1;
	if (MHD_get_timeout(h->daemon, &own) == MHD_YES && own < left)
		left = own;
	return left < 60000 ? (int)left : 60000;
}

/* False when a signal asks for the end. */
static bool read_signals(int fd)
{
	struct signalfd_siginfo info;
	bool on = true;

	while (read(fd, &info, sizeof(info)) == sizeof(info))
		on = on && info.ssi_signo == SIGCHLD;
	return on;
}

static void loop(struct http *h, int signals)
{
	const union MHD_DaemonInfo *epoll =
	        MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	struct pollfd p[2] = {{.fd = epoll->epoll_fd, .events = POLLIN},
	                      {.fd = signals, .events = POLLIN}};

	do {
		MHD_run(h->daemon);
		calls_run(h->calls);
		cut_late(h);
		/* What was resumed there is looked at here. */
		MHD_run(h->daemon);
		poll(p, 2, wait_ms(h));
	} while (read_signals(signals));
}

static int open_signals(sigset_t *before)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, before);
	/* A terminal that is gone, a client that is gone. */
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static struct MHD_Daemon *start(struct http *h, int fd)
{
	return MHD_start_daemon(
	        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, h,
	        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
	        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
	        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)QUIET_SECONDS,
	        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
	        MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_URI_LOG_CALLBACK,
	        on_first_line, h, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
}

int serve_http(struct calls *calls, const struct serve_guard *guard, const struct serve_listen *l,
               void (*ready)(const struct serve_listen *l), struct err *err)
{
	struct http h = {.calls = calls, .guard = guard};
	sigset_t before;
	int signals = open_signals(&before), rc = -1;

	calls->answered = on_answered;
	calls_start(calls);
	h.daemon = signals < 0 ? NULL : start(&h, dup(l->fd));
	if (!h.daemon) {
		err_set(err, "the server cannot start: %s", strerror(errno));
	} else {
		ready(l);
		loop(&h, signals);
		/* What is suspended must go on before it can be ended. */
		for (struct call *c = calls->first; c; c = c->next)
			on_answered(c->client);
		MHD_stop_daemon(h.daemon);
		rc = 0;
	}
	calls_end(calls);
	if (signals >= 0)
		close(signals);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return rc;
}
