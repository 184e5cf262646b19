// The attendance sheet: every tick is kept in this browser at once and then sent; what cannot be sent now waits here, also
// over a reload, and goes out when the server can be reached again. Each tick carries the instant it was made.
const sheet = document.querySelector("[data-sheet]");
const words = sheet.dataset;
const form = sheet.querySelector("form");
const banner = document.getElementById("sheet-banner");
const STORE = `attendance-${words.sheet}-${words.person}`;
const FIRST_TRY = 3000; // milliseconds until it is tried again; twice as long each time, at most LAST_TRY
const LAST_TRY = 60000;
const TYPING = 700;
let sending = false;
let timer = 0;
let wait = FIRST_TRY;
let trouble = "";

// -- what is kept ------------------------------------------------------------------------------------------------------

/** All ticks of this sheet by their place on it; those with `sent` are on the server, and stay until a page shows them. */
function kept() {
  try {
    return JSON.parse(localStorage.getItem(STORE)) ?? {};
  } catch {
    return {};
  }
}

function keep(ticks) {
  if (Object.keys(ticks).length) localStorage.setItem(STORE, JSON.stringify(ticks));
  else localStorage.removeItem(STORE);
}

const waiting = (ticks = kept()) => Object.entries(ticks).filter(([, tick]) => !tick.sent);
const time = (at) => (at ? Date.parse(at) : 0);

/** The field that a tick is of: a date of somebody, or what is said of him in the end. */
const cell = (key) => sheet.querySelector(`[data-cell="${key}"]`);

function choose(where, value) {
  for (const input of where.querySelectorAll("input[type=radio]")) input.checked = input.value === value;
}

/** Shows a tick on the page. */
function show(key, tick) {
  const where = cell(key);
  if (!where) return;
  choose(where, (tick.date_id ? tick.mark : tick.outcome) ?? "");
  const note = where.querySelector("input[type=text]");
  if (note && note !== document.activeElement) note.value = tick.note ?? "";
}

/** What was ticked here and is newer than the page; what the page has already is forgotten. */
function overlay() {
  const ticks = kept();
  for (const [key, tick] of Object.entries(ticks)) {
    const where = cell(key);
    const newer = where && time(tick.at) > time(where.dataset.at);
    if (newer) show(key, tick);
    else if (tick.sent) delete ticks[key];
  }
  keep(ticks);
}

// -- ticking -----------------------------------------------------------------------------------------------------------

function ticked(where) {
  const key = where.dataset.cell;
  const ticks = kept();
  const newest = Math.max(Date.now(), time(where.dataset.at) + 1, time(ticks[key]?.at) + 1); // also where a clock is slow
  const value = where.querySelector("input[type=radio]:checked")?.value ?? "";
  const tick = { enrolment_id: where.dataset.enrolment, at: new Date(newest).toISOString() };
  if (where.dataset.date) Object.assign(tick, { date_id: where.dataset.date, mark: value });
  else Object.assign(tick, { outcome: value || null, note: where.querySelector("input[type=text]").value.trim() });
  if (tick.date_id && !tick.mark) return;
  ticks[key] = tick;
  keep(ticks);
  tell();
}

sheet.addEventListener("change", (event) => {
  const where = event.target.closest("[data-cell]");
  if (!where) return;
  ticked(where);
  soon(0);
});
sheet.addEventListener("input", (event) => {
  const where = event.target.matches("input[type=text]") && event.target.closest("[data-cell]");
  if (!where) return;
  ticked(where);
  soon(TYPING);
});
form.addEventListener("submit", (event) => {
  event.preventDefault(); // the button is for browsers without scripts; here everything is sent by itself
  soon(0);
});

// -- sending -----------------------------------------------------------------------------------------------------------

function soon(after) {
  clearTimeout(timer);
  timer = setTimeout(send, after);
}

function later(why) {
  trouble = why;
  soon(wait);
  wait = Math.min(wait * 2, LAST_TRY);
}

async function send() {
  if (sending || waiting().length === 0) return;
  sending = true;
  clearTimeout(timer);
  const out = waiting();
  try {
    const answer = await patch(out.map(([, { sent, ...tick }]) => tick));
    if (answer.ok) received(out, await answer.json());
    else if (answer.status === 401) later(words.signIn);
    else later((await answer.json().catch(() => ({}))).detail || words.refused);
  } catch {
    later(""); // no connection: the banner says so
  } finally {
    sending = false;
    tell();
  }
  if (!trouble && waiting().length) soon(wait === FIRST_TRY ? 0 : wait);
}

/** Sends the ticks. A token that is no more of this session is fetched anew, once. */
async function patch(ticks, again = true) {
  const token = document.querySelector('meta[name="csrf-token"]');
  const answer = await fetch(words.address, {
    method: "PATCH",
    headers: { "Content-Type": "application/json", "X-CSRFToken": token.content },
    body: JSON.stringify({ ticks }),
    signal: AbortSignal.timeout(20000),
  });
  if (answer.status !== 400 || !again) return answer;
  const page = await fetch(location.pathname, { headers: { Accept: "text/html" } });
  const fresh = new DOMParser().parseFromString(await page.text(), "text/html").querySelector('meta[name="csrf-token"]');
  if (!page.ok || page.redirected || !fresh) return new Response(null, { status: 401 });
  token.content = fresh.content;
  return patch(ticks, false);
}

