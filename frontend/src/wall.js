// The live wall: cards that come by server-sent events replace the cards that are there. When the server has no stream
// to spare (503) or the line is down, the page fetches the cards every few seconds instead.
const wall = document.querySelector("[data-wall]");
const link = document.querySelector("[data-link]");
