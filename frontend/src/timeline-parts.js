// Small parts of the timeline: elements, icons, times in the lab's zone, questions to the API.

/** An element with attributes and children; empty ones are left out. */
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== "" && value !== undefined) made.setAttribute(key, value);
  made.append(...children.filter((one) => one !== "" && one != null));
  return made;
}

/** An icon of the sprite, decoration only. */
export function icon(name) {
  const SVG = "http://www.w3.org/2000/svg";
  const made = document.createElementNS(SVG, "svg");
  made.setAttribute("class", "icon");
  made.setAttribute("aria-hidden", "true");
  made.setAttribute("focusable", "false");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${document.getElementById("timeline").dataset.sprite}#${name}`);
  made.append(use);
  return made;
}

/** The sentences of the page in its language. */
export const texts = () => JSON.parse(document.getElementById("timeline-texts").textContent);

/** Instants as people of the lab read them. */
export function periods(zone) {
  const { lang } = document.documentElement;
  const form = (options) => new Intl.DateTimeFormat(lang === "en" ? "en-GB" : lang, { timeZone: zone, ...options });
  const clock = form({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const date = form({ weekday: "short", day: "numeric", month: "short" });
  const plain = new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" });
  const hours = (from, to) => `${clock.format(from)}–${clock.format(to)}`;
  const sameDay = (from, to) => plain.format(from) === plain.format(to - 1);
  const full = (from, to) =>
    sameDay(from, to) ? `${date.format(from)}, ${hours(from, to)}` : `${date.format(from)}, ${clock.format(from)} – ${date.format(to)}, ${clock.format(to)}`;
  return {
    hours,
    full,
    span: (from, to) => (sameDay(from, to) ? hours(from, to) : full(from, to)),
    day: (at) => date.format(at),
    hour: (at) => clock.format(at),
    iso: (at) => plain.format(at),
    clock: (at) => clock.format(at),
  };
}

/** Asks the API; the answer is {} where there is none. */
export async function ask(method, path, body) {
  const token = document.querySelector('meta[name="csrf-token"]').content;
  try {
    const response = await fetch(path, {
      method,
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": token },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    return { ok: response.ok, answer: text ? JSON.parse(text) : {} };
  } catch {
    return { ok: false, answer: {} };
  }
}

/** Asks `judge` about a time a moment after the last change, and shows the newest answer only. */
export function judging(judge) {
  let timer = null;
  let latest = 0;
  return {
    now(start, end, show) {
      clearTimeout(timer);
      const mine = ++latest;
      timer = setTimeout(async () => {
        const verdict = await judge(start, end);
        if (mine === latest) show(verdict);
      }, 180);
    },
    stop() {
      clearTimeout(timer);
      latest++;
    },
  };
}

/** What happened, for a while at the edge of the page and at once in the polite region `said`; `action` can be undone. */
export function teller(said) {
  let toast = null;
  return (text, action = null) => {
    said.textContent = text;
    toast?.remove();
    toast = el("div", { class: "tl-toast" }, icon("check"), el("span", {}, text));
    if (action) {
      const button = el("button", { class: "btn", type: "button" }, action.text);
      button.addEventListener("click", action.act);
      toast.append(button);
    }
    document.querySelector("main").append(toast);
    const mine = toast;
    setTimeout(() => mine.remove(), action ? 20_000 : 8_000);
  };
}
