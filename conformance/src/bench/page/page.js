"use strict";
// One page of one result. Each chart draws itself as wide as its card is, and again when that changes.
const { result, phases, ratios } = JSON.parse(document.getElementById("data").textContent);

const byId = id => document.getElementById(id);
const escape = text => String(text).replace(/[&<>"]/g, c => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" }[c]));
const unique = xs => [...new Set(xs)];
const sorted = series => series.ms.filter(x => x !== null).sort((a, b) => a - b);
const known = xs => xs.filter(x => x !== null);
const mean = xs => xs.length ? xs.reduce((a, b) => a + b) / xs.length : null;
const phaseName = id => (phases.find(([phase]) => phase === id) || [id, id])[1];
const pauseName = ms => Number(ms) === 0 ? "no pause" : `pauses of ${ms} ms`;
const runtimes = result.contestants.filter(c => c.kind === "runtime").map(c => c.name);

function quantile(xs, q) {
  const at = q * (xs.length - 1), low = Math.floor(at), high = Math.ceil(at);
  return xs[low] + (xs[high] - xs[low]) * (at - low);
}
const medianOf = series => { const xs = series ? sorted(series) : []; return xs.length ? quantile(xs, .5) : null; };
const show = x => x === null || x === undefined || Number.isNaN(x) ? "–" : x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toFixed(2);

// ---- colours: runtimes by turn, the references in greys; a dash pattern as well, for those who see no colour
const looks = new Map();
for (const { name, kind } of result.contestants) {
  const turn = runtimes.indexOf(name);
  looks.set(name, kind === "runtime"
    ? { colour: `var(--c${turn % 8})`, dash: turn < 8 ? "" : "8 3" }
    : { colour: `var(--${kind === "equipped" ? "floor" : kind})`, dash: kind === "bare" ? "2 3" : "6 4" });
}
const look = name => looks.get(name) || { colour: "var(--soft)", dash: "" };
const paint = name => `style="--c:${look(name).colour}"`;
const dash = name => look(name).dash ? `stroke-dasharray="${look(name).dash}"` : "";

function legend(names, dots) {
  const key = name => `<span><svg viewBox="0 0 26 12" ${paint(name)} aria-hidden="true"><path class="path" ${dash(name)} d="M0 6H26"/>`
    + `${dots ? '<circle class="mark" cx="13" cy="6" r="4"/>' : ""}</svg>${escape(name)}</span>`;
  return `<div class="legend">${names.map(key).join("")}</div>`;
}

// ---- scales
function logScale(low, high, from, to) {
  const a = Math.log(low), b = Math.log(high);
  return x => from + (Math.log(Math.max(x, low)) - a) / (b - a || 1) * (to - from);
}
const linearScale = (low, high, from, to) => x => from + (x - low) / (high - low || 1) * (to - from);

function logTicks(low, high, x, space) {
  const ticks = [];
  for (const digits of [[1], [1, 3], [1, 2, 5]]) {
    const some = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
      for (const digit of digits) some.push(digit * 10 ** power);
    }
    const inside = some.filter(tick => tick >= low && tick <= high);
    const apart = inside.every((tick, i) => !i || x(tick) - x(inside[i - 1]) >= space);
    if (apart || !ticks.length) ticks.splice(0, ticks.length, ...inside);
  }
  return ticks;
}
function linearTicks(high, most) {
  const rough = high / most, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find(n => n * power >= rough) || 10), ticks = [];
  for (let tick = 0; tick <= high; tick += step) ticks.push(tick);
  return ticks;
}
const tickName = tick => String(Number(tick.toPrecision(3)));
const longest = names => Math.max(...names.map(name => name.length)) * 7.2 + 16;
const svg = (width, height, body, label) => `<svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(label)}">${body}</svg>`;
const line = (x1, y1, x2, y2, how) => `<line ${how} x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}"/>`;
const text = (x, y, words, how = "") => `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${how}>${escape(words)}</text>`;

// ---- charts: each answers what its card holds at a width
const charts = new Map();
function draw(id) {
  const card = byId(id), style = getComputedStyle(card);
  const width = Math.floor(card.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight));
  if (width > 0) card.innerHTML = charts.get(id)(width) || "<p>Nothing was measured.</p>";
}
const drawn = new Map();
// In a frame of its own: a chart changes the height of what is observed.
const watcher = new ResizeObserver(entries => requestAnimationFrame(() => entries.forEach(({ target }) => {
  if (drawn.get(target.id) !== target.clientWidth) { drawn.set(target.id, target.clientWidth); draw(target.id); }
})));
function chart(id, there, render) {
  if (!there) { byId(id).closest("section").hidden = true; return; }
  charts.set(id, render);
  draw(id);
  watcher.observe(byId(id));
}
function choice(id, values, name, redraw) {
  const select = byId(id);
  select.innerHTML = values.map(v => `<option value="${escape(v)}">${escape(name(v))}</option>`).join("");
  select.closest("label").hidden = values.length < 2;
  select.onchange = redraw;
}

