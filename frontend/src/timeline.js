// The timeline of all resources, drawn above the list that the page holds. It shows what the API's /calendar says, asks
// /reservations/check while something is dragged, and books and moves over the API, so the server judges everything.
// Positions are set through the style object: the content policy allows no style attribute.

import { bubble } from "./timeline-bubble.js";
import { ask, el, icon, periods, texts } from "./timeline-parts.js";

const HOUR = 3600_000;
const WIDE = window.matchMedia("(min-width: 48rem)");
const place = document.getElementById("timeline");
const list = document.getElementById("as-list");
const said = document.getElementById("tl-said");
const ICONS = { own: "user", other: "lock", requested: "hourglass", held: "bookmark", closure: "barrier-block" };
const KIND_ICONS = { machine: "tool", room: "door", office: "building", desk: "armchair", advisor: "headset" };

let data = JSON.parse(document.getElementById("timeline-data").textContent);
let days = [];
let total = 0;
let rows = [];
let cursor = null; // {row, start, end}: where the keyboard is
let busy = false; // something is dragged or asked: no fresh data now

const week = place.dataset.view === "week";
const words = texts();
const times = periods(data.zone);
const box = bubble(place, words, times);

/** The days of the page as stretches of the visible width. */
function measure() {
  let reached = 0;
  days = data.days.map(({ start, end }) => {
    const [from, to] = [Date.parse(start), Date.parse(end)];
    const day = { from, to, at: reached };
    reached += to - from;
    return day;
  });
  total = reached;
}

/** Where an instant lies, 0 to 1; instants between two days lie on their edge. */
function across(at) {
  let last = 0;
  for (const day of days) {
    if (at < day.from) break;
    last = (day.at + Math.min(at, day.to) - day.from) / total;
  }
  return last;
}

/** The instant at a part of the width, on the step of `row`; `edge` "end" gives the end of a day and not the next begin. */
function instant(part, step, edge) {
  const at = Math.min(Math.max(part, 0), 1) * total;
  const day = days.findLast((one) => (edge === "end" ? one.at < at : one.at <= at)) ?? days[0];
  return Math.min(day.from + Math.round((at - day.at) / step) * step, day.to);
}

/** Puts an element from `start` to `end`; false when nothing of it is visible. */
function put(element, start, end) {
  const [from, to] = [across(start), across(end)];
  element.style.insetInlineStart = `${from * 100}%`;
  element.style.width = `${(to - from) * 100}%`;
  return to > from;
}

