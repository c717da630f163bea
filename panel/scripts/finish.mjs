// After the build: takes away what an earlier one left, packs every file, and holds the panel to its size.
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const LIMIT_BYTES = 100_000;
const built = new URL("../dist", import.meta.url).pathname;
const page = readFileSync(join(built, "index.html"), "utf8");

/** The names that a text mentions, each followed in turn. */
function mentioned(text, all, found = new Set()) {
  for (const name of all) {
    if (found.has(name) || !text.includes(name)) continue;
    found.add(name);
    if (/\.(js|css)$/.test(name)) mentioned(readFileSync(join(built, name), "utf8"), all, found);
  }
  return found;
}

const all = readdirSync(built).filter((name) => !name.startsWith(".") && !/\.(br|gz)$/.test(name));
const used = mentioned(page, all).add("index.html");
// No file mentions the licence; the newest is this build's.
const licences = all.filter((name) => name.startsWith("font-licence"));
licences.sort((a, b) => statSync(join(built, b)).mtimeMs - statSync(join(built, a)).mtimeMs);
if (licences[0]) used.add(licences[0]);
for (const name of readdirSync(built)) {
  if (!name.startsWith(".") && !used.has(name)) rmSync(join(built, name));
}

let sum = 0;
for (const name of [...used].sort()) {
  const plain = readFileSync(join(built, name));
  let gzip = plain.length;
  // A font is packed already.
  if (!name.endsWith(".woff2")) {
    const packed = gzipSync(plain, { level: 9 });
    gzip = packed.length;
    writeFileSync(join(built, `${name}.gz`), packed);
    writeFileSync(
      join(built, `${name}.br`),
      brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }),
    );
  }
  sum += gzip;
  console.log(`${String(gzip).padStart(8)}  ${name}`);
}
console.log(`${String(sum).padStart(8)}  bytes, gzipped, of ${LIMIT_BYTES} at most`);
if (sum > LIMIT_BYTES) {
  console.error(`the panel is too large: ${sum} bytes gzipped, ${LIMIT_BYTES} at most`);
  process.exit(1);
}
