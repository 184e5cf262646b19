// Where instants lie on the timeline: its days are stretches of the width that is shown.

/** The stretches of the days shown, 0 to 1. `measure` takes the page's days: [{start, end}, …]. */
export function scale() {
  let days = [];
  let total = 0;

  function measure(shown) {
    let reached = 0;
    days = shown.map(({ start, end }) => {
      const [from, to] = [Date.parse(start), Date.parse(end)];
      const day = { from, to, at: reached };
      reached += to - from;
      return day;
    });
    total = reached;
  }

  /** Where an instant lies; instants between two days lie on their edge. */
  function across(at) {
    let last = 0;
    for (const day of days) {
      if (at < day.from) break;
      last = (day.at + Math.min(at, day.to) - day.from) / total;
    }
    return last;
  }

  /** The instant at a part of the width, on the step of `row`; `edge` "end" gives the end of a day, not the next begin. */
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

  return {
    get days() {
      return days;
    },
    get total() {
      return total;
    },
    measure,
    across,
    instant,
    put,
  };
}

/** The instants of a day whose hours are written; in a week, none so late that it would run into the next day. */
export function hoursOf({ from, to }, week) {
  const HOUR = 3600_000;
  const every = (week ? (to - from > 14 * HOUR ? 6 : 4) : 1) * HOUR;
  const room = week ? (to - from) / 4 : HOUR / 2;
  const found = [];
  for (let at = from; to - at >= room; at += every) found.push(at);
  return found;
}