/** The server has them: what it did not take is told at the person; what came of it is shown. */
function received(out, answer) {
  wait = FIRST_TRY;
  trouble = "";
  const ticks = kept();
  const refused = new Map(answer.refused.map((one) => [one.place, one.why]));
  out.forEach(([key, tick], place) => {
    if (ticks[key]?.at !== tick.at) return; // ticked again meanwhile
    if (refused.has(place)) {
      delete ticks[key];
      complain(tick.enrolment_id, refused.get(place));
    } else ticks[key].sent = true;
  });
  for (const row of answer.rows) known(row, ticks);
  keep(ticks);
}

/** What the server knows of one person, where nothing newer waits here. */
function known(row, ticks) {
  const cells = row.marks.map((one) => [`${row.enrolment_id}-${one.date_id}`, { ...one, enrolment_id: row.enrolment_id }]);
  if (row.at) cells.push([`${row.enrolment_id}`, { outcome: row.outcome, note: row.note, at: row.at }]);
  for (const [key, tick] of cells) {
    const where = cell(key);
    if (!where) continue;
    where.dataset.at = tick.at;
    if (ticks[key] && !ticks[key].sent) continue;
    if (ticks[key]) ticks[key].at = tick.at;
    show(key, tick);
  }
  results(row);
}

/** Certified, or what is in the way. */
function results(row) {
  const card = document.getElementById(`person-${row.enrolment_id}`);
  if (!card) return;
  card.querySelector("[data-certified]").hidden = row.granted.length === 0 || row.still_granted || row.missing.length > 0;
  card.querySelector("[data-stays]").hidden = !row.still_granted;
  const box = card.querySelector("[data-missing]");
  box.hidden = row.missing.length === 0;
  box.querySelector("ul").replaceChildren(
    ...row.missing.flatMap((one) => [...one.denials.map((denial) => denial.message), one.why].filter(Boolean)).map(item),
  );
}

function item(text) {
  const made = document.createElement("li");
  made.textContent = text;
  return made;
}

function complain(enrolment, why) {
  const place = document.querySelector(`#person-${enrolment} [data-refused]`);
  if (!place) return;
  place.hidden = false;
  place.querySelector("p").textContent = why;
}

// -- what is said ------------------------------------------------------------------------------------------------------

const plural = new Intl.PluralRules(document.documentElement.lang);

/** The banner: nothing while all is well, else how many ticks wait, and why. Who has some is marked. */
function tell() {
  const out = waiting();
  const stuck = out.length > 0 && (trouble || !navigator.onLine || wait > FIRST_TRY);
  banner.dataset.state = stuck ? "warning" : "good";
  banner.hidden = !stuck && !banner.dataset.used;
  if (stuck) banner.dataset.used = "yes";
  const form_ = plural.select(out.length) === "one" ? words.waitOne : words.waitOther;
  const text = stuck ? `${form_.replace("{n}", out.length)} ${trouble || words.offline}` : words.allSent;
  const says = banner.querySelector("p");
  if (says.textContent !== text) says.textContent = text;
  banner.querySelector("[data-look=stuck]").hidden = !stuck;
  banner.querySelector("[data-look=sent]").hidden = Boolean(stuck);
  banner.querySelector("a").hidden = trouble !== words.signIn;
  const whose = new Set(out.map(([, tick]) => tick.enrolment_id));
  for (const mark of sheet.querySelectorAll("[data-waits]")) mark.hidden = !whose.has(mark.dataset.waits);
  count();
}

/** How many are ticked present at the date that is shown. */
function count() {
  for (const total of sheet.querySelectorAll("[data-count]")) {
    const there = sheet.querySelectorAll(`[data-date="${total.dataset.count}"] input[value=present]:checked`).length;
    total.textContent = there;
  }
}

addEventListener("online", () => {
  wait = FIRST_TRY;
  soon(0);
});
addEventListener("offline", tell);
addEventListener("storage", (event) => {
  if (event.key !== STORE) return;
  overlay();
  tell();
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") soon(0);
});

// A sheet that was opened too early can be ticked once its time has come, also where there is no connection then.
const LONGEST_TIMER = 2 ** 31 - 1;
function open() {
  const still = time(words.opens) - Date.now();
  if (still > 0) return setTimeout(open, Math.min(still, LONGEST_TIMER));
  for (const one of sheet.querySelectorAll(".seg-field, .sheet-note input")) one.disabled = false;
}
if (words.opens) open();

for (const one of sheet.querySelectorAll("[data-plain]")) one.hidden = true;
overlay();
tell();
soon(0);

// -- opening without a connection --------------------------------------------------------------------------------------

if ("serviceWorker" in navigator) {
  await navigator.serviceWorker.register(words.worker, { scope: words.scope }).catch(() => {});
  await navigator.serviceWorker.ready;
  const parts = performance.getEntriesByType("resource").map((one) => one.name.split("#")[0]);
  const own = [...new Set(parts)].filter((one) => one.startsWith(`${location.origin}/`) && one.includes("/static/"));
  const cache = await caches.open("attendance-sheets");
  const had = new Set((await cache.keys()).map((one) => one.url));
  const more = own.filter((one) => !had.has(one));
  const missing = had.has(location.origin + location.pathname) ? more : [...more, location.pathname];
  await Promise.all(missing.map((one) => cache.add(one).catch(() => {})));
  sheet.dataset.ready = "yes";
}
