// The live wall. htmx opens the stream and swaps in the cards that come; here is what happens when there is no stream:
// the server had no thread to spare (503) or the line is down. Then the cards are fetched every few seconds until the
// stream stands again. Without JavaScript the page is the wall as it was when it was asked for.

const POLL_MS = 5000;
const AGAIN_MS = 20000;

const source = document.querySelector("[data-wall-source]");
const link = document.querySelector("[data-link]");
let polling = null;

/** Shows how the cards come: live, polling, or lost. */
function tell(state) {
  if (link.dataset.link === state) return;
  link.dataset.link = state;
  link.textContent = link.dataset[state];
}

/** Fetches all cards once; htmx swaps each for the one that is there. */
async function fetchCards() {
  if (document.hidden) return;
  try {
    const response = await fetch(source.dataset.cards, { headers: { "HX-Request": "true" } });
    if (!response.ok) throw new Error(String(response.status));
    await window.htmx.swap({ text: await response.text(), sourceElement: source, target: source, swap: "none" });
    tell("polling");
  } catch {
    tell("lost");
  }
}

/** Begins to poll, and asks for the stream again now and then when htmx itself has given it up. */
function poll() {
  if (polling) return;
  fetchCards();
  const timers = [setInterval(fetchCards, POLL_MS), setInterval(() => source.dispatchEvent(new Event("again")), AGAIN_MS)];
  polling = () => timers.forEach(clearInterval);
}

/** The stream stands. */
function live() {
  polling?.();
  polling = null;
  tell("live");
}

source.addEventListener("htmx:sse:after:connection", live);
source.addEventListener("htmx:sse:error", poll);
source.addEventListener("htmx:response:error", poll);
source.addEventListener("htmx:error", poll);
source.addEventListener("layout", () => location.reload()); // a machine came, went or moved to another place

// The clock of a television, in the lab's time.
const clock = document.querySelector("[data-clock]");
if (clock) {
  const form = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: clock.dataset.zone });
  setInterval(() => {
    clock.textContent = form.format(new Date());
  }, 1000);
  setTimeout(() => location.reload(), 24 * 3600 * 1000); // a television runs for months: let it take new versions along
}
