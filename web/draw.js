// draw.js: the pictures of the console: the map, a chart over time, the lamps of an intersection.
// Pure drawing: what is drawn is handed in, nothing is fetched here.
"use strict";

const VEHICLE_M = 7.5;            // room that a standing vehicle takes in a lane
const LANE_M = 3.2;
const LEVELS = [                  // how full of standing vehicles a link is, from this share on
  { from: 0.75, light: "#8e1bb0", dark: "#d774f2", text: "75 % and more" },
  { from: 0.50, light: "#c3261d", dark: "#ff6a5e", text: "50 %" },
  { from: 0.25, light: "#dd7a00", dark: "#ff9f3d", text: "25 %" },
  { from: 0.08, light: "#c9ac00", dark: "#e8d24a", text: "8 %" },
];
const LAMPS = {                   // letter: colour, word
  G: ["#19a34a", "green"], y: ["#f0b400", "yellow"], r: ["#d92d20", "red"], u: ["#ee7b1a", "red and yellow"],
  o: ["#f0b400", "flashing yellow"], s: ["#d92d20", "flashing red"], "-": ["#8c98a8", "not known"],
};
const LEADERS = [                 // who leads an intersection: test, colour, word, shape
  { is: at => !at.reported, colour: "--fallback", text: "no report", shape: "ring" },
  { is: at => at.mode === "flash" || at.mode === "preemption", colour: "--bad", text: "flash or pre-emption", shape: "cross" },
  { is: at => at.mode === "manual", colour: "--warn", text: "manual", shape: "square" },
  { is: at => at.mode === "fallback", colour: "--fallback", text: "fallback", shape: "square" },
  { is: at => at.overridden, colour: "--warn", text: "overridden", shape: "diamond" },
  { is: () => true, colour: "--plan", text: "plays the engine's plan", shape: "dot" },
];

const leaderOf = at => LEADERS.find(leader => leader.is(at));
const darkNow = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};
const colourOf = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// A canvas made as sharp as the screen, cleared; its size in CSS pixels.
function surface(canvas, heightPx) {
  const scale = window.devicePixelRatio || 1, width = canvas.clientWidth, height = heightPx || canvas.clientHeight;
  if (heightPx) canvas.style.height = heightPx + "px";
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  return { pen, width, height };
}

function shapeDraw(pen, shape, x, y, r, colour) {
  pen.fillStyle = pen.strokeStyle = colour;
  pen.lineWidth = 2;
  pen.beginPath();
  if (shape === "square") pen.rect(x - r, y - r, 2 * r, 2 * r);
  else if (shape === "diamond") {
    pen.moveTo(x, y - 1.4 * r); pen.lineTo(x + 1.4 * r, y); pen.lineTo(x, y + 1.4 * r); pen.lineTo(x - 1.4 * r, y); pen.closePath();
  } else if (shape === "cross") {
    pen.lineWidth = 3;
    pen.moveTo(x - r, y - r); pen.lineTo(x + r, y + r); pen.moveTo(x + r, y - r); pen.lineTo(x - r, y + r);
  } else pen.arc(x, y, r, 0, 2 * Math.PI);
  if (shape === "ring" || shape === "cross") pen.stroke(); else pen.fill();
}

