// The timeline of all resources, drawn above the list that the page holds. It shows what the API's /calendar says, asks
// /reservations/check while something is dragged, and books and moves over the API, so the server judges everything.
// Positions are set through the style object: the content policy allows no style attribute.

import { bubble } from "./timeline-bubble.js";
import { keyboard } from "./timeline-keys.js";
import { ask, el, icon, judging, periods, teller, texts } from "./timeline-parts.js";
import { aims } from "./timeline-rows.js";
import { hoursOf, scale } from "./timeline-scale.js";

const HOUR = 3600_000;
const WIDE = window.matchMedia("(min-width: 48rem)");
const place = document.getElementById("timeline");
const list = document.getElementById("as-list");
const said = document.getElementById("tl-said");
const ICONS = { own: "user", other: "lock", requested: "hourglass", held: "bookmark", closure: "barrier-block" };
const KIND_ICONS = { machine: "tool", room: "door", office: "building", desk: "armchair", advisor: "headset" };

let data = JSON.parse(document.getElementById("timeline-data").textContent);
const sheet = { rows: [], cursor: null }; // cursor {row, start, end}: where the keyboard is
let busy = false; // something is dragged or asked: no fresh data now

const span = scale();
const { across, instant, put } = span;
const week = place.dataset.view === "week";
const words = texts();
const times = periods(data.zone);
const tell = teller(said);
const box = bubble(place, words, times);

/** A step that can be aimed at: the resource's own, or the next multiple of it that is some pixels wide. */
function stepOf(row) {
  const own = row.step_minutes * 60_000;
  const pixels = row.track.clientWidth / span.total;
  return own * Math.max(1, Math.ceil(5 / (own * pixels)));
}

// -- drawing ---------------------------------------------------------------------------------------------------------

/** What a booking looks like. */
const look = (one) => (one.state === "requested" ? "requested" : one.state === "held" ? "held" : one.own ? "own" : "other");

/** What a booking is called. */
function title(one) {
  if (one.own) return words[one.state === "requested" ? "requested" : "own"];
  return one.name || words[one.state === "held" ? "held" : "reserved"];
}

function band(row, kind, start, end, label = "") {
  const made = el("div", { class: "tl-band", "data-look": kind, title: label });
  if (!put(made, start, end)) return;
  if (label && kind === "closure") made.append(icon(ICONS.closure), el("span", {}, label));
  row.track.append(made);
}

/** What is not open, what is blocked, and the time kept free around bookings. */
function drawBands(row) {
  for (const day of span.days) {
    let at = day.from;
    for (const { start, end } of row.open) {
      const [from, to] = [Date.parse(start), Date.parse(end)];
      if (to <= day.from || from >= day.to) continue;
      if (from > at) band(row, "closed", at, Math.min(from, day.to));
      at = Math.max(at, to);
    }
    if (at < day.to) band(row, "closed", at, day.to);
  }
  for (const one of row.closures) band(row, "closure", Date.parse(one.start), Date.parse(one.end), one.reason || words.blocked);
  const buffer = row.buffer_minutes * 60_000;
  for (const one of buffer ? row.bookings : []) {
    if (one.state === "requested") continue;
    band(row, "buffer", one.from - buffer, one.from, words.buffer);
    band(row, "buffer", one.to, one.to + buffer, words.buffer);
  }
}

function drawBooking(row, one) {
  const kind = look(one);
  const text = `${times.span(one.from, one.to)}: ${title(one)}${one.at_risk ? `, ${words.risk}` : ""}${one.exclusive ? `, ${words.exclusive}` : ""}${one.note ? `, ${one.note}` : ""}`;
  const made = el("div", { class: "tl-booking", "data-look": kind, title: text });
  if (!put(made, one.from, one.to)) return;
  if (one.exclusive) made.dataset.exclusive = "yes";
  if (one.movable) made.dataset.movable = "yes";
  if (one.at_risk) made.dataset.risk = "yes";
  made.append(icon(one.at_risk ? "alert-triangle" : ICONS[kind]), el("b", {}, title(one)), el("span", {}, one.note || times.span(one.from, one.to)));
  if (one.movable && one.to <= span.days.at(-1).to) made.append(el("i", { class: "tl-grip", "aria-hidden": "true" }));
  one.element = made;
  made.booking = one;
  row.track.append(made);
}

