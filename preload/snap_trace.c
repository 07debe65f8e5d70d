/*
 * snap_trace.c - the rings of the option trace into records. Context: the snapshot child (snap.h),
 * while the threads go on waiting: what a thread overwrites meanwhile is left out.
 */
#include "snap.h"
#include "sys.h"
#include "trace.h"

static void put_thread(struct snap_out *o, const struct snap_job *j, const struct snap_bounds *have,
                       const struct trace_view *v)
{
	snap_item(o);
	snap_u(o, v->tid);
	snap_u(o, v->serial);
	snap_u(o, v->flags);
	snap_put_node(o, have, v->stack);
	snap_u(o, v->creator);
	snap_put_function(o, have, v->start);
	snap_u(o, snap_uptime(j, v->born_ns));
	snap_u(o, v->ended_ns ? snap_uptime(j, v->ended_ns) : 0);
	snap_u(o, v->cpu_ns);
	snap_u(o, v->waits);
	snap_u(o, v->brief);
	snap_u(o, v->brief_ns);
	snap_str(o, v->ended_ns ? v->name : "");
}

static void put_wait(struct snap_out *o, const struct snap_job *j, const struct snap_bounds *have,
                     uint32_t thread, const struct trace_wait *w)
{
	snap_item(o);
	snap_u(o, thread);
	snap_u(o, trace_kind(w->what));
	snap_u(o, w->object);
	snap_u(o, w->other);
	snap_u(o, snap_uptime(j, w->begin_ns));
	snap_u(o, w->end_ns ? w->end_ns - w->begin_ns + 1 : 0);
	snap_put_node(o, have, trace_stack(w->what));
}

static void put_waits(struct snap_out *o, const struct snap_job *j, const struct snap_bounds *have,
                      uint32_t ring, uint32_t thread, const struct trace_view *v)
{
	struct trace_wait w;
	uint64_t room = trace_room();

	for (uint64_t i = v->waits > room ? v->waits - room : 0; i < v->waits; i++)
		if (trace_wait_at(ring, v->number, i, &w))
			put_wait(o, j, have, thread, &w);
	if (!v->ended_ns && trace_wait_now(ring, v->number, &w))
		put_wait(o, j, have, thread, &w);
}

void snap_trace(struct snap_out *o, const struct snap_job *j, const struct snap_bounds *have)
{
	uint32_t rings = trace_rings(), thread = 0;
	struct trace_view *shown = snap_scratch(rings * sizeof(*shown));

	if (!shown)
		return;
	snap_record(o, FMT_TRACE);
	for (uint32_t i = 0; i < rings; i++) {
		if (!trace_get(i, &shown[i])) {
			shown[i].number = 0;
			continue;
		}
		put_thread(o, j, have, &shown[i]);
	}
	snap_record_end(o);
	snap_record(o, FMT_SPAN);
	for (uint32_t i = 0; i < rings; i++)
		if (shown[i].number)
			put_waits(o, j, have, i, ++thread, &shown[i]);
	snap_record_end(o);
	snap_scratch_free(shown);
}

void snap_trace_info(struct snap_out *o)
{
	struct trace_stats s;

	if (!trace_room())
		return;
	trace_stats(&s);
	snap_pair(o, FMT_INFO_TRACE, trace_room());
	snap_pair(o, FMT_INFO_TRACE_LOST, s.lost);
	snap_pair(o, FMT_INFO_TRACE_FORGOTTEN, s.forgotten);
	snap_pair(o, FMT_INFO_TRACE_BYTES, s.bytes);
}