// What of a network never changes, worked out once: boxes, directions at stop lines.
function networkPrepare(network) {
  let left = Infinity, right = -Infinity, low = Infinity, high = -Infinity;
  const grow = (x, y) => {
    left = Math.min(left, x); right = Math.max(right, x); low = Math.min(low, y); high = Math.max(high, y);
  };
  network.lines = network.links.map(([name, lanes, length_m, speed_mps, points]) => {
    const end = points.length - 2;
    let dx = points[end] - points[end - 2], dy = points[end + 1] - points[end - 1];
    const size = Math.hypot(dx, dy) || 1;
    for (let p = 0; p < points.length; p += 2) grow(points[p], points[p + 1]);
    return { name, lanes, length_m, speed_mps, points, dx: dx / size, dy: dy / size };
  });
  for (const at of network.intersections) grow(at.x_m, at.y_m);
  if (left > right) left = right = low = high = 0;
  network.box = { left, right, low, high };
  let first = 0;
  for (const at of network.intersections) {
    const own = name => name.startsWith(at.name + "/") ? name.slice(at.name.length + 1) : name;
    at.first_group = first;
    first += at.groups.length;
    for (const part of [...at.groups, ...at.stages]) part[0] = own(part[0]);
  }
  const seen = new Map();         // heads of the same lane stand one behind the other
  network.heads = network.heads.map(([link, lane, group]) => {
    const key = link * 64 + lane, behind = seen.get(key) || 0, line = network.lines[link], end = line.points.length - 2;
    seen.set(key, behind + 1);
    const side = ((line.lanes - 1) / 2 - lane) * LANE_M * (network.left_hand ? -1 : 1), back = 2 + 4 * behind;
    return { group, x: line.points[end] - back * line.dx + side * line.dy, y: line.points[end + 1] - back * line.dy - side * line.dx };
  });
}

// View: centre in metres, pixels a metre.
function viewFit(network, width, height) {
  const { left, right, low, high } = network.box;
  const scale = Math.min((width - 50) / Math.max(right - left, 50), (height - 70) / Math.max(high - low, 50));
  return { x: (left + right) / 2, y: (low + high) / 2, scale };
}
const toScreen = (view, width, height) => (x, y) =>
  [width / 2 + (x - view.x) * view.scale, height / 2 - (y - view.y) * view.scale];

const linkFull = (line, queue_veh) => Math.min(queue_veh * VEHICLE_M / Math.max(line.lanes * line.length_m, VEHICLE_M), 1);

// The line of a link, moved to its own side of the road where both directions would fall on each other.
function linkTrace(pen, line, at, width, shift) {
  pen.beginPath();
  for (let p = 0; p < line.points.length; p += 2) {
    const [x, y] = at(line.points[p], line.points[p + 1]);
    const a = Math.max(p - 2, 0), b = Math.min(p + 2, line.points.length - 2);
    const dx = line.points[b] - line.points[a], dy = line.points[b + 1] - line.points[a + 1], size = Math.hypot(dx, dy) || 1;
    const sx = x + shift * dy / size, sy = y + shift * dx / size;
    if (p === 0) pen.moveTo(sx, sy); else pen.lineTo(sx, sy);
  }
  pen.lineWidth = width;
  pen.stroke();
}

