/* audit.js - what the snapshot missed, and how its figures stand beside the kernel's and the allocator's. */

const LOST_TEXT = {
	reentrant: "in signal handlers that interrupted outlive itself",
	no_memory: "a table had no room",
	early: "before the real malloc was found",
	no_stack: "counted without a stack",
	threads: "threads without room in the table",
	fds: "descriptor events not recorded",
	timers: "timers without room",
	maps: "mappings not recorded",
};

function auditFigure(list, name, n, show, meaning) {
	if (n !== null && n !== undefined)
		fact(list, name, [show(n), meaning ? el("span", { class: "dim" }, "  " + meaning) : ""]);
}

/*
 * Where our figures and those of the kernel or of the allocator part ways by more than headers, rounding and a moment
 * explain.
 */
function driftNotes() {
	const a = data.audit,
		notes = [],
		own = a.jemalloc_allocated !== null ? a.jemalloc_allocated : a.malloc_inuse;
	if (own !== null && own !== undefined && a.live_bytes !== null) {
		const more = own - a.live_bytes,
			headers = 32 * (a.live_blocks || 0) + 0.3 * a.live_bytes + 4e6;
		if (more > headers)
			notes.push(
				`drift: the allocator counts ${bytes(more)} more than was seen: some code allocates past the hooks`,
			);
		if (-more > 0.02 * a.live_bytes + 1e6)
			notes.push(
				`drift: the allocator counts ${bytes(-more)} less than is shown as live: some frees were not seen`,
			);
	}
	for (const [name, now, vanished] of [
		["threads", a.threads_now, a.threads_vanished],
		["descriptors", a.fds_now, a.fds_vanished],
	])
		if (vanished > 4 && vanished > now / 10)
			notes.push(`drift: ${count(vanished)} ${name} of the tables are not in the kernel's list`);
	return notes;
}
const drifts = driftNotes();

/* True when figures cannot be taken as they stand: shown above all views. */
const matters = data.warnings.some((w) => w.startsWith("warning")) || data.settings.lost > 0 || drifts.length > 0;

function lostBox() {
	const list = el("dl", { class: "facts" });
	for (const [reason, n] of Object.entries(data.audit.lost))
		fact(list, reason.replace("_", " "), [
			n ? el("b", { class: "up" }, count(n)) : "0",
			el("span", { class: "dim" }, "  " + (LOST_TEXT[reason] || "")),
		]);
	auditFigure(list, "unknown frees", data.audit.unknown_frees, count, "of blocks that were never seen made");
	auditFigure(
		list,
		"unseen frees",
		data.audit.unseen_frees,
		count,
		"addresses that malloc gave out again without a free",
	);
	auditFigure(list, "stacks cut", data.audit.truncated_stacks, count, "deeper than was kept");
	auditFigure(list, "stacks broken off", data.audit.broken_stacks, count, "code without unwind tables");
	return el("div", { class: "box" }, el("h2", {}, "What it missed"), list);
}
function memoryBox() {
	const a = data.audit,
		list = el("dl", { class: "facts" });
	auditFigure(list, "live blocks", a.live_bytes, bytes, "asked for and not given back");
	auditFigure(
		list,
		"malloc's own count",
		a.malloc_inuse,
		bytes,
		"with headers, rounding, and what was not seen",
	);
	auditFigure(list, "jemalloc's own count", a.jemalloc_allocated, bytes, "");
	auditFigure(list, "malloc holds", a.malloc_arena, bytes, "free for reuse: fragmentation, caches");
	auditFigure(list, "jemalloc holds", a.jemalloc_resident, bytes, "");
	auditFigure(list, "resident (RSS)", a.rss, bytes, "code, stacks, mappings");
	auditFigure(list, "highest RSS", a.rss_peak, bytes, "");
	auditFigure(
		list,
		"drift",
		a.drift.jemalloc_bytes !== null ? a.drift.jemalloc_bytes : a.drift.malloc_bytes,
		bytes,
		"the allocator's count less ours",
	);
	auditFigure(list, "outlive's tables", a.own_tables, bytes, "part of RSS");
	auditFigure(list, "outlive's heap", a.own_arena, bytes, "part of RSS");
	fact(list, "allocator", data.settings.allocator);
	return el("div", { class: "box" }, el("h2", {}, "Memory, three times counted"), list);
}
function kernelBox() {
	const list = el("dl", { class: "facts" });
	const kinds = [
		["threads", "threads", "task", data.threads_sum, "made", "ended"],
		["fds", "descriptors", "fd", data.fds_sum, "opened", "closed"],
	];
	for (const [key, name, folder, sum, came, went] of kinds) {
		const figure = (which, words, meaning) =>
			auditFigure(list, name + words, data.audit[key + which], count, meaning);
		figure("_now", "", "in /proc/self/" + folder + "; the tables had " + count(sum.count));
		figure("_unseen", " unseen", came + " by a path without hooks");
		figure("_vanished", " vanished", went + " by a path without hooks, or just then");
	}
	return el("div", { class: "box" }, el("h2", {}, "Beside the kernel's lists"), list);
}
function whoBox() {
	const s = data.snapshot,
		list = el("dl", { class: "facts" });
	const one = (x) =>
		when(x) +
		(x.reason ? ", " + x.reason : "") +
		(x.label ? " \u201c" + x.label + "\u201d" : "") +
		", " +
		duration(x.uptime_ns) +
		" after the start";
	fact(list, "snapshot " + s.sequence, one(s));
	if (hasBase)
		fact(
			list,
			"base, snapshot " + data.base.snapshot.sequence,
			(data.base.same_run
				? ""
				: data.base.snapshot.command +
					" (pid " +
					data.base.snapshot.pid +
					"), another run: ") + one(data.base.snapshot),
		);
	fact(list, "command", s.cmdline);
	fact(list, "program", s.exe);
	fact(list, "folder", data.settings.cwd);
	fact(list, "file", s.file);
	fact(
		list,
		"counted",
		data.settings.sample
			? "a sample, one in " + bytes(data.settings.sample) + ": figures are estimates"
			: "every event, stacks of up to " + data.settings.depth + " frames",
	);
	fact(list, "OUTLIVE_OPTIONS", data.settings.options);
	fact(list, "written by", "outlive " + data.tool + "; recorded by " + (data.settings.version || "?"));
	return el("div", { class: "box" }, el("h2", {}, "Who and when"), list);
}

function auditView() {
	const modules = plainBox(
		"Modules",
		[
			["file", "mono"],
			["build id", "text mono dim"],
		],
		data.modules.map((m) => [
			(m.path || "(unnamed)") + (m.unloaded ? "  (dlclosed)" : ""),
			m.build_id || "",
		]),
	);
	return {
		element: el(
			"section",
			{},
			el("div", { class: "columns" }, whoBox(), lostBox(), memoryBox(), kernelBox()),
			modules,
		),
		shown: () => {},
	};
}
