// What every page runs: htmx with its event streams, the CSRF token, dialogs, menus, the theme, charts where there are any.
import "htmx.org";
import "htmx.org/dist/ext/hx-sse.js";

const UNSAFE = new Set(["POST", "PUT", "PATCH", "DELETE"]);

// Each unsafe request of htmx carries the session's CSRF token, as forms do in a hidden field.
document.addEventListener("htmx:config:request", (event) => {
  const { request } = event.detail.ctx;
  const token = document.querySelector('meta[name="csrf-token"]')?.content;
  if (token && UNSAFE.has(request.method?.toUpperCase())) request.headers["X-CSRFToken"] = token;
});

// Buttons with command="show-modal" open their dialog by themselves in new browsers; older ones need this.
if (!("command" in HTMLButtonElement.prototype)) {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[commandfor]");
    const dialog = button && document.getElementById(button.getAttribute("commandfor"));
    if (!dialog) return;
    if (button.getAttribute("command") === "show-modal") dialog.showModal();
    else dialog.close();
  });
}

// A menu closes when something else is pressed, and with Escape, which gives the focus back to its button.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

// The theme button goes round: as the system says, light, dark.
const ROUND = { auto: "light", light: "dark", dark: "auto" };
const root = document.documentElement;
for (const button of document.querySelectorAll("[data-theme-button]")) {
  const tell = () => {
    button.querySelector("[data-theme-now]").textContent = button.dataset[root.dataset.bsTheme ?? "auto"];
  };
  button.hidden = false;
  tell();
  button.addEventListener("click", () => {
    const theme = ROUND[root.dataset.bsTheme ?? "auto"];
    if (theme === "auto") {
      delete root.dataset.bsTheme;
      localStorage.removeItem("theme");
    } else {
      root.dataset.bsTheme = theme;
      localStorage.setItem("theme", theme);
    }
    tell();
  });
}

// A form with data-once cannot be sent twice by a double tap.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-once]")) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
  setTimeout(() => delete form.dataset.sent, 5000);
});

// A select or a tick with data-sends sends its form at once (filters); without JavaScript the form has its button.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-sends]")) event.target.form.requestSubmit();
});

// A button with data-adds-row repeats the last part of the form that it names, empty; without scripts each save gives one.
for (const button of document.querySelectorAll("[data-adds-row]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const last = [...button.form.querySelectorAll(button.dataset.addsRow)].at(-1);
    const more = last.cloneNode(true);
    const number = Date.now();
    for (const label of more.querySelectorAll("label")) label.htmlFor += `-${number}`;
    for (const input of more.querySelectorAll("input")) {
      if (input.id) input.id += `-${number}`;
      if (input.type === "hidden") input.value = "";
      input.required = false;
    }
    last.after(more);
    more.querySelector("input:not([type=hidden])").focus();
  });
}

// What was kept of attendance sheets for a time without a connection is not for whoever uses this browser next.
if ("caches" in window && !document.querySelector('form[action$="/sign-out"]') && navigator.onLine) {
  caches.delete("attendance-sheets");
}

// A button that prints is of use only with scripts.
for (const button of document.querySelectorAll("[data-prints]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

// Charts are drawn by a part of its own, fetched only where a page has one.
if (document.querySelector("[data-chart]")) {
  const { drawAll } = await import("./charts.js");
  drawAll();
}
