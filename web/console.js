// console.js: the operator's console: asks the daemon once a second and shows what it says. It changes nothing but where the
// daemon lets it (`console_operates`): an operator's override of one intersection, an alarm that somebody has seen.
//
//   poll ──▶ state (numbers, a row an intersection), live (queues, lamps), alarms, plan of the chosen one, journal
//   a daemon that does not answer: the last picture stays, greyed, with the time of it, until it answers again
"use strict";

const PERIOD_MS = 1000, PERIOD_HIDDEN_MS = 15000, PERIOD_LOST_MS_MAX = 5000, ANSWER_MS_MAX = 8000, JOURNAL_MS = 5000;
const ROWS_SHOWN = 200, ALARMS_SHOWN = 100, PAST_MS = 15 * 60 * 1000, LIVE_KEPT = 120;
const byId = id => document.getElementById(id);
const make = (name, text, kind) => {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (kind) element.className = kind;
  return element;
};
const plural = (n, one, many) => `${n} ${n === 1 ? one : many || one + "s"}`;

let network = null, rows = [], state = null, before = null, live = null, plan = null, journal = [], alarms = [], alarmed = new Set();
let view = null, viewMoved = false, chosen = -1, hovered = -1, order = [], answeredAt = 0, failures = 0, journalAt = 0;
let sort = { key: "queue_veh", down: true }, past = [], lives = [], drag = null;

// ---- asking

async function ask(path) {
  const control = new AbortController(), timer = setTimeout(() => control.abort(), ANSWER_MS_MAX);
  try {
    const answer = await fetch(path, { signal: control.signal, cache: "no-store" });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return await answer.json();
  } finally {
    clearTimeout(timer);
  }
}

async function poll() {
  let wait_ms = document.hidden ? PERIOD_HIDDEN_MS : PERIOD_MS;
  const began = performance.now();
  try {
    const newer = await ask("api/state");
    if (!network || newer.network_hash !== network.hash) await networkTake();
    const [lamps, table, course] = await Promise.all([ask("api/live"), ask("api/alarms"), chosen >= 0 ? ask("api/plan/" + chosen) : null]);
    if (performance.now() - journalAt > JOURNAL_MS || !journalAt) {
      journal = (await ask("api/journal")).lines;
      journalAt = performance.now();
      journalShow();
    }
    take(newer, lamps, table, course);
    failures = 0;
    wait_ms = Math.max(wait_ms, 2 * (performance.now() - began));    // a slow line or a large city is asked less often
  } catch (error) {
    failures++;
    lostShow(error);
    wait_ms = Math.min(PERIOD_MS * failures, PERIOD_LOST_MS_MAX);
  }
  setTimeout(poll, wait_ms);
}

async function networkTake() {
  const found = await ask("api/network");
  const another = network && network.hash !== found.hash;
  networkPrepare(found);
  network = found;
  if (another) { chosen = -1; view = null; viewMoved = false; }
}

function take(newer, lamps, table, course) {
  if (state && newer.started_ms !== state.started_ms) { past = []; lives = []; before = null; }      // another daemon
  else if (state && newer.time_ms < state.time_ms) { past = []; lives = []; before = null; }         // another run
  else before = state;
  state = newer;
  state.wall = performance.now();
  rows = state.intersections.map(values => Object.fromEntries(state.columns.map((name, k) => [name, values[k]])));
  live = lamps.detailed ? lamps : null;
  alarms = table.alarms;
  alarmed = new Set(alarms.filter(alarm => alarm.in_force && alarm.at !== null).map(alarm => alarm.at));
  if (live && (!lives.length || lives.at(-1).time_ms !== live.time_ms)) lives.push(live);
  if (lives.length > LIVE_KEPT) lives.shift();
  plan = course && course.intersection === chosen ? course : null;
  answeredAt = Date.now();
  past.push([Date.now(), rows.reduce((sum, row) => sum + row.queue_veh, 0), state.step_us / 1000]);
  while (past[0][0] < Date.now() - PAST_MS) past.shift();
  byId("lost").hidden = true;
  document.body.classList.remove("stale");
  show();
}