const main = result.series.filter(s => s.group === "default");
const pauses = unique(main.map(s => s.pause_ms)).sort((a, b) => b - a);
const crowd = result.series.filter(s => s.group.startsWith("resident/"));
const measured = phases.map(([id]) => id).filter(id => main.some(s => s.phase === id && sorted(s).length));
const find = (group, phase, pause, name) => result.series.find(s => s.group === group && s.phase === phase && s.pause_ms === pause && s.contestant === name);

function drawPhases(width) {
  const pause = Number(byId("phases-pause").value), rows = [];
  for (const phase of measured) {
    const all = result.contestants.map(c => find("default", phase, pause, c.name)).filter(s => s && (sorted(s).length || s.failed));
    if (all.length) rows.push({ heading: phaseName(phase) }, ...all.map(series => ({ series, xs: sorted(series) })));
  }
  const values = rows.filter(r => r.xs && r.xs.length).flatMap(r => [r.xs[0], quantile(r.xs, .95)]);
  if (!values.length) return "";
  const low = Math.min(...values) * .85, high = Math.max(...values) * 1.15;
  const left = Math.min(longest(result.contestants.map(c => c.name)), width * .35), right = width - 72;
  const x = logScale(low, high, left, right), top = 20;
  const height = rows.reduce((sum, row) => sum + (row.heading ? 34 : 19), top);
  let y = top, body = "";
  for (const tick of logTicks(low, high, x, 34)) body += line(x(tick), top - 2, x(tick), height, 'class="grid"') + text(x(tick), 12, tickName(tick), 'text-anchor="middle"');
  body += text(width, 12, "ms", 'text-anchor="end"');
  for (const row of rows) {
    if (row.heading) { y += 34; body += text(0, y - 7, row.heading, 'class="head"'); continue; }
    const { series: s, xs } = row, name = s.contestant, tried = s.ms.length;
    body += text(left - 10, y + 12, name, 'text-anchor="end"');
    if (xs.length) {
      const [min, p25, median, p95] = [0, .25, .5, .95].map(q => quantile(xs, q));
      body += `<g ${paint(name)}><title>${escape(name)}: min ${show(min)}, p25 ${show(p25)}, median ${show(median)}, p95 ${show(p95)} ms${s.failed ? `; ${s.failed} of ${tried} failed` : ""}</title>`
        + `<rect class="pale" x="${x(p25).toFixed(1)}" y="${y + 2}" width="${Math.max(2, x(p95) - x(p25)).toFixed(1)}" height="13" rx="3"/>`
        + `<rect class="mark" x="${(x(median) - 1.5).toFixed(1)}" y="${y + 1}" width="3" height="15" rx="1"/>`
        + `<circle class="mark" cx="${x(min).toFixed(1)}" cy="${y + 8.5}" r="2.5"/></g>`;
    }
    body += text(width, y + 12, xs.length ? `${show(medianOf(s))}${s.failed ? " *" : ""}` : "failed", 'class="strong" text-anchor="end"');
    y += 19;
  }
  const failures = rows.some(r => r.series && r.series.failed && r.xs.length) ? "<p>* Some rounds failed: see the notes and figures below.</p>" : "";
  return svg(width, height + 4, body, "percentiles of each phase") + failures;
}

function drawEcdf(width) {
  const phase = byId("ecdf-phase").value, pause = Number(byId("ecdf-pause").value);
  const all = result.contestants.map(c => find("default", phase, pause, c.name)).filter(s => s && sorted(s).length);
  if (!all.length) return "";
  const values = all.flatMap(sorted), low = Math.min(...values) * .9, high = Math.max(...values) * 1.1;
  const height = 336, left = 52, right = width - 12, top = 16, bottom = height - 34;
  const x = logScale(low, high, left, right), y = q => bottom - q * (bottom - top);
  let body = "";
  for (const tick of logTicks(low, high, x, 34)) body += line(x(tick), top, x(tick), bottom, 'class="grid"') + text(x(tick), bottom + 16, tickName(tick), 'text-anchor="middle"');
  for (const q of [0, .25, .5, .75, 1]) body += line(left, y(q), right, y(q), 'class="grid"') + text(left - 8, y(q) + 4, `${q * 100} %`, 'text-anchor="end"');
  body += text((left + right) / 2, height - 2, `${phaseName(phase)}, ms`, 'text-anchor="middle"');
  for (const s of all) {
    const xs = sorted(s);
    const steps = xs.map((v, i) => `H${x(v).toFixed(1)}V${y((i + 1) / xs.length).toFixed(1)}`).join("");
    body += `<path class="path" ${paint(s.contestant)} ${dash(s.contestant)} d="M${x(xs[0]).toFixed(1)},${y(0)}${steps}H${right}"><title>${escape(s.contestant)}: median ${show(medianOf(s))} ms</title></path>`;
  }
  return legend(all.map(s => s.contestant)) + svg(width, height, body, `distribution of ${phaseName(phase)}`);
}

