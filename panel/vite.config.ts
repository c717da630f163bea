// How the panel is built, served while it is worked on, and tested.
import { readFileSync } from "node:fs";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";
import { pretend } from "./dev/plugin.ts";

/** The program's version: the panel compares it with that of the server it talks to. */
const cargo = readFileSync(new URL("../Cargo.toml", import.meta.url), "utf8");
const version = /\[workspace\.package\]\s+version = "([^"]+)"/.exec(cargo)?.[1] ?? "unknown";

/** A server to work against; without one, a small world that is made up. */
const server = process.env["ACEFLEET_URL"];

/** The font's licence goes wherever the font goes. */
function fontLicence(): Plugin {
  const source = () => readFileSync(new URL("node_modules/@fontsource-variable/geist/LICENSE", import.meta.url));
  return {
    name: "font-licence",
    apply: "build",
    generateBundle() {
      this.emitFile({ type: "asset", name: "font-licence.txt", source: source() });
    },
  };
}

export default defineConfig({
  base: "./",
  define: { __VERSION__: JSON.stringify(version) },
  plugins: [svelte(), fontLicence(), ...(server ? [] : [pretend()])],
  build: {
    target: "es2022",
    assetsDir: "",
    // The folder stays, with what keeps it in the repository; `scripts/finish.mjs` empties it.
    emptyOutDir: false,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rolldownOptions: { output: { codeSplitting: false } },
    reportCompressedSize: false,
  },
  server: server ? { proxy: { "^/(?!src|node_modules|@|index.html$|$)": { target: server } } } : {},
  test: {
    projects: [
      { extends: true, test: { name: "unit", include: ["src/**/*.test.ts"], environment: "node" } },
      {
        extends: true,
        test: {
          name: "browser",
          include: ["browser/**/*.test.ts"],
          environment: "node",
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