/** The head: days and hours. */
function head() {
  const made = el("div", { class: "tl-track tl-scale", "aria-hidden": "true" });
  for (const day of span.days) {
    const label = el("div", { class: "tl-day" }, week ? el("b", {}, times.day(day.from)) : "");
    put(label, day.from, day.to);
    made.append(label);
    for (const at of hoursOf(day, week)) {
      const mark = el("span", { class: "tl-hour" }, times.hour(at));
      put(mark, at, at + HOUR);
      made.append(mark);
    }
  }
  return el("div", { class: "tl-row tl-top" }, el("div", { class: "tl-name" }), made);
}

/** Lines at hours and days, as bands of one pixel in each track. */
function drawLines(track) {
  for (const day of span.days) {
    for (let at = day.from + (week ? 4 : 1) * HOUR; at < day.to; at += (week ? 4 : 1) * HOUR) {
      const line = el("i", { class: "tl-line" });
      line.style.insetInlineStart = `${across(at) * 100}%`;
      track.append(line);
    }
    if (day.at === 0) continue;
    const line = el("i", { class: "tl-line tl-line-day" });
    line.style.insetInlineStart = `${(day.at / span.total) * 100}%`;
    track.append(line);
  }
}

function drawRow(resource, number) {
  const track = el("div", { class: "tl-track", role: "gridcell", tabindex: "-1", "aria-label": resource.name });
  const row = { ...resource, number, track };
  row.bookings = resource.bookings.map((one) => ({ ...one, from: Date.parse(one.start), to: Date.parse(one.end) }));
  drawLines(track);
  drawBands(row);
  for (const one of row.bookings) drawBooking(row, one);
  const name = el("div", { class: "tl-name", role: "rowheader" }, icon(KIND_ICONS[resource.kind] ?? "tool"),
    el("div", {}, el("a", { href: `/resources/${resource.id}`, tabindex: "-1" }, resource.name),
      el("span", {}, resource.in_service ? resource.place : words.out)));
  if (!resource.in_service) track.dataset.out = "yes";
  row.element = el("div", { class: "tl-row", role: "row" }, name, track);
  return row;
}

/** Draws everything anew; the keyboard stays where it was. */
function draw() {
  span.measure(data.days);
  const top = place.scrollTop;
  sheet.rows = data.resources.map(drawRow);
  const grid = el("div", { class: "tl-grid", role: "grid", "aria-label": words.grid }, ...sheet.rows.map((one) => one.element));
  place.replaceChildren(head(), grid);
  place.hidden = !WIDE.matches;
  place.scrollTop = top;
  drawNow();
  const kept = sheet.cursor && sheet.rows.find((one) => one.id === sheet.cursor.row.id);
  sheet.cursor = { row: kept ?? sheet.rows[0], start: sheet.cursor?.start ?? firstStart(), end: sheet.cursor?.end ?? 0, shown: false };
  if (sheet.cursor.end <= sheet.cursor.start) sheet.cursor.end = sheet.cursor.start + lengthOf(sheet.cursor.row);
  sheet.cursor.row.track.tabIndex = 0;
}

function drawNow() {
  place.querySelectorAll(".tl-now").forEach((one) => one.remove());
  const now = Date.now();
  if (!span.days.some((day) => day.from <= now && now < day.to)) return;
  for (const track of place.querySelectorAll(".tl-track")) {
    const line = el("i", { class: "tl-now", "aria-hidden": "true" });
    line.style.insetInlineStart = `${across(now) * 100}%`;
    track.append(line);
  }
}

// -- the server ------------------------------------------------------------------------------------------------------

/** Fetches the page anew and takes its data and its list. */
async function refresh() {
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!response.ok || response.redirected) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page.getElementById("timeline-data");
    if (!fresh) return;
    data = JSON.parse(fresh.textContent);
    list.replaceChildren(...page.getElementById("as-list").children);
    const focused = place.contains(document.activeElement);
    draw();
    if (focused) sheet.cursor.row.track.focus({ preventScroll: true });
  } catch {
    // the line is down: what is shown stays, the next minute asks again
  }
}

/** What the rules say to a time. A booking that is moved is not in its own way; `ids` are what it shall hold instead. */
async function judge(row, start, end, moved, ids) {
  const times = { start: iso(start), end: iso(end), ...(ids ? { resource_ids: ids } : {}) };
  const path = `/api/v1/reservations/${moved ? `${moved.reservation_id}/` : ""}check`;
  const { ok, answer } = await ask("POST", path, moved ? times : { resource_id: row.id, ...times });
  if (!ok) return { allowed: false, denials: answer.denials ?? [{ message: problem(answer) }], suggestions: [] };
  return answer;
}

