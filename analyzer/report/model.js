/* model.js - stacks as the writer numbered them: texts, frames, nodes, rows; and what a search matches. */

const text = (i) => (i ? data.strings[i - 1] : "");
const N_FRAMES = data.frame_function.length;
const N_NODES = data.node_up.length + 1;

/* Node 0 is the root. Parents stand before their children. */
const nodeParent = new Uint32Array(N_NODES);
const nodeFrame = new Uint32Array(N_NODES);
for (let i = 1; i < N_NODES; i++) {
	nodeParent[i] = i - data.node_up[i - 1];
	nodeFrame[i] = data.node_frame[i - 1];
}

function frameName(f) {
	return text(data.frame_function[f]);
}
function frameModule(f) {
	return baseName(text(data.frame_module[f]));
}
/* "cache.c:34", or "" */
function framePlace(f) {
	const file = text(data.frame_file[f]);
	return file ? baseName(file) + (data.frame_line[f] > 0 ? ":" + data.frame_line[f] : "") : "";
}

/* Frames from the innermost outwards. */
function framesOf(node) {
	const frames = [];
	for (; node; node = nodeParent[node]) frames.push(nodeFrame[node]);
	return frames;
}

const NO_BASE = [0, 0, 0, 0],
	NOTHING = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, -1, -1, 0, 0];
/* Of a row in which nothing changed only its node is given. */
const rows = data.rows
	.map((r) => (r.length > 2 ? r : r.concat(NOTHING.slice(2))))
	.map((r, i) => ({
		rank: i + 1,
		node: r[0],
		mapped: (r[1] & 1) !== 0,
		churn: (r[1] & 2) !== 0,
		value: r.slice(2, 6),
		base: hasBase ? data.base_rows[i] : NO_BASE,
		frees: r[6],
		freed: r[7],
		temporary: r[8],
		sizeMin: r[9],
		sizeMax: r[10],
		life: r.slice(11, 14),
		age: r.slice(14, 16),
		verdict: text(r[16]),
		reach: text(r[17]),
		error: data.errors.length ? data.errors[i] : null,
	}));
/* Of a difference also the stacks in which nothing changed: graphs show them, the ranking does not. */
for (const row of rows) row.same = hasBase && row.value.every((n) => n === 0);
data.rows = data.base_rows = data.errors = null;
const hasVerdicts = rows.some((r) => r.verdict);

function isDifference() {
	return hasBase && (state.mode === "difference" || state.mode === "growth");
}
/* What a row has in a column, as the mode wants it. */
function valueOf(row, column, mode) {
	if (!hasBase || mode === "difference" || mode === "growth") return row.value[column];
	return mode === "base" ? row.base[column] : row.base[column] + row.value[column];
}
function siteOf(row) {
	return row.mapped ? nodeParent[row.node] : row.node;
}
/* Share of what was allocated (since A) that was given back. */
function freedShare(row) {
	const born = row.value[1] + (hasBase && !data.base.same_run ? row.base[1] : 0);
	return born > 0 ? Math.min(1, row.freed / born) : null;
}
const totals = COLUMNS.map((name) => data.totals.heap[name] + data.totals.mmap[name]);
const baseTotals = COLUMNS.map((name) => (hasBase ? data.base.totals.heap[name] + data.base.totals.mmap[name] : 0));
/* Of the whole process, as the mode wants it. */
function totalOf(column, mode) {
	if (!hasBase || mode === "difference" || mode === "growth") return totals[column];
	return mode === "base" ? baseTotals[column] : baseTotals[column] + totals[column];
}

/* ---- search ---- */

const search = { test: null, frame: null, node: null };

/* A test for texts: part of it, without regard to case, or /a regular expression/; null: everything. */
function matcher(query) {
	if (!query) return null;
	const regex = /^\/(.+)\/?$/.exec(query);
	if (regex) {
		const pattern = new RegExp(regex[1].replace(/\/$/, ""), "i");
		return (s) => pattern.test(s);
	}
	const low = query.toLowerCase();
	return (s) => s.toLowerCase().includes(low);
}

/* Which frames match, and which nodes have one that does at or above them. Throws for a bad expression. */
function runSearch(query) {
	const test = matcher(query);
	search.test = test;
	search.frame = search.node = null;
	if (!test) return;
	const found = new Uint8Array(data.strings.length + 1);
	for (let i = 0; i < data.strings.length; i++) found[i + 1] = test(data.strings[i] || "") ? 1 : 0;
	search.frame = new Uint8Array(N_FRAMES);
	for (let f = 0; f < N_FRAMES; f++)
		search.frame[f] =
			found[data.frame_function[f]] | found[data.frame_file[f]] | found[data.frame_module[f]];
	search.node = new Uint8Array(N_NODES);
	for (let i = 1; i < N_NODES; i++) search.node[i] = search.node[nodeParent[i]] | search.frame[nodeFrame[i]];
}
