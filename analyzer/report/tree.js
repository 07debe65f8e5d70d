/*
 * tree.js - the tree of calls by function: lines of one function, and what is inlined at different places, are one.
 * Drawn by the flame graph, summed by the tables of functions.
 */

/* Numbers for frames that are one box: by function and module, by line, or by module alone. */
function frameKeys(by) {
	const known = new Map(),
		keys = new Uint32Array(N_FRAMES),
		first = [];
	for (let f = 0; f < N_FRAMES; f++) {
		const name =
			by === "module"
				? frameModule(f) || "(no module)"
				: data.frame_function[f] +
					"/" +
					frameModule(f) +
					(by === "line" ? "/" + data.frame_file[f] + ":" + data.frame_line[f] : "");
		let key = known.get(name);
		if (key === undefined) {
			key = first.length;
			known.set(name, key);
			first.push(f);
		}
		keys[f] = key;
	}
	return { keys, first };
}

/*
 * {n, parent, frame (that stands for the box), depth, of (by node of the data: the node here), child, next (lists)}.
 * A parent stands before its children; 0 is the root.
 */
function mergeTree(by) {
	const { keys, first } = frameKeys(by);
	const of = new Uint32Array(N_NODES);
	const parent = [0],
		key = [0],
		known = new Map();
	for (let i = 1; i < N_NODES; i++) {
		const up = of[nodeParent[i]],
			k = keys[nodeFrame[i]];
		if (by === "module" && up && key[up] === k) {
			of[i] = up;
			continue;
		}
		const edge = up * N_FRAMES + k;
		let node = known.get(edge);
		if (node === undefined) {
			node = parent.length;
			known.set(edge, node);
			parent.push(up);
			key.push(k);
		}
		of[i] = node;
	}
	const n = parent.length;
	const t = {
		n,
		of,
		key: Uint32Array.from(key),
		first,
		parent: Uint32Array.from(parent),
		frame: new Uint32Array(n),
		depth: new Uint16Array(n),
		child: new Uint32Array(n),
		next: new Uint32Array(n),
	};
	for (let i = 1; i < n; i++) {
		t.frame[i] = first[key[i]];
		t.depth[i] = Math.min(65535, t.depth[parent[i]] + 1);
	}
	for (let i = n - 1; i > 0; i--) {
		t.next[i] = t.child[parent[i]];
		t.child[parent[i]] = i;
	}
	return t;
}

const merged = {};
function treeBy(by) {
	merged[by] = merged[by] || mergeTree(by);
	return merged[by];
}

/*
 * Values of all nodes of a tree: {self, now, base, width}. now and base are sums over what is below; width is what a
 * box takes: of a difference the larger side of each stack, summed, so that children fit into their parents.
 */
function treeValues(t, column, mode, withChurn) {
	const now = new Float64Array(t.n),
		base = new Float64Array(t.n),
		width = new Float64Array(t.n),
		self = new Float64Array(t.n);
	for (const row of rows) {
		if (row.churn && !withChurn) continue;
		const node = t.of[row.node];
		const before = Math.max(0, row.base[column]),
			after = Math.max(0, row.base[column] + row.value[column]);
		now[node] += after;
		base[node] += before;
	}
	for (let i = 0; i < t.n; i++) {
		width[i] =
			mode === "now"
				? now[i]
				: mode === "base"
					? base[i]
					: mode === "growth"
						? Math.max(0, now[i] - base[i])
						: Math.max(now[i], base[i]);
		self[i] = mode === "growth" || mode === "difference" ? now[i] - base[i] : width[i];
	}
	for (let i = t.n - 1; i > 0; i--) {
		now[t.parent[i]] += now[i];
		base[t.parent[i]] += base[i];
		width[t.parent[i]] += width[i];
	}
	return { now, base, width, self };
}

/*
 * Sums by function, line or module: [{frame, flat[4], cum[4], base[4] (cum), stacks}]. flat: where it is innermost,
 * cum: where it is anywhere in a stack, once a stack.
 */
function sumBy(by, withChurn) {
	const t = treeBy(by);
	const columns = COLUMNS.length,
		value = [],
		before = [];
	for (let c = 0; c < columns; c++) {
		value.push(new Float64Array(t.n));
		before.push(new Float64Array(t.n));
	}
	const stacks = new Float64Array(t.n);
	const groups = t.first.map((frame) => ({
		frame,
		flat: [0, 0, 0, 0],
		flatBase: [0, 0, 0, 0],
		cum: [0, 0, 0, 0],
		base: [0, 0, 0, 0],
		stacks: 0,
	}));
	for (const row of rows) {
		if (row.churn && !withChurn) continue;
		const node = t.of[row.node],
			site = t.of[siteOf(row)];
		stacks[node] += row.same && isDifference() ? 0 : 1;
		for (let c = 0; c < columns; c++) {
			value[c][node] += row.value[c];
			before[c][node] += row.base[c];
			if (site) {
				groups[t.key[site]].flat[c] += row.value[c];
				groups[t.key[site]].flatBase[c] += row.base[c];
			}
		}
	}
	for (let i = t.n - 1; i > 0; i--) {
		stacks[t.parent[i]] += stacks[i];
		for (let c = 0; c < columns; c++) {
			value[c][t.parent[i]] += value[c][i];
			before[c][t.parent[i]] += before[c][i];
		}
	}
	/* The outermost of each group on every way from the root: from there on the group has it all. */
	const open = new Uint32Array(groups.length);
	for (let node = t.child[0]; node;) {
		const group = groups[t.key[node]];
		if (open[t.key[node]]++ === 0) {
			group.stacks += stacks[node];
			for (let c = 0; c < columns; c++) {
				group.cum[c] += value[c][node];
				group.base[c] += before[c][node];
			}
		}
		if (t.child[node]) {
			node = t.child[node];
			continue;
		}
		for (;;) {
			open[t.key[node]]--;
			if (t.next[node]) {
				node = t.next[node];
				break;
			}
			node = t.parent[node];
			if (!node) break;
		}
	}
	return groups.filter((g) => g.stacks && frameName(g.frame) !== "[mmap]");
}