function mapDraw(canvas, network, rows, live, view, chosen, hovered) {
  const { pen, width, height } = surface(canvas), at = toScreen(view, width, height), dark = darkNow();
  const near = view.scale > 0.35, side = network.left_hand ? -1 : 1, road = colourOf("--road"), text = colourOf("--text");
  const margin = 60, inside = (x, y) => x > -margin && y > -margin && x < width + margin && y < height + margin;
  pen.lineCap = "butt";
  pen.lineJoin = "round";
  const full = [];
  network.lines.forEach((line, i) => {
    const [x0, y0] = at(line.points[0], line.points[1]), [x1, y1] = at(line.points.at(-2), line.points.at(-1));
    if (Math.max(x0, x1) < -margin || Math.min(x0, x1) > width + margin || Math.max(y0, y1) < -margin
        || Math.min(y0, y1) > height + margin) return;
    const share = live ? linkFull(line, live.queue_veh[i]) : 0;
    const level = LEVELS.find(one => share >= one.from);
    if (level) { full.push([line, level]); return; }
    pen.strokeStyle = road;
    const wide = Math.max(line.lanes * LANE_M * view.scale * 0.9, 0.6 + 0.4 * line.lanes);
    linkTrace(pen, line, at, wide, side * Math.max(0, wide / 2 + 0.5 - line.lanes * LANE_M * view.scale / 2));
  });
  for (const [line, level] of full) {       // over the empty ones
    pen.strokeStyle = dark ? level.dark : level.light;
    const wide = Math.max(line.lanes * LANE_M * view.scale * 0.9, 2 + 0.5 * line.lanes);
    linkTrace(pen, line, at, wide, side * Math.max(0, wide / 2 + 0.5 - line.lanes * LANE_M * view.scale / 2));
  }
  canvas.dataset.queued = full.length;
  canvas.dataset.lamps = near && live ? live.lamps : "";
  if (near && live) {
    const r = Math.max(1.5 * view.scale, 2.6);
    for (const head of network.heads) {
      const [x, y] = at(head.x, head.y);
      if (!inside(x, y)) continue;
      pen.fillStyle = LAMPS[live.lamps[head.group]][0];
      pen.strokeStyle = dark ? "#000" : "#fff";
      pen.lineWidth = 1;
      pen.beginPath();
      pen.arc(x, y, r, 0, 2 * Math.PI);
      pen.fill();
      pen.stroke();
    }
  }
  pen.font = "12px system-ui, sans-serif";
  rows.forEach((row, i) => {
    const [x, y] = at(row.x_m, row.y_m), leader = leaderOf(row);
    if (!inside(x, y)) return;
    const r = near ? 5 : rows.length > 2000 ? 2 : 3.5;
    shapeDraw(pen, leader.shape, x, y, r, colourOf(leader.colour));
    if (i === chosen || i === hovered) {
      pen.strokeStyle = text;
      pen.lineWidth = i === chosen ? 3 : 1.5;
      pen.beginPath();
      pen.arc(x, y, r + 5, 0, 2 * Math.PI);
      pen.stroke();
    }
    if (view.scale > 0.5 || i === chosen) {
      pen.fillStyle = text;
      pen.fillText(row.name, x + r + 6, y - 6);
    }
  });
  scaleDraw(pen, view, width, height, text);
}

// So many metres, in round figures.
function scaleDraw(pen, view, width, height, colour) {
  const raw = 110 / view.scale, power = 10 ** Math.floor(Math.log10(raw));
  const metres = [5, 2, 1].map(step => step * power).find(one => one <= raw), long = metres * view.scale;
  pen.strokeStyle = pen.fillStyle = colour;
  pen.lineWidth = 1.5;
  pen.beginPath();
  pen.moveTo(width - 14 - long, height - 16); pen.lineTo(width - 14 - long, height - 11);
  pen.lineTo(width - 14, height - 11); pen.lineTo(width - 14, height - 16);
  pen.stroke();
  pen.textAlign = "center";
  pen.fillText(metres >= 1000 ? metres / 1000 + " km" : metres + " m", width - 14 - long / 2, height - 18);
  pen.textAlign = "left";
}

// A line over time from points [t_ms, value]; the axis begins at 0.
function chartDraw(canvas, points, unit, digits) {
  const { pen, width, height } = surface(canvas), faint = colourOf("--faint");
  pen.font = "11px system-ui, sans-serif";
  pen.fillStyle = faint;
  if (points.length < 2) { pen.fillText("collecting", 4, height / 2); return; }
  const top = Math.max(...points.map(point => point[1]), 1e-9) * 1.1, from = points[0][0], until = points.at(-1)[0];
  const x = t => 46 + (width - 52) * (t - from) / Math.max(until - from, 1), y = value => height - 14 - (height - 20) * value / top;
  pen.strokeStyle = colourOf("--line");
  pen.lineWidth = 1;
  for (const value of [0, top / 2.2, top / 1.1]) {
    pen.beginPath(); pen.moveTo(46, y(value)); pen.lineTo(width - 6, y(value)); pen.stroke();
    pen.textAlign = "right";
    pen.fillText(value.toFixed(digits), 42, y(value) + 4);
  }
  pen.textAlign = "left";
  const span_s = (until - from) / 1000;
  pen.fillText(span_s > 90 ? `${Math.round(span_s / 60)} min ago` : `${Math.round(span_s)} s ago`, 46, height - 2);
  pen.textAlign = "right";
  pen.fillText("now", width - 6, height - 2);
  pen.strokeStyle = colourOf("--plan");
  pen.lineWidth = 1.8;
  pen.beginPath();
  points.forEach(([t, value], i) => i === 0 ? pen.moveTo(x(t), y(value)) : pen.lineTo(x(t), y(value)));
  pen.stroke();
}

