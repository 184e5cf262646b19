// Light or dark before the first paint: what the visitor chose on this device, else what the system says (CSS alone).
const chosen = window.localStorage?.getItem("theme");
if (chosen === "light" || chosen === "dark") document.documentElement.dataset.bsTheme = chosen;
