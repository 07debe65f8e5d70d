/*
 * serve_calls.c - takes each question through its states: a snapshot, for a difference a pause and
 * another one, then a job that makes the body. Questions that are alike share their snapshots and
 * jobs, so that many clients cost no more than one.
 */
#include "serve_calls.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define SECOND       UINT64_C(1000000000)
#define RENDER_LIMIT (300 * SECOND)

enum { RENDERS = 2, PAUSES = 24 }; /* at a time; of pauses fewer than there are connections */

/* A body that is being made, or was within the last second. */
struct render {
	struct render *next;
	struct calls *calls;
	struct serve_route route;
	bool carry_token;
	struct shot *a, *b;
	unsigned refs; /* calls that wait for it */
	enum { RENDER_WAITS, RENDER_RUNS, RENDER_DONE } state;
	uint64_t made_ns;
	unsigned status;
	int out;
	char nonce[33];
};

/* ---- answers ---- */

static void settle(struct calls *c, struct call *call)
{
	shot_drop(call->a);
	shot_drop(call->b);
	call->a = call->b = NULL;
	call->state = CALL_ANSWERED;
	if (call->client)
		c->answered(call->client);
}

static void refuse(struct calls *c, struct call *call, unsigned status, const char *why)
{
	call->status = status;
	call->text = xstrdup(why);
	settle(c, call);
}

static bool is_gone(const struct calls *c)
{
	return c->target && (!target_refresh(c->target) || c->target->state == 'Z');
}

static void refuse_gone(struct calls *c, struct call *call)
{
	struct err err;

	err_set(&err, "process %d (%s) has ended", (int)c->target->pid, c->target->comm);
	refuse(c, call, 410, err.text);
}

static void hand_out(struct calls *c, struct call *call, struct render *r)
{
	call->render = NULL;
	call->status = r->status;
	memcpy(call->nonce, r->nonce, sizeof(call->nonce));
	call->fd = r->out < 0 ? -1 : dup(r->out);
	if (call->fd < 0) {
		call->status = 500;
		call->text = xstrdup("the answer could not be made");
	}
	settle(c, call);
}

/* ---- bodies ---- */

static int work(FILE *out, void *arg)
{
	struct err err = {{0}};

	if (!serve_render(out, arg, &err))
		return 0;
	/* Not behind what was written already. */
	fflush(out);
	rewind(out);
	if (!ftruncate(fileno(out), 0))
		fputs(err.text, out);
	return 1;
}

static void start_more(struct calls *c);

static void rendered(void *ctx, int status, int out)
{
	struct render *r = ctx;
	struct calls *c = r->calls;

	r->state = RENDER_DONE;
	r->made_ns = job_now_ns();
	r->out = out;
	r->status = !status ? 200 : status == 1 ? 503 : 500;
	if (r->status == 500) {
		close(r->out);
		r->out = -1;
	}
	for (struct call *call = c->first, *next; call; call = next) {
		next = call->next;
		if (call->render != r)
			continue;
		r->refs--;
		hand_out(c, call, r);
	}
	start_more(c);
}

static void start(struct calls *c, struct render *r)
{
	struct serve_work w = {.route = r->route,
	                       .pid = c->target ? c->target->pid : 0,
	                       .folder = c->folder,
	                       .a = r->a ? r->a->fd : -1,
	                       .b = r->b ? r->b->fd : -1,
	                       .nonce = r->nonce,
	                       .token = r->carry_token ? c->token : NULL,
	                       .no_cache = c->no_cache};
	int keep[SERVE_MOMENTS + 2];
	size_t n = 0;
	struct err err;

	if (r->route.what == SERVE_REPORT && !c->folder)
		for (unsigned i = 0; i < c->shots.n_moments; i++)
			w.moment[w.n_moments++] = keep[n++] = c->shots.moment[i]->fd;
	if (w.a >= 0)
		keep[n++] = w.a;
	if (w.b >= 0)
		keep[n++] = w.b;
	r->state = RENDER_RUNS;
	if (jobs_start(&c->jobs, work, &w,
	               &(struct job_options){.keep = keep, .n_keep = n, .limit_ns = RENDER_LIMIT},
	               rendered, r, &err))
		rendered(r, -1, -1);
}

static void start_more(struct calls *c)
{
	unsigned running = 0;

	for (const struct render *r = c->render; r; r = r->next)
		running += r->state == RENDER_RUNS;
	for (struct render *r = c->render; r && running < RENDERS; r = r->next) {
		if (r->state != RENDER_WAITS)
			continue;
		running++;
		start(c, r);
	}
}

static void make_nonce(char nonce[33])
{
	unsigned char random[16] = {0};

	/* Where there is no random number the page's script does not run, that is all. */
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return;
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(nonce + 2 * i, 3, "%02x", random[i]);
}

static bool is_alike(const struct render *r, const struct call *call)
{
	const struct serve_route *x = &r->route, *y = &call->route;

	if (x->what != y->what || x->debug != y->debug || x->openmetrics != y->openmetrics ||
	    x->pid != y->pid || r->carry_token != call->carry_token)
		return false;
	if (r->state == RENDER_DONE && r->made_ns + SECOND < job_now_ns())
		return false;
	return r->a == call->a && r->b == call->b;
}

static void render(struct calls *c, struct call *call)
{
	struct render *r = c->render;

	call->state = CALL_RENDER;
	while (r && !is_alike(r, call))
		r = r->next;
	if (r && r->state == RENDER_DONE) {
		hand_out(c, call, r);
		return;
	}
	if (!r) {
		r = xcalloc(1, sizeof(*r));
		*r = (struct render){.next = c->render,
		                     .calls = c,
		                     .route = call->route,
		                     .carry_token = call->carry_token,
		                     .a = shot_hold(call->a),
		                     .b = shot_hold(call->b),
		                     .out = -1};
		make_nonce(r->nonce);
		c->render = r;
	}
	r->refs++;
	call->render = r;
	start_more(c);
}

