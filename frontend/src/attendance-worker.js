// Keeps each attendance sheet that was opened, with what it is drawn with, so that it opens without a connection too.
const CACHE = "attendance-sheets";
const PATIENCE = 5000; // milliseconds after which a kept sheet is shown rather than wait for a slow connection
const root = new URL(self.registration.scope).pathname;
const isSheet = (path) => path.startsWith(root) && /^\d+\/attendance$/.test(path.slice(root.length));

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate" && isSheet(url.pathname)) event.respondWith(sheet(request, url));
  else if (url.pathname.includes("/static/")) event.respondWith(part(request));
});

/** The sheet of now; the kept one where the server cannot be reached. One that may not be seen any more is forgotten. */
async function sheet(request, url) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(url.pathname);
  const fresh = fetch(request).then(async (answer) => {
    if (answer.ok) await cache.put(url.pathname, answer.clone());
    else if (answer.status < 500) await cache.delete(url.pathname);
    return answer;
  });
  if (!kept) return fresh;
  const late = new Promise((resolve) => setTimeout(() => resolve(kept), PATIENCE));
  return Promise.race([fresh.catch(() => kept), late]);
}

/** A part of the page: the kept one, which never changes under its name, else from the server. */
async function part(request) {
  return (await (await caches.open(CACHE)).match(request.url)) ?? fetch(request);
}
