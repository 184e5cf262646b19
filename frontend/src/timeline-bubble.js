// The bubble beside what is dragged, chosen or pressed: when, what the rules say, what can be done.

import { el, icon } from "./timeline-parts.js";

/** Makes the bubble of a timeline. `closed` tells where the focus goes back to. */
export function bubble(place, words, times) {
  const box = el("div", { class: "tl-bubble", role: "dialog", tabindex: "-1" });
  box.hidden = true;
  let anchor = null;
  let verdictPlace = null;
  document.body.append(box);

  const made = {
    closed: () => null,

    get isOpen() {
      return !box.hidden;
    },

    /** While something is dragged: the time, and that the rules are asked. */
    dragging(at, row, [start, end]) {
      open(at, row, times.full(start, end), "tl-passive");
      says("asking", "hourglass", words.checking);
    },

    /** What the rules say to what is shown. */
    verdict(verdict, moves) {
      if (!verdictPlace?.isConnected) return;
      if (!verdict.allowed) return reasons(verdict.denials);
      const asks = verdict.needs_approval && !moves;
      says("good", asks ? "hourglass" : "circle-check", asks ? words.request : moves ? words.move_allowed : words.allowed);
      const button = box.querySelector(".btn-primary");
      if (asks && button) button.textContent = words.ask;
    },

    /** Whether to book this time. */
    offer(at, row, [start, end], book) {
      open(at, row, times.full(start, end));
      says("asking", "hourglass", words.checking);
      const note = el("input", { class: "form-control", name: "note", maxlength: "500", placeholder: words.note, "aria-label": words.note, autocomplete: "off" });
      const form = el("form", {}, note, el("div", { class: "tl-acts" }, el("button", { class: "btn btn-primary", type: "submit" }, row.approval ? words.ask : words.book), more(row, start, end)));
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        book(note.value.trim());
      });
      box.append(form);
      settle();
      form.querySelector("button").focus({ preventScroll: true });
    },

    /** Why not, and the nearest times that would do, each one press away. */
    refused(at, row, [start, end], { denials, suggestions }, choose, moves) {
      open(at, row, times.full(start, end));
      reasons(denials, moves ? words.back : "");
      const slots = (suggestions ?? []).map((one) => {
        const [from, to] = [Date.parse(one.start), Date.parse(one.end)];
        const text = (moves ? words.choose_move : words.choose).replace("{when}", times.full(from, to));
        const button = el("button", { class: "btn", type: "button", "aria-label": text }, icon("calendar-plus"), times.full(from, to));
        button.addEventListener("click", () => choose(from, to));
        return button;
      });
      if (slots.length) box.append(el("h3", {}, words.nearest), el("div", { class: "tl-slots" }, ...slots));
      if (!moves) box.append(el("div", { class: "tl-acts" }, more(row, start, end)));
      settle();
      (slots[0] ?? box.querySelector(".tl-close")).focus({ preventScroll: true });
    },

    /** What a booking is, and the way to its page. */
    details(at, row, one) {
      open(at, row, times.full(one.from, one.to));
      const who = one.own ? words.own : one.name || words[one.state === "held" ? "held" : "reserved"];
      box.append(el("p", {}, el("b", {}, who), one.state === "requested" ? ` · ${words.requested}` : "", one.at_risk ? ` · ${words.risk}` : "", one.exclusive ? ` · ${words.exclusive}` : ""));
      if (one.note) box.append(el("p", { class: "muted" }, one.note));
      if (one.reservation_id) {
        const url = `/reservations/${one.reservation_id}`;
        const acts = el("div", { class: "tl-acts" }, el("a", { class: "btn btn-primary", href: url }, words.open));
        if (one.movable) acts.append(el("a", { class: "btn", href: `${url}/change` }, words.change), el("a", { class: "btn", href: `${url}/cancel` }, words.cancel));
        box.append(acts);
      }
      settle();
      (box.querySelector("a, button.tl-close") ?? box).focus({ preventScroll: true });
    },

    close() {
      if (box.hidden) return;
      const focused = box.contains(document.activeElement);
      box.hidden = true;
      document.querySelectorAll(".tl-draft").forEach((one) => one.remove());
      anchor = null;
      if (focused) made.closed()?.focus({ preventScroll: true });
    },
  };

  function open(at, row, when, look = "") {
    if (at !== anchor) document.querySelectorAll(".tl-draft").forEach((one) => one !== at && one.remove());
    anchor = at;
    box.className = `tl-bubble ${look}`;
    const title = el("h2", { id: "tl-bubble-title" }, row.name);
    const close = el("button", { class: "tl-close", type: "button", "aria-label": words.close }, icon("x"));
    close.addEventListener("click", () => made.close());
    verdictPlace = el("div", { class: "tl-verdict", role: "status" });
    box.setAttribute("aria-labelledby", "tl-bubble-title");
    box.replaceChildren(title, look ? "" : close, el("p", { class: "tl-when" }, icon("clock"), when), verdictPlace);
    box.hidden = false;
    settle();
  }

  function says(state, name, text) {
    verdictPlace.dataset.state = state;
    verdictPlace.replaceChildren(icon(name), el("p", {}, text));
    settle();
  }

  /** The way out: a link, or a button where one click does it. */
  function wayOut({ text, url, post }) {
    if (!post) return el("a", { href: url }, text);
    const token = document.querySelector('meta[name="csrf-token"]').content;
    const hidden = el("input", { type: "hidden", name: "csrf_token", value: token });
    return el("form", { method: "post", action: post, "data-once": "yes" }, hidden, el("button", { class: "btn way-out" }, icon("school"), text));
  }

  function reasons(denials, last = "") {
    verdictPlace.dataset.state = "denied";
    const items = denials.map((one) => {
      const item = el("li", { "data-code": one.code }, one.message);
      if (one.remedy) item.append(" ", wayOut(one.remedy));
      return item;
    });
    verdictPlace.replaceChildren(icon("ban"), el("div", {}, el("p", {}, words.denied), el("ul", {}, ...items), last ? el("p", {}, last) : ""));
    settle();
  }

  const more = (row, start, end) =>
    el("a", { class: "btn", href: `/resources/${row.id}/book?day=${times.iso(start)}&time=${times.clock(start)}&minutes=${Math.round((end - start) / 60000)}` }, words.more);

  /** Beside what it is about, below it or above, always on the screen. */
  function settle() {
    if (!anchor || box.hidden) return;
    const about = anchor.getBoundingClientRect();
    const [width, height] = [box.offsetWidth, box.offsetHeight];
    const left = Math.min(Math.max(about.left + Math.min(about.width, 400) / 2 - width / 2, 8), window.innerWidth - width - 8);
    const below = about.bottom + 10;
    const top = below + height > window.innerHeight - 8 ? about.top - height - 10 : below;
    box.style.left = `${left}px`;
    box.style.top = `${Math.max(top, 8)}px`;
  }

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || box.hidden) return;
    made.close();
  });
  document.addEventListener("pointerdown", (event) => {
    if (!box.hidden && !box.contains(event.target) && !event.target.closest(".tl-toast")) made.close();
  });
  place.addEventListener("scroll", settle, { passive: true });
  window.addEventListener("scroll", settle, { passive: true });
  return made;
}