const rungs = unique(result.series.filter(s => s.group.startsWith("ladder/")).map(s => s.group)).sort();
const rungName = rung => rung.replace(/^ladder\/\d+-/, "").replaceAll("-", " ");
function drawLadder(width) {
  const names = result.contestants.map(c => c.name).filter(name => result.series.some(s => rungs.includes(s.group) && s.contestant === name));
  const medianAt = (rung, name) => medianOf(result.series.find(s => s.group === rung && s.phase === "first" && s.contestant === name));
  const lines = names.map(name => [name, rungs.map(rung => medianAt(rung, name))]);
  const values = known(lines.flatMap(([, points]) => points));
  if (!values.length) return "";
  const logarithmic = byId("ladder-scale").value === "log";
  const left = Math.min(longest(rungs.map(r => "+ " + rungName(r))), width * .5), right = width - 16, step = 24, top = 22;
  const height = top + step * rungs.length + 6, high = Math.max(...values) * 1.06, low = logarithmic ? Math.min(...values) * .88 : 0;
  const x = (logarithmic ? logScale : linearScale)(low, high, left, right), y = i => top + step * (i + .5);
  let body = "";
  const ticks = logarithmic ? logTicks(low, high, x, 34) : linearTicks(high, Math.max(3, (right - left) / 70));
  for (const tick of ticks) body += line(x(tick), top - 4, x(tick), height, 'class="grid"') + text(x(tick), 12, tickName(tick), 'text-anchor="middle"');
  body += text(0, 12, "ms");
  rungs.forEach((rung, i) => { body += line(left, y(i), right, y(i), 'class="grid"') + text(left - 10, y(i) + 4, (i ? "+ " : "") + rungName(rung), 'text-anchor="end" class="strong"'); });
  for (const [name, points] of lines) {
    const there = points.map((v, i) => [v, i]).filter(([v]) => v !== null);
    body += `<g ${paint(name)}><polyline class="path" ${dash(name)} points="${there.map(([v, i]) => `${x(v).toFixed(1)},${y(i)}`).join(" ")}"/>`;
    for (const [v, i] of there) {
      const added = i && points[i - 1] !== null ? `, ${v < points[i - 1] ? "" : "+"}${(v - points[i - 1]).toFixed(2)}` : "";
      body += `<circle class="mark" cx="${x(v).toFixed(1)}" cy="${y(i)}" r="4"><title>${escape(name)}, ${escape(rungName(rungs[i]))}: ${show(v)} ms${added}</title></circle>`;
    }
    body += "</g>";
  }
  return legend(names, true) + svg(width, height, body, "the ladder");
}

/** Lines over labelled places; `lines`: [name, [[place, value, least, most]…]]. */
function drawLines(width, title, places, lines) {
  const values = lines.flatMap(([, points]) => points.flatMap(p => p.slice(1)));
  if (!values.length) return "";
  const height = 300, left = 48, right = width - 14, top = 30, bottom = height - 28, high = Math.max(...values) * 1.06;
  const x = i => places.length < 2 ? (left + right) / 2 : left + 16 + i / (places.length - 1) * (right - left - 32), y = v => bottom - v / high * (bottom - top);
  let body = text(0, 14, title, 'class="head"');
  for (const tick of linearTicks(high, 5)) body += line(left, y(tick), right, y(tick), 'class="grid"') + text(left - 8, y(tick) + 4, tickName(tick), 'text-anchor="end"');
  places.forEach((place, i) => { body += text(x(i), bottom + 18, place, 'text-anchor="middle"'); });
  for (const [name, points] of lines) {
    body += `<g ${paint(name)}><polyline class="path" ${dash(name)} points="${points.map(([i, v]) => `${x(i).toFixed(1)},${y(v).toFixed(1)}`).join(" ")}"/>`;
    for (const [i, v, least, most] of points) {
      if (most !== undefined) body += line(x(i), y(least), x(i), y(most), 'class="whisker"');
      body += `<circle class="mark" cx="${x(i).toFixed(1)}" cy="${y(v).toFixed(1)}" r="4"><title>${escape(name)}, ${escape(places[i])}: ${show(v)}</title></circle>`;
    }
    body += "</g>";
  }
  return legend(lines.map(([name]) => name), true) + svg(width, height, body, title);
}