// The course of a plan: the letter of a group at t, from its greens and its yellow. "" where the plan says nothing.
function planLetter(plan, group, yellow_ms, t_ms) {
  if (t_ms >= plan.valid_until_ms) return "";
  const after = t_ms - plan.base_ms;
  let letter = "r";
  for (const [g, , start, end] of plan.greens) {
    if (g !== group) continue;
    let into = after - start;
    if (plan.kind === "cyclic") into = ((into % plan.cycle_ms) + plan.cycle_ms) % plan.cycle_ms;
    if (into >= 0 && into < end - start) return "G";
    if (into >= end - start && into < end - start + yellow_ms) letter = "y";
  }
  return letter;
}

// Rows of lamps: what was reported (samples [t_ms, letters of the intersection]) up to now, then what the plan asks.
function lampsDraw(canvas, at, plan, samples, now_ms, chosenGroups) {
  const past_s = 30, ahead_s = 60, row = 17, head = 16;
  const { pen, width, height } = surface(canvas, head + row * at.groups.length + 4), label = Math.min(110, width * 0.3);
  const x = t_ms => label + (width - label - 4) * ((t_ms - now_ms) / 1000 + past_s) / (past_s + ahead_s);
  const text = colourOf("--text"), faint = colourOf("--faint");
  pen.font = "11px system-ui, sans-serif";
  at.groups.forEach(([name, kind, yellow_ms], g) => {
    const y = head + row * g;
    pen.fillStyle = chosenGroups.has(g) ? text : faint;
    pen.textAlign = "left";
    pen.fillText(name.length > 16 ? name.slice(0, 15) + "…" : name, 0, y + 12);
    const bar = (from, until, letter, ahead) => {
      if (letter === "" || letter === "-" || until <= now_ms - past_s * 1000) return;
      const thick = letter === "G" ? 11 : letter === "r" || letter === "s" ? 3 : 8;
      pen.globalAlpha = ahead ? 0.6 : 1;
      pen.fillStyle = LAMPS[letter][0];
      pen.fillRect(x(Math.max(from, now_ms - past_s * 1000)), y + 8 - thick / 2, Math.max(x(until) - x(Math.max(from, now_ms - past_s * 1000)), 1), thick);
      pen.globalAlpha = 1;
    };
    for (let i = 0; i < samples.length; i++) {
      const until = i + 1 < samples.length ? samples[i + 1][0] : now_ms;
      if (until - samples[i][0] <= 3000) bar(samples[i][0], until, samples[i][1][g], false);
    }
    if (!plan) return;
    for (let t = now_ms; t < now_ms + ahead_s * 1000;) {     // quantum by half seconds: fine enough to look at
      const letter = planLetter(plan, g, yellow_ms, t);
      let until = t + 500;
      while (until < now_ms + ahead_s * 1000 && planLetter(plan, g, yellow_ms, until) === letter) until += 500;
      bar(t, until, letter, true);
      t = until;
    }
  });
  pen.strokeStyle = text;
  pen.lineWidth = 1;
  pen.beginPath(); pen.moveTo(x(now_ms), head - 3); pen.lineTo(x(now_ms), height); pen.stroke();
  pen.fillStyle = faint;
  pen.textAlign = "center";
  for (const s of [-30, 0, 30, 60]) {
    pen.textAlign = s === 60 ? "right" : s === -30 ? "left" : "center";
    pen.fillText(s === 0 ? "now" : (s > 0 ? "+" : "") + s + " s", x(now_ms + s * 1000), 10);
  }
}