const problem = (answer) => [answer.detail, ...(answer.errors ?? []).map((one) => one.message)].filter(Boolean).join(" ") || words.lost;
const iso = (at) => new Date(at).toISOString();

async function book(row, start, end, note) {
  const { ok, answer } = await ask("POST", "/api/v1/reservations", { resource_id: row.id, start: iso(start), end: iso(end), ...(note ? { note } : {}) });
  if (!ok) return refuse(row, start, end, answer, (from, to) => book(row, from, to, note));
  box.close();
  const text = answer.state === "requested" ? words.asked : words.booked;
  await refresh();
  sheet.cursor.row.track.focus({ preventScroll: true });
  tell(text.replace("{name}", row.name).replace("{when}", times.full(start, end))); // after what the focus says
}

/** Moves a booking to another time, and with `ids` to other resources, of which `row` is the one that is shown. */
async function move(row, one, start, end, { ids, back, undone = false } = {}) {
  const before = [one.from, one.to];
  const body = { start: iso(start), end: iso(end), ...(ids ? { resource_ids: ids } : {}) };
  const { ok, answer } = await ask("PATCH", `/api/v1/reservations/${one.reservation_id}`, body);
  if (!ok) {
    home(one);
    return refuse(row, start, end, answer, (from, to) => move(row, one, from, to, { ids, back }), one, ids);
  }
  box.close();
  const now = { ...one, from: start, to: end };
  const undo = undone ? null : { text: words.undo, act: () => move(back?.row ?? row, now, ...before, { ids: back?.ids, undone: true }) };
  const text = ids ? (undone ? words.undone_row : words.moved_row) : undone ? words.undone : words.moved;
  await refresh();
  tell(text.replace("{name}", row.name).replace("{when}", times.full(start, end)), undo);
}

/** Puts what was dragged back to where it is booked. */
function home(one) {
  if (!one.element) return;
  put(one.element, one.from, one.to);
  sheet.rows.find((row) => row.bookings.includes(one))?.track.append(one.element);
  one.element.classList.remove("tl-moving");
}

/** Says why not, with the nearest times that would do. */
async function refuse(row, start, end, answer, choose, moved = null, ids = undefined) {
  const verdict = await judge(row, start, end, moved, ids);
  const denials = answer.denials ?? [{ message: problem(answer) }];
  const at = moved?.element?.isConnected ? moved.element : row.track;
  box.refused(at, row, [start, end], { denials, suggestions: verdict.suggestions }, choose, moved !== null);
}

// -- dragging --------------------------------------------------------------------------------------------------------

/** How long a booking made with one press or the keyboard is: an hour, within the rules. */
const lengthOf = (row) => Math.min(Math.max(60, row.min_minutes), row.max_minutes) * 60_000;

place.addEventListener("pointerdown", (event) => {
  const track = event.target.closest(".tl-track[role]");
  if (!track || event.button !== 0 || (event.pointerType === "touch" && !event.target.closest("[data-movable]"))) return;
  const row = sheet.rows.find((one) => one.track === track);
  const booking = event.target.closest(".tl-booking")?.booking ?? null;
  if (booking && !booking.movable) return;
  event.preventDefault();
  sheet.cursor.row.track.tabIndex = -1;
  sheet.cursor.row = row;
  track.tabIndex = 0;
  track.focus({ preventScroll: true });
  drag(event, row, booking, event.target.closest(".tl-grip") !== null);
});