/** A step that can be aimed at: the resource's own, or the next multiple of it that is some pixels wide. */
function stepOf(row) {
  const own = row.step_minutes * 60_000;
  const pixels = row.track.clientWidth / total;
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
  for (const day of days) {
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
  const text = `${times.span(one.from, one.to)}: ${title(one)}${one.exclusive ? `, ${words.exclusive}` : ""}${one.note ? `, ${one.note}` : ""}`;
  const made = el("div", { class: "tl-booking", "data-look": kind, title: text });
  if (!put(made, one.from, one.to)) return;
  if (one.exclusive) made.dataset.exclusive = "yes";
  if (one.movable) made.dataset.movable = "yes";
  made.append(icon(ICONS[kind]), el("b", {}, title(one)), el("span", {}, one.note || times.span(one.from, one.to)));
  if (one.movable && one.to <= days.at(-1).to) made.append(el("i", { class: "tl-grip", "aria-hidden": "true" }));
  one.element = made;
  made.booking = one;
  row.track.append(made);
}

/** The head: days and hours. */
function head() {
  const made = el("div", { class: "tl-track tl-scale", "aria-hidden": "true" });
  for (const day of days) {
    const label = el("div", { class: "tl-day" }, week ? el("b", {}, times.day(day.from)) : "");
    put(label, day.from, day.to);
    made.append(label);
    const every = week ? (day.to - day.from > 14 * HOUR ? 6 : 4) : 1;
    for (let at = day.from; day.to - at >= (week ? 2.5 : 0.5) * HOUR; at += every * HOUR) {
      const mark = el("span", { class: "tl-hour" }, times.hour(at));
      put(mark, at, at + HOUR);
      made.append(mark);
    }
  }
  return el("div", { class: "tl-row tl-top" }, el("div", { class: "tl-name" }), made);
}

/** Lines at hours and days, as bands of one pixel in each track. */
function drawLines(track) {
  for (const day of days) {
    for (let at = day.from + (week ? 4 : 1) * HOUR; at < day.to; at += (week ? 4 : 1) * HOUR) {
      const line = el("i", { class: "tl-line" });
      line.style.insetInlineStart = `${across(at) * 100}%`;
      track.append(line);
    }
    if (day.at === 0) continue;
    const line = el("i", { class: "tl-line tl-line-day" });
    line.style.insetInlineStart = `${(day.at / total) * 100}%`;
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
  measure();
  const top = place.scrollTop;
  rows = data.resources.map(drawRow);
  const grid = el("div", { class: "tl-grid", role: "grid", "aria-label": words.grid }, ...rows.map((one) => one.element));
  place.replaceChildren(head(), grid);
  place.hidden = !WIDE.matches;
  place.scrollTop = top;
  drawNow();
  const kept = cursor && rows.find((one) => one.id === cursor.row.id);
  cursor = { row: kept ?? rows[0], start: cursor?.start ?? firstStart(), end: cursor?.end ?? 0, shown: false };
  if (cursor.end <= cursor.start) cursor.end = cursor.start + lengthOf(cursor.row);
  cursor.row.track.tabIndex = 0;
}

function drawNow() {
  place.querySelectorAll(".tl-now").forEach((one) => one.remove());
  const now = Date.now();
  if (!days.some((day) => day.from <= now && now < day.to)) return;
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
    if (focused) cursor.row.track.focus({ preventScroll: true });
  } catch {
    // the line is down: what is shown stays, the next minute asks again
  }
}

/** What the rules say to a time. A booking that is moved is not in its own way. */
async function judge(row, start, end, moved) {
  const body = { resource_id: row.id, start: iso(start), end: iso(end) };
  if (moved?.person_id) body.person_id = moved.person_id;
  const { ok, answer } = await ask("POST", "/api/v1/reservations/check", body);
  if (!ok) return { allowed: false, denials: answer.denials ?? [{ message: problem(answer) }], suggestions: [] };
  if (!moved) return answer;
  const itself = (one) => one.params?.starts_at && Date.parse(one.params.starts_at) === moved.from && Date.parse(one.params.ends_at) === moved.to;
  const denials = answer.denials.filter((one) => !(["slot_taken", "too_close"].includes(one.code) && itself(one)));
  return { ...answer, denials, allowed: denials.length === 0 };
}

const problem = (answer) => [answer.detail, ...(answer.errors ?? []).map((one) => one.message)].filter(Boolean).join(" ") || words.lost;
const iso = (at) => new Date(at).toISOString();

async function book(row, start, end, note) {
  const { ok, answer } = await ask("POST", "/api/v1/reservations", { resource_id: row.id, start: iso(start), end: iso(end), ...(note ? { note } : {}) });
  if (!ok) return refuse(row, start, end, answer, (from, to) => book(row, from, to, note));
  box.close();
  const text = answer.state === "requested" ? words.asked : words.booked;
  tell(text.replace("{name}", row.name).replace("{when}", times.full(start, end)));
  await refresh();
  cursor.row.track.focus({ preventScroll: true });
}

async function move(row, one, start, end, undone = false) {
  const before = [one.from, one.to];
  const { ok, answer } = await ask("PATCH", `/api/v1/reservations/${one.reservation_id}`, { start: iso(start), end: iso(end) });
  if (!ok) {
    put(one.element, one.from, one.to);
    one.element.classList.remove("tl-moving");
    return refuse(row, start, end, answer, (from, to) => move(row, one, from, to), one);
  }
  box.close();
  const now = { ...one, from: start, to: end };
  const undo = undone ? null : { text: words.undo, act: () => move(row, now, ...before, true) };
  tell((undone ? words.undone : words.moved).replace("{when}", times.full(start, end)), undo);
  await refresh();
}

/** Says why not, with the nearest times that would do. */
async function refuse(row, start, end, answer, choose, moved = null) {
  const verdict = await judge(row, start, end, moved);
  const denials = answer.denials ?? [{ message: problem(answer) }];
  const at = moved?.element?.isConnected ? moved.element : row.track;
  box.refused(at, row, [start, end], { denials, suggestions: verdict.suggestions }, choose, moved !== null);
}

let toast = null;
function tell(text, action = null) {
  said.textContent = text;
  toast?.remove();
  toast = el("div", { class: "tl-toast" }, icon("check"), el("span", {}, text));
  if (action) {
    const button = el("button", { class: "btn", type: "button" }, action.text);
    button.addEventListener("click", action.act);
    toast.append(button);
  }
  document.body.append(toast);
  const mine = toast;
  setTimeout(() => mine.remove(), action ? 20_000 : 8_000);
}

// -- dragging --------------------------------------------------------------------------------------------------------

/** How long a booking made with one press or the keyboard is: an hour, within the rules. */
const lengthOf = (row) => Math.min(Math.max(60, row.min_minutes), row.max_minutes) * 60_000;

/** Asks the rules a moment after the last change, and shows the newest answer only. */
function judging(row, moved) {
  let timer = null;
  let latest = 0;
  return {
    now(start, end, show) {
      clearTimeout(timer);
      const mine = ++latest;
      timer = setTimeout(async () => {
        const verdict = await judge(row, start, end, moved);
        if (mine === latest) show(verdict);
      }, 180);
    },
    stop() {
      clearTimeout(timer);
      latest++;
    },
  };
}

place.addEventListener("pointerdown", (event) => {
  const track = event.target.closest(".tl-track[role]");
  if (!track || event.button !== 0 || (event.pointerType === "touch" && !event.target.closest("[data-movable]"))) return;
  const row = rows.find((one) => one.track === track);
  const booking = event.target.closest(".tl-booking")?.booking ?? null;
  if (booking && !booking.movable) return;
  event.preventDefault();
  cursor.row.track.tabIndex = -1;
  cursor.row = row;
  track.tabIndex = 0;
  track.focus({ preventScroll: true });
  drag(event, row, booking, event.target.closest(".tl-grip") !== null);
});

/** One drag from press to release: a new booking, or one that is moved or made longer. */
function drag(begin, row, booking, resizes) {
  const frame = row.track.getBoundingClientRect();
  const step = stepOf(row);
  const part = (event) => (event.clientX - frame.left) / frame.width;
  const pressed = instant(part(begin), step);
  const grabbed = booking ? across(booking.from) - part(begin) : 0;
  const rules = judging(row, booking);
  let draft = null;
  let [start, end] = booking ? [booking.from, booking.to] : [pressed, pressed];
  busy = true;

  function wanted(event) {
    const at = instant(part(event), step, "end");
    if (!booking) return at >= pressed ? [pressed, Math.max(at, pressed + step)] : [instant(part(event), step), pressed];
    if (resizes) return [booking.from, Math.max(at, booking.from + step)];
    const from = instant(part(event) + grabbed, step);
    return [from, from + booking.to - booking.from];
  }

  function dragged(event) {
    if (!draft && Math.abs(event.clientX - begin.clientX) < 4) return;
    draft ??= begun();
    const now = wanted(event);
    if (now[0] === start && now[1] === end && draft.dataset.said) return;
    [start, end] = now;
    draft.dataset.said = "yes";
    delete draft.dataset.verdict;
    put(draft, start, end);
    box.dragging(draft, row, [start, end]);
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
    if (start === booking.from && end === booking.to) return back();
    await move(row, booking, start, end);
  }

  function back() {
    if (booking) put(booking.element, booking.from, booking.to);
    booking?.element.classList.remove("tl-moving");
    if (!booking) draft?.remove();
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
  box.details(element, rows.find((one) => one.track === element.parentElement), element.booking);
});

// -- the keyboard ----------------------------------------------------------------------------------------------------

const firstStart = () => {
  const now = Date.now();
  const day = days.find((one) => one.from <= now && now < one.to);
  return day ? day.from + Math.ceil((now - day.from) / HOUR) * HOUR : days[0].from;
};

/** What lies under the cursor. */
function under() {
  const { row, start, end } = cursor;
  const meets = (from, to) => from < end && to > start;
  const booking = row.bookings.find((one) => meets(one.from, one.to));
  if (booking) return { text: `${title(booking)}, ${times.hours(booking.from, booking.to)}`, booking };
  if (!row.in_service) return { text: words.out };
  const closure = row.closures.find((one) => meets(Date.parse(one.start), Date.parse(one.end)));
  if (closure) return { text: closure.reason || words.blocked };
  const open = row.open.some((one) => Date.parse(one.start) <= start && end <= Date.parse(one.end));
  return { text: open ? words.free : words.closed };
}

/** Shows the cursor, keeps it in sight and says what is there. */
function point() {
  place.querySelector(".tl-cursor")?.remove();
  const mark = el("div", { class: "tl-cursor" });
  put(mark, cursor.start, cursor.end);
  for (const row of rows) row.track.tabIndex = row === cursor.row ? 0 : -1;
  cursor.row.track.append(mark);
  cursor.row.track.focus({ preventScroll: true });
  cursor.row.element.scrollIntoView({ block: "nearest" });
  const text = words.cell.replace("{name}", cursor.row.name).replace("{when}", times.full(cursor.start, cursor.end)).replace("{what}", under().text);
  cursor.row.track.setAttribute("aria-label", text);
  said.textContent = text;
}

/** The next time on the grid of the keyboard, jumping over what is not shown. */
function shift(at, by) {
  const part = Math.min(Math.max(across(at) + by / total, 0), 1 - Math.abs(by) / total);
  return instant(part, Math.abs(by));
}

const KEYS = {
  ArrowUp: () => turn(-1),
  ArrowDown: () => turn(1),
  PageUp: () => turn(-5),
  PageDown: () => turn(5),
  ArrowLeft: (shifted) => step(-1, shifted),
  ArrowRight: (shifted) => step(1, shifted),
  Home: () => go(days[0].from),
  End: () => go(days.at(-1).to - (cursor.end - cursor.start)),
  Enter: () => press(),
  " ": () => press(),
};

function turn(by) {
  cursor.row = rows[Math.min(Math.max(cursor.row.number + by, 0), rows.length - 1)];
}

function step(by, shifted) {
  const size = Math.max(cursor.row.step_minutes * 60_000, (week ? 60 : 30) * 60_000);
  if (shifted) cursor.end = Math.max(cursor.end + by * size, cursor.start + size);
  else go(shift(cursor.start, by * size));
}

function go(to) {
  cursor.end += to - cursor.start;
  cursor.start = to;
}

function press() {
  const { booking } = under();
  if (booking) box.details(booking.element, cursor.row, booking);
  else choose(cursor.row, cursor.start, cursor.end);
  return "away";
}

place.addEventListener("keydown", (event) => {
  if (!event.target.matches(".tl-track") || event.altKey || event.ctrlKey || event.metaKey) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  if (act(event.shiftKey) !== "away") point();
});
place.addEventListener("focusin", (event) => {
  if (event.target === cursor.row.track && event.target.matches(":focus-visible") && !place.querySelector(".tl-cursor")) point();
});
place.addEventListener("focusout", () => place.querySelector(".tl-cursor")?.remove());
box.closed = () => cursor.row.track;

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