function lostShow(error) {
  const lost = byId("lost"), since = answeredAt ? new Date(answeredAt).toLocaleTimeString("en-GB") : null;
  const why = error.name === "AbortError" ? `no answer within ${ANSWER_MS_MAX / 1000} s`
    : error instanceof TypeError ? "no connection" : error.message;
  lost.textContent = since ? `The daemon does not answer (${why}). What you see is from ${since}; signals play on by their plans, then by their fallback.`
    : `The daemon does not answer (${why}).`;
  lost.hidden = false;
  document.body.classList.add("stale");
  document.title = "no answer - Intergreen";
  if (!state) byId("clock").textContent = "";
}

// ---- showing

function clockText(time_ms) {
  const inLockstep = state.mode === "lockstep";
  if (inLockstep) {
    const s = Math.floor(time_ms / 1000), day = Math.floor(s / 86400), two = n => String(n).padStart(2, "0");
    return `simulated ${day > 0 && day < 366 ? `day ${day + 1}, ` : ""}${two(Math.floor(s / 3600) % 24)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  }
  const format = zone => new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium", timeZone: zone }).format(time_ms);
  try { return network.time_zone ? `${format(network.time_zone)} (${network.time_zone})` : `${format("UTC")} UTC`; }
  catch { return `${format("UTC")} UTC`; }
}

const whenText = time_ms => new Date(time_ms).toLocaleString("sv-SE");
const shownNumber = (value, digits = 0) => Number(value).toLocaleString("en-GB", { minimumFractionDigits: digits, maximumFractionDigits: digits });

function numbersShow() {
  const sum = name => rows.reduce((total, row) => total + Number(row[name]), 0);
  const seconds = before ? (state.wall - before.wall) / 1000 : 0;
  const rate = name => before && seconds > 0 && state[name] >= before[name] ? (state[name] - before[name]) / seconds : 0;
  const reported = sum("reported"), led = rows.filter(row => row.reported && row.mode === "plan").length;
  const up = Math.max(0, (Date.now() - state.started_ms) / 1000);
  const upText = up < 3600 ? `${Math.floor(up / 60)} min` : up < 172800 ? `${(up / 3600).toFixed(1)} h` : `${Math.floor(up / 86400)} days`;
  const store = ["ready", "writing", "none"];
  const shown = [
    ["led by the engine", `${led}`, ` of ${rows.length}`, led < rows.length ? "warn" : ""],
    ["with a fresh report", `${reported}`, ` of ${rows.length}`, reported < rows.length ? "bad" : ""],
    ["in queue", shownNumber(sum("queue_veh")), " veh"],
    ["flow over all stop lines", shownNumber(sum("flow_vph")), " veh/h"],
    ["plans made", shownNumber(rate("plans"), 1), " /s"],
    ["readings taken", shownNumber(rate("readings")), " /s"],
    ["readings refused", shownNumber(state.readings_refused), "", state.readings_refused > 0 ? "warn" : ""],
    ["readings dropped, overload", shownNumber(state.readings_shed), "", state.readings_shed > 0 ? "bad" : ""],
    ["plans refused by the guard", shownNumber(state.guard_refused), "", state.guard_refused > 0 ? "warn" : ""],
    [`step of the engine; longest ${shownNumber(state.step_us_max / 1000, 0)} ms`, shownNumber(state.step_us_mean / 1000, 1), " ms"],
    ["connections", shownNumber(state.connections), ""],
    ["store", state.store, "", store.includes(state.store) ? "" : "bad"],
    ["memory", shownNumber(state.resident_bytes / 1048576), " MiB"],
    ["running for", upText, "", ""],
  ];
  byId("numbers").replaceChildren(...shown.map(([name, value, unit, kind]) => {
    const box = make("div", undefined, kind), strong = make("b", value);
    strong.append(make("small", unit));
    box.append(strong, make("span", name));
    return box;
  }));
}

// Which intersections the list shows. What is wrong is the daemon's to say (its table of alarms), not the page's.
const FILTERS = {
  all: { text: "all intersections", is: () => true },
  alarm: { text: "with an alarm", is: (row, i) => alarmed.has(i) },
  silent: { text: "no report", is: row => !row.reported },
  broken: { text: "flash or pre-emption", is: row => row.reported && (row.mode === "flash" || row.mode === "preemption") },
  manual: { text: "manual", is: row => row.reported && row.mode === "manual" },
  fallback: { text: "in fallback", is: row => row.reported && row.mode === "fallback" },
  blind: { text: "no sensor speaks", is: row => row.detectors_total > 0 && row.detectors_healthy === 0 },
  overridden: { text: "overridden", is: row => row.overridden },
};

// What is no alarm and yet to be known: who was not heard since the start (who fell silent is an alarm), who is overridden.
function remarksShow() {
  const count = is => rows.filter(is).length;
  const remarks = [["silent", count((row, i) => !row.reported && !alarmed.has(i)), "no report"],
                   ["overridden", count(row => row.overridden), "overridden"]].filter(([, n]) => n > 0);
  const box = byId("remarks");
  if (box.contains(document.activeElement)) return;      // not from under the fingers
  box.replaceChildren(...remarks.map(([key, n, text]) => {
    const button = make("button", `${plural(n, "intersection")}: ${text}`, "warn");
    button.type = "button";
    button.onclick = () => { byId("filter").value = key; order = []; listShow(); byId("list").scrollIntoView({ behavior: "smooth" }); };
    return button;
  }));
}

const alarmRank = alarm => (alarm.in_force ? 0 : 4) + (alarm.acknowledged_by === null ? 0 : 2) + (alarm.severity === "critical" ? 0 : 1);

function alarmLineMake(alarm) {
  const line = document.createElement("tr"), where = make("button"), seen = make("button", "acknowledge");
  for (const kind of ["severity", "where", "what", "since", "seen"]) line.append(make("td", undefined, kind));
  where.type = seen.type = "button";
  where.onclick = () => { choose(Number(line.dataset.at), true); byId("map-box").scrollIntoView({ behavior: "smooth", block: "nearest" }); };
  seen.onclick = () => post("acknowledge", { alarm: alarm.id }, byId("alarms-said"), "Acknowledged");
  if (alarm.at !== null) line.cells[1].append(where);
  line.dataset.alarm = alarm.id;
  line.acknowledge = seen;
  return line;
}

function alarmLineFill(line, alarm) {
  const [severity, where, what, since, seen] = line.cells, put = (cell, text) => { if (cell.textContent !== text) cell.textContent = text; };
  line.className = alarm.acknowledged_by !== null || !alarm.in_force ? "seen" : "";
  severity.className = alarm.severity === "critical" ? "bad" : "warn";
  put(severity, alarm.severity);
  if (alarm.at !== null) line.dataset.at = alarm.at;
  put(alarm.at !== null ? where.firstChild : where, alarm.intersection || "the daemon");
  put(what, alarm.text + (alarm.times > 1 ? ` (${alarm.times} times)` : ""));
  put(since, whenText(alarm.since_ms) + (alarm.in_force ? "" : ` to ${whenText(alarm.ended_ms)}`));
  if (alarm.acknowledged_by !== null) put(seen, `seen by ${alarm.acknowledged_by}, ${whenText(alarm.acknowledged_ms)}`);
  else if (!state.operates) put(seen, "seen by nobody");
  else if (seen.firstChild !== line.acknowledge) seen.replaceChildren(line.acknowledge);
}

// Those in force and those that ended and nobody saw. While a hand or the focus is there, nothing moves from under it: what
// is new comes last.
function alarmsShow() {
  const body = byId("alarms"), held = body.matches(":hover") || body.contains(document.activeElement);
  const wanted = alarms.filter(alarm => alarm.in_force || alarm.acknowledged_by === null)
    .sort((a, b) => alarmRank(a) - alarmRank(b) || b.since_ms - a.since_ms || b.id - a.id).slice(0, ALARMS_SHOWN);
  const lines = new Map([...body.rows].map(line => [Number(line.dataset.alarm), line])), ids = new Set(wanted.map(alarm => alarm.id));
  for (const [id, line] of lines) if (!ids.has(id)) line.remove();
  wanted.forEach((alarm, at) => {
    let line = lines.get(alarm.id);
    if (!line) body.append(line = alarmLineMake(alarm));
    alarmLineFill(line, alarm);
    if (!held && body.rows[at] !== line) body.insertBefore(line, body.rows[at] || null);
  });
  const open = alarms.filter(alarm => alarm.in_force && alarm.acknowledged_by === null), all = alarms.filter(alarm => alarm.in_force).length;
  byId("alarms-count").textContent = all === 0 ? "No alarms are in force." : `${plural(all, "alarm")} in force, ${open.length} seen by nobody`;
  byId("alarms-count").className = open.some(alarm => alarm.severity === "critical") ? "bad" : open.length ? "warn" : all ? "" : "good";
  byId("alarms-box").hidden = wanted.length === 0;
  document.title = `${open.length ? `(${open.length}) ` : ""}${state.city} - Intergreen`;
}

const COLUMNS = [                 // key, heading, text of a row
  ["name", "intersection", row => row.name],
  ["queue_veh", "queue (veh)", row => row.queue_veh.toFixed(1)],
  ["flow_vph", "flow (veh/h)", row => shownNumber(row.flow_vph)],
  ["stage", "stage", row => row.stage < 0 ? "-" : row.stage],
  ["mode", "led by", row => leaderOf(row).text],
  ["detectors_healthy", "sensors that speak", row => `${row.detectors_healthy} of ${row.detectors_total}`],
  ["confidence", "sure (%)", row => Math.round(100 * row.confidence)],
  ["plan_version", "plan (epoch.daemon.number)", row => row.plan_version],
];

function headsMake() {
  byId("heads").replaceChildren(...COLUMNS.map(([key, text]) => {
    const head = make("th"), button = make("button", text);
    button.type = "button";
    head.scope = "col";
    button.onclick = () => {
      sort = { key, down: sort.key === key ? !sort.down : !["name", "mode", "plan_version"].includes(key) };
      order = [];
      listShow();
    };
    head.append(button);
    return head;
  }));
  byId("filter").replaceChildren(...Object.entries(FILTERS).map(([key, filter]) => {
    const option = make("option", filter.text);
    option.value = key;
    return option;
  }));
}

// The order stays while a hand or the focus is in the table: nothing moves away from under it.
function orderMake() {
  const body = byId("rows"), held = body.matches(":hover") || body.contains(document.activeElement);
  if (held && order.length) return;
  const wanted = byId("search").value.trim().toLowerCase(), filter = FILTERS[byId("filter").value] || FILTERS.all;
  const value = row => sort.key === "mode" ? leaderOf(row).text : row[sort.key], sign = sort.down ? -1 : 1;
  order = rows.map((row, i) => i).filter(i => filter.is(rows[i], i) && rows[i].name.toLowerCase().includes(wanted));
  order.sort((a, b) => {
    const x = value(rows[a]), y = value(rows[b]);
    return (typeof x === "string" ? x.localeCompare(y, undefined, { numeric: true }) : x - y) * sign || a - b;
  });
}

function listShow() {
  if (!state) return;
  orderMake();
  const body = byId("rows"), shown = order.slice(0, ROWS_SHOWN);
  while (body.rows.length > shown.length) body.deleteRow(-1);
  shown.forEach((i, at) => {
    let line = body.rows[at];
    if (!line) {
      line = body.insertRow();
      for (let c = 0; c < COLUMNS.length; c++) line.insertCell();
      const button = make("button");
      button.type = "button";
      button.onclick = () => choose(Number(line.dataset.index), true);
      line.cells[0].append(button);
    }
    line.dataset.index = i;
    line.className = i === chosen ? "chosen" : "";
    COLUMNS.forEach(([key, , text], c) => {
      const cell = c === 0 ? line.cells[0].firstChild : line.cells[c], said = String(text(rows[i]));
      if (cell.textContent !== said) cell.textContent = said;
      if (key === "mode") cell.className = !rows[i].reported || rows[i].mode === "flash" || rows[i].mode === "preemption" ? "bad"
        : rows[i].mode === "plan" && !rows[i].overridden ? "good" : "warn";
    });
  });
  [...byId("heads").children].forEach((head, c) => {
    if (COLUMNS[c][0] === sort.key) head.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
    head.firstChild.textContent = COLUMNS[c][1] + (COLUMNS[c][0] === sort.key ? sort.down ? " ▾" : " ▴" : "");
  });
  byId("more").textContent = order.length > ROWS_SHOWN ? `the first ${ROWS_SHOWN} of ${order.length}` : plural(order.length, "intersection");
}

function journalShow() {
  const level = byId("said-level").value, levels = { alarm: ["alarm"], warning: ["alarm", "warning"] }[level];
  const lines = journal.filter(line => !levels || levels.includes(line.level)).sort((a, b) => b.number - a.number);
  byId("lines").replaceChildren(...(lines.length ? lines : [{ time_ms: 0, level: "", text: "nothing" }]).map(line => {
    const item = make("li");
    const time = make("time", line.time_ms ? whenText(line.time_ms) : "");
    item.append(time, make("b", line.level, { alarm: "bad", warning: "warn" }[line.level]), make("span", line.text));
    return item;
  }));
}

const REASONS = {
  none: () => "", program: () => "the network's own program", splits: p => `new cycle and splits, flow ratio ${(p.now_value / 1000).toFixed(2)}`,
  stay: p => `stage ${p.reason_stage} goes on (to stay ${p.now_value}, the best other ${p.best_value}, in the strategy's own unit)`,
  switch: p => `stage ${p.reason_stage} was chosen (it ${p.best_value}, to stay ${p.now_value}, in the strategy's own unit)`,
  minimum: () => "held by a minimum green or a change under way", maximum: () => "a maximum green or red is reached",
  gap: () => "a gap ended the green", override: () => "an operator asked", priority: p => `a vehicle with priority needs stage ${p.reason_stage}`,
  fallback: () => "nothing better than the fallback",
};

let detailFor = null;             // the intersection whose panel stands there
function detailShow() {
  const box = byId("detail");
  if (chosen < 0 || !rows[chosen]) {
    if (detailFor !== -1) box.replaceChildren(make("h2", "No intersection chosen"),
      make("p", "Choose one on the map or in the list: its lamps, its plan and why it was made.", "faint"));
    detailFor = -1;
    return;
  }
  const row = rows[chosen], at = network.intersections[chosen], course = plan && plan.plan;
  if (detailFor !== chosen) {
    box.replaceChildren(make("h2"), make("dl"), make("canvas"), make("p", "", "faint"), make("p"), make("p", "", "faint"));
    if (state.operates) box.append(handMake(chosen));
    detailFor = chosen;
  }
  const [title, list, canvas, legend, why, commands] = box.children;
  title.textContent = row.name;
  const stageName = row.stage >= 0 && at.stages[row.stage] ? at.stages[row.stage][0] : "";
  const facts = [
    ["led by", leaderOf(row).text + (row.overridden && leaderOf(row).text !== "overridden" ? ", overridden" : "")],
    ["stage", row.stage < 0 ? "not known" : `${row.stage}${stageName && stageName !== String(row.stage) ? ` "${stageName}"` : ""} (0 to ${at.stages.length - 1})`],
    ["queue", `${row.queue_veh.toFixed(1)} veh`], ["flow", `${shownNumber(row.flow_vph)} veh/h`],
    ["sensors", `${row.detectors_healthy} of ${row.detectors_total} speak; ${Math.round(100 * row.confidence)} % sure`],
    ["site data", at.approved ? "approved" : "approved by nobody"],
    ["plan", course ? `${course.version}, ${course.kind}${course.handover ? ", hand-over" : ""}` : "none: it plays its own program"],
  ];
  if (course && course.kind === "cyclic") facts.push(["cycle", `${course.cycle_ms / 1000} s, offset ${course.offset_ms / 1000} s`]);
  list.replaceChildren(...facts.flatMap(([name, text]) => [make("dt", name), make("dd", text)]));
  const samples = lives.map(one => [one.time_ms, [...one.lamps.slice(at.first_group, at.first_group + at.groups.length)]]);
  const letters = samples.length ? samples.at(-1)[1] : [];
  lampsDraw(canvas, at, course && row.mode === "plan" ? course : null, samples, plan ? plan.time_ms : state.time_ms,
            new Set(row.stage >= 0 && at.stages[row.stage] ? at.stages[row.stage][1] : []));
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "lamps: " + at.groups.map(([name], g) => `${name} ${(LAMPS[letters[g]] || LAMPS["-"])[1]}`).join(", "));
  legend.textContent = "Lamps as reported up to now; paler, what the plan asks next. Thick: green. Thin: red.";
  why.textContent = course && REASONS[course.reason] && REASONS[course.reason](course) ? "Why: " + REASONS[course.reason](course) + "." : "";
  if (!state.operates) commands.replaceChildren("To hold a stage for ten minutes: ",
    make("code", `intergreen override set ${/^[\w./-]+$/.test(row.name) ? row.name : JSON.stringify(row.name)} --stage 0 --seconds 600 --daemon ADDRESS`),
    "; to end it: ", make("code", "--end"));
}

// The form by which an operator sets an override. It stays as it is while the numbers above it change.
function handMake(index) {
  const at = network.intersections[index], form = make("form"), said = make("p");
  const choice = (label, options) => {
    const box = make("select");
    box.setAttribute("aria-label", label);
    box.append(...options.map(([value, text]) => { const option = make("option", text); option.value = value; return option; }));
    return box;
  };
  const stage = choice("stage to hold", at.stages.map(([name, groups], i) =>
    [i, `stage ${i}: ${groups.map(g => at.groups[g][0]).join(", ").slice(0, 40)}`]));
  const strategy = choice("strategy", network.strategies.map(name => [name, name]));
  const time = choice("for how long", [[120, "2 min"], [300, "5 min"], [600, "10 min"], [1800, "30 min"], [3600, "1 h"]]);
  time.value = 300;
  const button = (text, what) => {
    const one = make("button", text);
    one.type = "button";
    one.onclick = () => {
      const request = { intersection: index, seconds: Number(time.value), ...what() };
      post("override", request, said, request.do === "end" ? "The override has ended" : "Accepted");
    };
    return one;
  };
  const row = (...parts) => { const line = make("div", undefined, "hand"); line.append(...parts); return line; };
  said.setAttribute("role", "status");
  form.onsubmit = event => event.preventDefault();
  form.append(make("h3", "By hand"), row("for", time), row(stage, button("hold", () => ({ do: "stage", stage: Number(stage.value) }))),
    row(strategy, button("use", () => ({ do: "strategy", strategy: strategy.value }))),
    row(button("its own program", () => ({ do: "fallback" })), button("end the override", () => ({ do: "end" }))),
    said);
  return form;
}

// Asks for what an operator may, as who he says he is, and tells what became of it.
async function post(path, what, said, done) {
  said.className = "";
  said.textContent = "asking";
  try {
    const answer = await (await fetch("api/" + path, { method: "POST", headers: { "content-type": "application/json" },
      body: JSON.stringify({ identity: byId("identity").value, token: byId("token").value, ...what }) })).json();
    const until = answer.until_ms && what.do !== "end" ? `, until ${new Date(answer.until_ms).toLocaleTimeString("en-GB")} at the latest` : "";
    said.textContent = answer.accepted ? `${done}${until}.` : `Refused${answer.code ? ` (${answer.code})` : ""}: ${answer.text || "the engine gives no reason"}.`;
    said.className = answer.accepted ? "good" : "bad";
  } catch {
    said.textContent = "No answer: whether it was done is not known.";
    said.className = "bad";
  }
}

// Who operates: kept as long as the tab is.
function operatorMake() {
  for (const input of [byId("identity"), byId("token")]) {
    try { input.value = sessionStorage.getItem("intergreen-" + input.id) || ""; } catch { /* a browser without storage */ }
    input.onchange = () => { try { sessionStorage.setItem("intergreen-" + input.id, input.value); } catch { /* likewise */ } };
  }
  byId("operator").onsubmit = event => event.preventDefault();
}

function mapShow() {
  const canvas = byId("map");
  if (!network || !canvas.clientWidth) return;
  if (!view || !viewMoved) view = viewFit(network, canvas.clientWidth, canvas.clientHeight);
  mapDraw(canvas, network, rows, live, view, chosen, hovered);
}

function legendMake() {
  const box = byId("legend"), dark = darkNow(), parts = [make("b", "standing vehicles, share of a link's room:")];
  const sample = (colour, text, shape) => {
    const item = make("span"), canvas = document.createElement("canvas");
    canvas.width = 20; canvas.height = 12;
    const pen = canvas.getContext("2d");
    if (shape) shapeDraw(pen, shape, 10, 6, 4, colour);
    else { pen.fillStyle = colour; pen.fillRect(1, 4, 18, 4); }
    item.append(canvas, " " + text);
    return item;
  };
  for (const level of [...LEVELS].reverse()) parts.push(sample(dark ? level.dark : level.light, level.text));
  parts.push(make("b", "intersections:"));
  for (const leader of [...LEADERS].reverse()) parts.push(sample(colourOf(leader.colour), leader.text, leader.shape));
  parts.push(make("span", "near: lamps at the stop lines"));
  box.replaceChildren(...parts);
}

function show() {
  byId("city").textContent = state.city;
  byId("clock").textContent = `${clockText(state.time_ms)} · strategy ${state.strategy}`;
  const ratio = before ? (state.time_ms - before.time_ms) / (state.wall - before.wall) : 0;
  byId("speed").textContent = state.mode === "lockstep" ? `a simulator's clock${ratio > 0 ? `, ${shownNumber(ratio)} x real time` : ", standing still"}` : "live";
  numbersShow();
  byId("operator").hidden = !state.operates;
  alarmsShow();
  remarksShow();
  mapShow();
  detailShow();
  listShow();
  chartDraw(byId("queue-chart"), past.map(([t, queue]) => [t, queue]), "veh", 0);
  chartDraw(byId("step-chart"), past.map(([t, , step]) => [t, step]), "ms", 1);
  byId("queue-now").textContent = `${shownNumber(past.at(-1)[1])} veh`;
  byId("step-now").textContent = `${shownNumber(past.at(-1)[2], 1)} ms`;
  byId("foot").textContent = `epoch ${state.epoch}, daemon ${state.daemon}; ${shownNumber(state.steps)} steps, ${shownNumber(state.plans)} plans since the start; `
    + `sessions: ${Object.entries(state.sessions).map(([role, n]) => `${n} ${role}`).join(", ")}; store ${state.store_path}; metrics at /metrics`;
}

// ---- hands

function choose(index, centre) {
  chosen = index;
  plan = null;
  if (centre && index >= 0 && network) {
    if (view.scale < 0.4) view.scale = 0.4;
    view.x = rows[index].x_m;
    view.y = rows[index].y_m;
    viewMoved = true;
  }
  location.replace("#" + (index >= 0 ? encodeURIComponent(rows[index].name) : ""));
  if (!state) return;
  detailShow(); mapShow(); listShow();
  if (index >= 0) ask("api/plan/" + index).then(course => { if (chosen === course.intersection) { plan = course; detailShow(); } }, () => {});
}

function zoom(factor, x, y) {
  if (!view) return;
  const canvas = byId("map"), dx = x === undefined ? 0 : x - canvas.clientWidth / 2, dy = y === undefined ? 0 : y - canvas.clientHeight / 2;
  const scale = Math.min(Math.max(view.scale * factor, 0.002), 20);
  view.x += dx / view.scale - dx / scale;
  view.y -= dy / view.scale - dy / scale;
  view.scale = scale;
  viewMoved = true;
  mapShow();
}

function fit() { viewMoved = false; mapShow(); }

function under(x, y) {
  const canvas = byId("map"), at = view ? toScreen(view, canvas.clientWidth, canvas.clientHeight) : null;
  let best = -1, near = 14;
  rows.forEach((row, i) => {
    const [px, py] = at ? at(row.x_m, row.y_m) : [NaN, NaN], distance = Math.hypot(px - x, py - y);
    if (distance < near) { near = distance; best = i; }
  });
  return best;
}

function linkUnder(x, y) {
  const canvas = byId("map"), at = toScreen(view, canvas.clientWidth, canvas.clientHeight);
  let best = -1, near = 6;
  network.lines.forEach((line, i) => {
    for (let p = 0; p + 3 < line.points.length; p += 2) {
      const [ax, ay] = at(line.points[p], line.points[p + 1]), [bx, by] = at(line.points[p + 2], line.points[p + 3]);
      const long = (bx - ax) ** 2 + (by - ay) ** 2, t = long ? Math.min(Math.max(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / long, 0), 1) : 0;
      const side = (bx - ax) * (y - ay) - (by - ay) * (x - ax);          // which side of the centre line: of the two directions
      const distance = Math.hypot(ax + t * (bx - ax) - x, ay + t * (by - ay) - y) + ((side > 0) !== network.left_hand ? 0 : 1);
      if (distance < near) { near = distance; best = i; }
    }
  });
  return best;
}

function tipShow(x, y) {
  const tip = byId("tip"), found = under(x, y), link = found < 0 && live ? linkUnder(x, y) : -1;
  if (found !== hovered) { hovered = found; mapShow(); }
  tip.hidden = found < 0 && link < 0;
  if (found >= 0) tip.textContent = `${rows[found].name}\n${rows[found].queue_veh.toFixed(1)} veh in queue, ${shownNumber(rows[found].flow_vph)} veh/h\n${leaderOf(rows[found]).text}`;
  else if (link >= 0) {
    const line = network.lines[link], queue = live.queue_veh[link];
    tip.textContent = `link ${line.name}\n${plural(line.lanes, "lane")}, ${Math.round(line.length_m)} m, ${Math.round(line.speed_mps * 3.6)} km/h\n`
      + `${queue} veh stand (${Math.round(100 * linkFull(line, queue))} % of its room)`;
  }
  tip.style.left = Math.min(x + 14, byId("map").clientWidth - 190) + "px";
  tip.style.top = y + 14 + "px";
}

function mapHands() {
  const canvas = byId("map"), pointers = new Map();
  canvas.addEventListener("wheel", event => {
    event.preventDefault();
    zoom(1.0015 ** -event.deltaY, event.offsetX, event.offsetY);
  }, { passive: false });
  canvas.addEventListener("pointerdown", event => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    drag = { x: event.offsetX, y: event.offsetY, moved: false };
  });
  canvas.addEventListener("pointermove", event => {
    const at = pointers.get(event.pointerId);
    if (!at || !view) { if (view) tipShow(event.offsetX, event.offsetY); return; }
    if (pointers.size === 2) {                     // two fingers: zoom
      const [other] = [...pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
      const was = Math.hypot(at[0] - other[0], at[1] - other[1]), is = Math.hypot(event.offsetX - other[0], event.offsetY - other[1]);
      if (was > 0) zoom(is / was, (event.offsetX + other[0]) / 2, (event.offsetY + other[1]) / 2);
      drag.moved = true;
    } else if (drag && (drag.moved || Math.hypot(event.offsetX - drag.x, event.offsetY - drag.y) > 4)) {
      view.x -= (event.offsetX - at[0]) / view.scale;
      view.y += (event.offsetY - at[1]) / view.scale;
      drag.moved = viewMoved = true;
      mapShow();
    }
    pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
  });
  const up = event => {
    pointers.delete(event.pointerId);
    if (event.type === "pointerup" && drag && !drag.moved && pointers.size === 0 && view) choose(under(event.offsetX, event.offsetY), false);
    if (pointers.size === 0) drag = null;
  };
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", () => { byId("tip").hidden = true; if (hovered >= 0) { hovered = -1; mapShow(); } });
  canvas.addEventListener("keydown", event => {
    const step = view ? 60 / view.scale : 0, moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (!moves[event.key] || !view) return;
    event.preventDefault();
    view.x += moves[event.key][0];
    view.y += moves[event.key][1];
    viewMoved = true;
    mapShow();
  });
}

function themeSet(theme) {
  if (theme) document.documentElement.dataset.theme = theme; else delete document.documentElement.dataset.theme;
  byId("theme").textContent = `theme: ${theme || "system"}`;
  try { localStorage.setItem("intergreen-theme", theme); } catch { /* a browser without storage */ }
  legendMake();
  if (state) show();
}
const themeNext = () => themeSet({ "": "light", light: "dark", dark: "" }[document.documentElement.dataset.theme || ""]);

function keys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.matches("input, select, textarea");
  if (event.key === "Escape") { if (typing) event.target.blur(); else if (!byId("help").open && chosen >= 0) choose(-1, false); return; }
  if (typing || byId("help").open) return;
  const walk = step => {
    if (!order.length) return;
    const at = order.indexOf(chosen);
    choose(order[at < 0 ? 0 : (at + step + order.length) % order.length], true);
  };
  const act = { "/": () => byId("search").focus(), "?": () => byId("help").showModal(), n: () => walk(1), p: () => walk(-1), "+": () => zoom(1.4),
    "=": () => zoom(1.4), "-": () => zoom(1 / 1.4), 0: fit, t: themeNext,
    z: () => { if (chosen >= 0) { view.scale = 1.6; choose(chosen, true); } } }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (act) { event.preventDefault(); act(); }
}

function start() {
  headsMake();
  operatorMake();
  mapHands();
  let theme = "";
  try { theme = localStorage.getItem("intergreen-theme") || ""; } catch { /* a browser without storage */ }
  themeSet(["light", "dark"].includes(theme) ? theme : "");
  byId("theme").onclick = themeNext;
  byId("help-open").onclick = () => byId("help").showModal();
  byId("zoom-in").onclick = () => zoom(1.5);
  byId("zoom-out").onclick = () => zoom(1 / 1.5);
  byId("zoom-fit").onclick = fit;
  byId("search").oninput = byId("filter").onchange = () => { order = []; listShow(); };
  byId("search").onkeydown = event => { if (event.key === "Enter" && order.length) choose(order[0], true); };
  byId("said-level").onchange = journalShow;
  document.addEventListener("keydown", keys);
  window.addEventListener("resize", () => { if (state) show(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { legendMake(); if (state) show(); });
  poll().then(() => {
    const named = decodeURIComponent(location.hash.slice(1)), found = rows.findIndex(row => row.name === named);
    if (named && found >= 0) choose(found, true);
  });
}

start();