/** One drag from press to release: a new booking, or one that is moved or made longer. */
function drag(begin, row, booking, resizes) {
  const frame = row.track.getBoundingClientRect();
  const step = stepOf(row);
  const aim = booking && !resizes ? aims(place, sheet, row, booking) : null;
  const part = (event) => (event.clientX - frame.left) / frame.width;
  const pressed = instant(part(begin), step);
  const grabbed = booking ? across(booking.from) - part(begin) : 0;
  const rules = judging(async (from, to) => judge(over, from, to, booking, await aim?.holds(over)));
  let over = row; // the row that it is dragged over
  let draft = null;
  let [start, end] = booking ? [booking.from, booking.to] : [pressed, pressed];
  busy = true;

  function wanted(event) {
    if (over !== row && Math.abs(event.clientX - begin.clientX) < 6) return [booking.from, booking.to];
    const at = instant(part(event), step, "end");
    if (!booking) return at >= pressed ? [pressed, Math.max(at, pressed + step)] : [instant(part(event), step), pressed];
    if (resizes) return [booking.from, Math.max(at, booking.from + step)];
    const from = instant(part(event) + grabbed, step);
    return [from, from + booking.to - booking.from];
  }

  function dragged(event) {
    const last = over;
    over = aim?.under(event, over) ?? row;
    if (!draft && over === row && Math.abs(event.clientX - begin.clientX) < 4) return;
    draft ??= begun();
    const now = wanted(event);
    if (now[0] === start && now[1] === end && over === last && draft.dataset.said) return;
    [start, end] = now;
    if (over !== last) over.track.append(draft);
    draft.dataset.said = "yes";
    delete draft.dataset.verdict;
    put(draft, start, end);
    box.dragging(draft, over, [start, end]);
    rules.now(start, end, (verdict) => {
      draft.dataset.verdict = verdict.allowed ? "yes" : "no";
      box.verdict(verdict, booking !== null);
    });
  }

  function begun() {
    box.close();
    if (booking) {
      booking.element.classList.add("tl-moving");
      return booking.element;
    }
    const made = el("div", { class: "tl-draft" });
    row.track.append(made);
    return made;
  }

  async function dropped(event) {
    release();
    if (!draft) return booking ? box.details(booking.element, row, booking) : choose(row, pressed, pressed + lengthOf(row));
    if (event.type === "pointercancel") return back();
    if (!booking) return offer(row, start, end, draft);
    if (start === booking.from && end === booking.to && over === row) return back();
    const ids = await aim?.holds(over);
    await move(over, booking, start, end, { ids, back: ids && { row, ids: ids.map((one) => (one === over.id ? row.id : one)) } });
  }

  function back() {
    if (booking) home(booking);
    else draft?.remove();
    delete draft?.dataset.verdict;
    box.close();
  }

  function escaped(event) {
    if (event.key !== "Escape") return;
    release();
    back();
  }

  function release() {
    busy = false;
    rules.stop();
    document.removeEventListener("pointermove", dragged);
    document.removeEventListener("pointerup", dropped);
    document.removeEventListener("pointercancel", dropped);
    document.removeEventListener("keydown", escaped);
  }

  document.addEventListener("pointermove", dragged);
  document.addEventListener("pointerup", dropped);
  document.addEventListener("pointercancel", dropped);
  document.addEventListener("keydown", escaped);
}

/** The question whether to book a time, as soon as the rules allow it; the draft goes with it. */
async function offer(row, start, end, draft) {
  const again = (from, to) => book(row, from, to, "");
  box.offer(draft, row, [start, end], (note) => book(row, start, end, note));
  const verdict = await judge(row, start, end, null);
  draft.dataset.verdict = verdict.allowed ? "yes" : "no";
  if (verdict.allowed) box.verdict(verdict, false);
  else box.refused(draft, row, [start, end], verdict, again, false);
}

/** As `offer`, for a time that was not dragged. */
function choose(row, start, end) {
  const draft = el("div", { class: "tl-draft" });
  put(draft, start, end);
  row.track.append(draft);
  return offer(row, start, end, draft);
}

// A booking that cannot be moved tells what it is when it is pressed.
place.addEventListener("click", (event) => {
  const element = event.target.closest(".tl-booking");
  if (!element || element.booking.movable) return;
  box.details(element, sheet.rows.find((one) => one.track === element.parentElement), element.booking);
});

const firstStart = () => {
  const now = Date.now();
  const day = span.days.find((one) => one.from <= now && now < one.to);
  return day ? day.from + Math.ceil((now - day.from) / HOUR) * HOUR : span.days[0].from;
};

keyboard({ place, said, words, times, box, span, sheet, week, title, choose });

// -- the page --------------------------------------------------------------------------------------------------------

const toggle = document.querySelector("[data-shows-list]");
toggle.hidden = false;
toggle.addEventListener("click", () => {
  const open = list.classList.toggle("tl-list-shown");
  toggle.setAttribute("aria-expanded", String(open));
  if (open) list.scrollIntoView({ block: "start" });
});
WIDE.addEventListener("change", () => {
  place.hidden = !WIDE.matches;
});
draw();
setInterval(() => {
  if (busy || box.isOpen || document.hidden || list.contains(document.activeElement)) return drawNow();
  return refresh();
}, 60_000);
