// Builds the front end into ../fablab/static/dist: bundles, the icon sprite, the licence texts, and manifest.json, which
// maps each plain name to the file with its content hash. Called as `npm run build`; needs nothing but node_modules.

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const OUT = join(HERE, "..", "fablab", "static", "dist");
const MODULES = join(HERE, "node_modules");
const ENTRIES = ["app.js", "theme.js", "wall.js", "timeline.js", "attendance.js", "attendance-worker.js", "api-docs.js", "app.css"];
const COPIED = { "swagger-ui.css": "swagger-ui-dist", "swagger-ui-bundle.js": "swagger-ui-dist" };
const BUNDLED = ["htmx.org", "@tabler/core", "@tabler/icons", "uplot", "swagger-ui-dist"];
const BROWSERS = ["chrome123", "firefox120", "safari17.5"]; // the first with light-dark(), which Tabler needs

const read = (...parts) => readFileSync(join(...parts), "utf8");
const manifest = {};

/** Writes `content` as name-HASH.ext and notes it in the manifest. */
function keep(name, content) {
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 10).toUpperCase();
  const file = `${basename(name, extname(name))}-${hash}${extname(name)}`;
  writeFileSync(join(OUT, file), content);
  manifest[name] = file;
}

/** One SVG file as a <symbol>: what stands between its tags, with the attributes a symbol needs. */
function symbol(id, svg) {
  const [, attributes, inner] = svg.match(/<svg\b([^>]*)>([\s\S]*)<\/svg>/);
  const box = attributes.match(/viewBox="([^"]+)"/)[1];
  const drawn = inner.replace(/<path stroke="none" d="M0 0h24v24H0z" fill="none" \/>/, "").replace(/\s*\n\s*/g, "");
  return `<symbol id="${id}" viewBox="${box}">${drawn}</symbol>`;
}

/** The icons named in src/icons.json and our own marks as one sprite. Throws when an icon does not exist. */
function sprite() {
  const icons = JSON.parse(read(HERE, "src", "icons.json")).map((name) =>
    symbol(name, read(MODULES, "@tabler/icons/icons/outline", `${name}.svg`)),
  );
  const marks = readdirSync(join(HERE, "src", "marks"))
    .filter((file) => file.endsWith(".svg"))
    .map((file) => symbol(basename(file, ".svg"), read(HERE, "src", "marks", file)));
  const note = "<!-- Icons: Tabler Icons, MIT, see LICENSES.txt -->";
  return `<svg xmlns="http://www.w3.org/2000/svg">${note}${[...icons, ...marks].join("")}</svg>\n`;
}

/** The licence texts of everything that is in the bundles, one after the other. */
function licences() {
  return BUNDLED.map((name) => {
    const { version, license } = JSON.parse(read(MODULES, name, "package.json"));
    const file = readdirSync(join(MODULES, name)).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file ? read(MODULES, name, file) : read(HERE, "src", "licences", `${name.replace("/", "-")}.txt`);
    return `${"=".repeat(78)}\n${name} ${version} (${license})\n${"=".repeat(78)}\n\n${text.trim()}\n`;
  }).join("\n");
}

rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT, { recursive: true });

const { metafile } = await build({
  entryPoints: ENTRIES.map((name) => join(HERE, "src", name)),
  outdir: OUT,
  entryNames: "[name]-[hash]",
  chunkNames: "part-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  minify: true,
  target: BROWSERS,
  legalComments: "none", // the full texts are in LICENSES.txt
  metafile: true,
  logLevel: "warning",
});
for (const [file, output] of Object.entries(metafile.outputs)) {
  if (output.entryPoint) manifest[basename(output.entryPoint)] = basename(file);
}
keep("sprite.svg", sprite());
for (const [name, from] of Object.entries(COPIED)) {
  keep(name, read(MODULES, from, name).replace(/\n?(\/\/|\/\*)# sourceMappingURL=.*/, ""));
}
writeFileSync(join(OUT, "LICENSES.txt"), licences());
writeFileSync(join(OUT, "manifest.json"), `${JSON.stringify(manifest, Object.keys(manifest).sort(), 2)}\n`);
