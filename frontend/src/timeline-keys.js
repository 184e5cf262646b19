// The keyboard on the timeline: a cursor of a row and a stretch of time. Arrows move it, with Shift they make it longer,
// Enter books it or opens what lies there; a polite region says what is there.

import { el } from "./timeline-parts.js";

/** Listens on the timeline. `sheet` holds its rows and the cursor, `span` says where instants lie. */
export function keyboard({ place, said, words, times, box, span, sheet, week, title, choose }) {
  /** What lies under the cursor. */
  function under() {
    const { row, start, end } = sheet.cursor;
    const meets = (from, to) => from < end && to > start;
    const booking = row.bookings.find((one) => meets(one.from, one.to));
    if (booking) return { text: `${title(booking)}${booking.at_risk ? `, ${words.risk}` : ""}, ${times.hours(booking.from, booking.to)}`, booking };
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
    span.put(mark, sheet.cursor.start, sheet.cursor.end);
    for (const row of sheet.rows) row.track.tabIndex = row === sheet.cursor.row ? 0 : -1;
    sheet.cursor.row.track.append(mark);
    sheet.cursor.row.track.focus({ preventScroll: true });
    sheet.cursor.row.element.scrollIntoView({ block: "nearest" });
    const text = words.cell.replace("{name}", sheet.cursor.row.name).replace("{when}", times.full(sheet.cursor.start, sheet.cursor.end)).replace("{what}", under().text);
    sheet.cursor.row.track.setAttribute("aria-label", text);
    said.textContent = text;
  }

  /** The next time on the grid of the keyboard, jumping over what is not shown. */
  function shift(at, by) {
    const part = Math.min(Math.max(span.across(at) + by / span.total, 0), 1 - Math.abs(by) / span.total);
    return span.instant(part, Math.abs(by));
  }

  const KEYS = {
    ArrowUp: () => turn(-1),
    ArrowDown: () => turn(1),
    PageUp: () => turn(-5),
    PageDown: () => turn(5),
    ArrowLeft: (shifted) => step(-1, shifted),
    ArrowRight: (shifted) => step(1, shifted),
    Home: () => go(span.days[0].from),
    End: () => go(span.days.at(-1).to - (sheet.cursor.end - sheet.cursor.start)),
    Enter: () => press(),
    " ": () => press(),
  };

  function turn(by) {
    sheet.cursor.row = sheet.rows[Math.min(Math.max(sheet.cursor.row.number + by, 0), sheet.rows.length - 1)];
  }

  function step(by, shifted) {
    const size = Math.max(sheet.cursor.row.step_minutes * 60_000, (week ? 60 : 30) * 60_000);
    if (shifted) sheet.cursor.end = Math.max(sheet.cursor.end + by * size, sheet.cursor.start + size);
    else go(shift(sheet.cursor.start, by * size));
  }

  function go(to) {
    sheet.cursor.end += to - sheet.cursor.start;
    sheet.cursor.start = to;
  }

  function press() {
    const { booking } = under();
    if (booking) box.details(booking.element, sheet.cursor.row, booking);
    else choose(sheet.cursor.row, sheet.cursor.start, sheet.cursor.end);
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
    if (event.target === sheet.cursor.row.track && event.target.matches(":focus-visible") && !place.querySelector(".tl-cursor")) point();
  });
  place.addEventListener("focusout", () => place.querySelector(".tl-cursor")?.remove());
  box.closed = () => sheet.cursor.row.track;
}