function drawScaling(width) {
  const numbers = unique(result.scaling.map(p => p.at_once)).sort((a, b) => a - b);
  const of = name => result.scaling.filter(p => p.contestant === name)
    .map(p => [numbers.indexOf(p.at_once), p.per_second, Math.min(...p.bursts), Math.max(...p.bursts)]);
  const names = unique(result.scaling.map(p => p.contestant));
  return drawLines(width, "containers a second", numbers.map(n => `${n} at once`), names.map(name => [name, of(name)]));
}

function drawResident(width, phase, title) {
  const pause = Number(byId("resident-pause").value);
  // resident/NUMBER/RUNTIME: the references of each runtime's rounds are in the figures.
  const all = crowd.filter(s => s.pause_ms === pause && s.phase === phase && s.group.endsWith("/" + s.contestant) && sorted(s).length);
  const number = s => Number(s.group.split("/")[1]), numbers = unique(all.map(number)).sort((a, b) => a - b);
  const names = runtimes.filter(name => all.some(s => s.contestant === name));
  const of = name => all.filter(s => s.contestant === name).map(s => [numbers.indexOf(number(s)), medianOf(s)]).sort((a, b) => a[0] - b[0]);
  return drawLines(width, title, numbers.map(n => n.toLocaleString("en")), names.map(name => [name, of(name)]));
}

function drawMemory(width) {
  const most = Math.max(...result.memory.flatMap(m => [m.pss_kib, m.private_kib]), 1);
  const left = Math.min(longest(result.memory.map(m => m.contestant)), width * .35), room = width - left - 76;
  let y = 0, body = "";
  for (const m of result.memory) {
    body += `<g ${paint(m.contestant)}>` + text(left - 10, y + 24, m.contestant, 'text-anchor="end"');
    [["pale", "PSS", m.pss_kib], ["mark", "private", m.private_kib]].forEach(([how, what, kib], i) => {
      const length = Math.max(2, kib / most * room);
      body += `<rect class="${how}" x="${left}" y="${y + 4 + 17 * i}" width="${length.toFixed(1)}" height="14" rx="3"><title>${escape(m.contestant)}: ${what} ${kib} KiB</title></rect>`
        + text(left + length + 8, y + 15 + 17 * i, `${kib.toLocaleString("en")} KiB`, 'class="strong"');
    });
    body += "</g>";
    y += 46;
  }
  return '<div class="legend"><span>pale: proportional set size</span><span>full: private pages</span></div>' + svg(width, y, body, "memory");
}

// ---- tables
const cell = name => `<td ${paint(name)}><i></i>${escape(name)}</td>`;
function drawContestants() {
  const what = { bare: "the kernel's work alone", equipped: "with what every correct runtime must add: a cgroup namespace rooted at the container's cgroup, device rules, a state file, protection of its own program", empty: "a static program that does nothing" };
  byId("contestants").innerHTML = result.contestants.map(c => `<tr>${cell(c.name)}<td class="words">${c.kind === "runtime"
    ? `<code>${escape(c.command)}</code> <small>${escape(c.version)}</small>` : escape(what[c.kind])}</td></tr>`).join("");
}

function drawGlance() {
  const pause = Number(byId("glance-pause").value), [base, ...rest] = runtimes;
  const others = [...rest, ...result.contestants.filter(c => ["equipped", "bare"].includes(c.kind)).map(c => c.name)];
  byId("glance-base").innerHTML = `<b>${escape(base)}</b>`;
  const ratio = (phase, name) => ratios.find(r => r.phase === phase && r.pause_ms === pause && r.contestant === name);
  const compared = (phase, name) => {
    const s = find("default", phase, pause, name), r = ratio(phase, name);
    if (!s || medianOf(s) === null) return `<td>${s && s.failed ? "failed" : "–"}</td>`;
    const told = !r || !runtimes.includes(name) ? "" : r.low <= 1 && r.high >= 1 ? "" : r.median > 1 ? "won" : "lost";
    return `<td>${show(medianOf(s))}${r ? `<br><small class="${told}">${show(r.median)}× [${show(r.low)}–${show(r.high)}]</small>` : ""}</td>`;
  };
  const head = `<tr><th></th>${[base, ...others].map(name => `<th>${escape(name)}</th>`).join("")}</tr>`;
  byId("glance").innerHTML = head + measured.map(phase => `<tr><td>${escape(phaseName(phase))}</td>`
    + `<td>${show(medianOf(find("default", phase, pause, base)))}</td>${others.map(name => compared(phase, name)).join("")}</tr>`).join("");
}