static void render_free(struct render *r)
{
	shot_drop(r->a);
	shot_drop(r->b);
	if (r->out >= 0)
		close(r->out);
	free(r);
}

static void tidy(struct calls *c)
{
	uint64_t now = job_now_ns();

	for (struct render **at = &c->render; *at;) {
		struct render *r = *at;
		bool old = (r->state == RENDER_DONE && r->made_ns + SECOND < now) ||
		           (r->state == RENDER_WAITS && !r->refs);
		if (!old) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		render_free(r);
	}
}

/* ---- snapshots ---- */

/* With the first snapshot of a difference. */
static void pause_call(struct calls *c, struct call *call, struct shot *s)
{
	unsigned n = 0;

	for (const struct call *other = c->first; other; other = other->next)
		n += other->state == CALL_PAUSE;
	call->a = s;
	if (n >= PAUSES) {
		refuse(c, call, 503, "too many wait for a difference already");
		return;
	}
	call->state = CALL_PAUSE;
	call->since_ns = job_now_ns() + call->route.seconds * SECOND;
}

/* The call has its snapshot. */
static void go_on(struct calls *c, struct call *call, struct shot *s)
{
	if (call->state == CALL_SHOT && call->route.seconds) {
		pause_call(c, call, s);
		return;
	}
	call->b = s;
	/* These show what grew since the server looked first. */
	if ((call->route.what == SERVE_REPORT || call->route.what == SERVE_METRICS) &&
	    c->shots.base && c->shots.base != s)
		call->a = shot_hold(c->shots.base);
	render(c, call);
}

static bool waits(const struct call *call)
{
	return call->state == CALL_SHOT || call->state == CALL_SECOND_SHOT;
}

static void seek(struct calls *c, struct call *call)
{
	struct shot *s = shots_fresh(&c->shots, call->route.gc, call->since_ns);
	struct err err;

	if (s)
		go_on(c, call, s);
	else if (shots_ask(&c->shots, call->route.gc, &err))
		refuse(c, call, 503, err.text);
}

static void arrived(void *ctx, bool trim, struct shot *s, const struct err *why)
{
	struct calls *c = ctx;
	bool gone = !s && is_gone(c);

	for (struct call *call = c->first, *next; call; call = next) {
		next = call->next;
		if (!waits(call) || (call->route.gc && !trim))
			continue;
		if (s && s->at_ns >= call->since_ns)
			go_on(c, call, shot_hold(s));
		else if (gone)
			refuse_gone(c, call);
		else if (!s)
			refuse(c, call, 503, why->text);
	}
	/* Those that want more than it was: another one. */
	for (struct call *call = c->first, *next; call && !c->shots.asking; call = next) {
		next = call->next;
		if (waits(call))
			seek(c, call);
	}
}

/* ---- the life of a call ---- */

struct call *call_begin(struct calls *c, const struct serve_route *r, bool carry_token,
                        void *client)
{
	struct call *call = xcalloc(1, sizeof(*call));
	uint64_t now = job_now_ns();

	*call = (struct call){.next = c->first, .route = *r, .carry_token = carry_token, .fd = -1};
	c->first = call;
	call->since_ns = now > SECOND ? now - SECOND : 0;
	/* One that is on its way will do, however long it takes. */
	if (c->shots.asking && c->shots.asked_ns < call->since_ns)
		call->since_ns = c->shots.asked_ns;
	if (is_gone(c))
		refuse_gone(c, call);
	else if (c->folder || !serve_needs_snapshot(r))
		render(c, call);
	else
		seek(c, call);
	call->client = client;
	return call;
}

void call_free(struct calls *c, struct call *call)
{
	for (struct call **at = &c->first; *at; at = &(*at)->next) {
		if (*at != call)
			continue;
		*at = call->next;
		break;
	}
	if (call->render)
		call->render->refs--;
	shot_drop(call->a);
	shot_drop(call->b);
	if (call->fd >= 0)
		close(call->fd);
	free(call->text);
	free(call);
}

void calls_run(struct calls *c)
{
	uint64_t now = job_now_ns();

	jobs_collect(&c->jobs);
	for (struct call *call = c->first, *next; call; call = next) {
		next = call->next;
		if (call->state != CALL_PAUSE || call->since_ns > now)
			continue;
		call->state = CALL_SECOND_SHOT;
		if (is_gone(c))
			refuse_gone(c, call);
		else
			seek(c, call);
	}
	tidy(c);
}

uint64_t calls_next(const struct calls *c)
{
	uint64_t next = jobs_next_limit(&c->jobs);

	for (const struct call *call = c->first; call; call = call->next)
		if (call->state == CALL_PAUSE && call->since_ns < next)
			next = call->since_ns;
	for (const struct render *r = c->render; r; r = r->next)
		if (r->state == RENDER_DONE && r->made_ns + SECOND + 1 < next)
			next = r->made_ns + SECOND + 1;
	return next;
}

void calls_start(struct calls *c)
{
	c->jobs.leave = c->leave;
	c->shots = (struct shots){.target = c->target,
	                          .jobs = &c->jobs,
	                          .timeout_ns = c->timeout_ns,
	                          .arrived = arrived,
	                          .ctx = c};
}

void calls_end(struct calls *c)
{
	struct render *next;

	jobs_end(&c->jobs);
	while (c->first)
		call_free(c, c->first);
	for (struct render *r = c->render; r; r = next) {
		next = r->next;
		render_free(r);
	}
	c->render = NULL;
	shots_free(&c->shots);
}