function drawFigures() {
  const order = phases.map(([id]) => id), rank = result.contestants.map(c => c.name), head = ["phase", "", "min", "p25", "median", "p95", "p99", "CPU", "user", "system", "switches", "RSS KiB", "failed"];
  const row = s => {
    const xs = sorted(s), cpu = known(s.user_ms.map((user, i) => user === null ? null : user + s.system_ms[i])).sort((a, b) => a - b);
    const switches = known(s.switches).sort((a, b) => a - b);
    const figures = xs.length ? [0, .25, .5, .95, .99].map(q => quantile(xs, q)) : Array(5).fill(null);
    const cells = [...figures.map(show), show(cpu.length ? quantile(cpu, .5) : null), show(mean(known(s.user_ms))), show(mean(known(s.system_ms))),
      switches.length ? quantile(switches, .5).toFixed(0) : "–", s.max_rss_kib ?? "–", s.failed ? s.failed + (s.timed_out ? ` (${s.timed_out} hung)` : "") : ""];
    return `<tr><td>${escape(phaseName(s.phase))}</td><td class="left" ${paint(s.contestant)}><i></i>${escape(s.contestant)}</td>${cells.map(c => `<td>${escape(c)}</td>`).join("")}</tr>`;
  };
  const groups = unique(result.series.map(s => `${s.group}|${s.pause_ms}`)).sort();
  byId("figures").innerHTML = groups.map(key => {
    const [group, pause] = key.split("|");
    const all = result.series.filter(s => s.group === group && s.pause_ms === Number(pause))
      .sort((a, b) => order.indexOf(a.phase) - order.indexOf(b.phase) || rank.indexOf(a.contestant) - rank.indexOf(b.contestant));
    return `<details><summary>${escape(group)}, ${pauseName(pause)}</summary><div class="card scroll"><table><tr>${head.map((h, i) => `<th${i < 2 ? ' class="left"' : ""}>${h}</th>`).join("")}</tr>${all.map(row).join("")}</table></div></details>`;
  }).join("");
}

function drawConditions() {
  const c = result.conditions, facts = { kernel: `${c.kernel} ${c.arch}`, processors: `${c.cpus} × ${c.cpu_model}`, cgroups: c.cgroups, clock: c.clock_source,
    "load before → after": `${c.load_before.toFixed(1)} → ${c.load_after.toFixed(1)}`, rounds: result.rounds, plimsoll: result.plimsoll };
  byId("conditions").innerHTML = Object.entries(facts).map(([name, value]) => `<div><dt>${name}</dt><dd>${escape(value)}</dd></div>`).join("");
  const warning = result.warning || "";
  byId("warning").textContent = warning.charAt(0).toUpperCase() + warning.slice(1) + ".";
  byId("warning").hidden = !result.warning;
  byId("notes").innerHTML = result.notes.map(note => `<li>${escape(note)}</li>`).join("");
  byId("notes-part").hidden = !result.notes.length;
}

for (const part of ["glance", "phases", "ecdf"]) choice(`${part}-pause`, pauses, pauseName, () => part === "glance" ? drawGlance() : draw(part));
choice("ecdf-phase", measured, phaseName, () => draw("ecdf"));
if (measured.includes("first")) byId("ecdf-phase").value = "first";
byId("ladder-scale").onchange = () => draw("ladder");
choice("resident-pause", unique(crowd.map(s => s.pause_ms)).sort((a, b) => b - a), pauseName, () => ["resident-list", "resident-first"].forEach(draw));
drawConditions();
drawContestants();
if (runtimes.length && measured.length) drawGlance(); else byId("glance-part").hidden = true;
chart("phases", measured.length, drawPhases);
chart("ecdf", measured.length, drawEcdf);
chart("ladder", rungs.length, drawLadder);
chart("scaling", result.scaling.length, drawScaling);
chart("resident-list", crowd.length, width => drawResident(width, "list", "list, ms"));
chart("resident-first", crowd.length, width => drawResident(width, "first", "run to first instruction, ms"));
chart("memory", result.memory.length, drawMemory);
drawFigures();
