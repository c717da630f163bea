import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { engine, vpn } from "../../dev/things";
import { engineLook, vpnLook, vpnNotes } from "./states";

const api = readFileSync(new URL("../../../docs/api.md", import.meta.url), "utf8");

test("every state that the API tells of has a word, a symbol and a tone of its own", () => {
  const list = /`state` is one of ((?:`\w+`[,.]?\s*)+)/.exec(api)?.[1] ?? "";
  const states = [...list.matchAll(/`(\w+)`/g)].map(([, state]) => state!).filter((state) => state !== "offered");
  expect(states.length).toBeGreaterThan(10);
  const words = states.map((state) => engineLook(engine(1, { offered: false, state })).word);
  expect(words).not.toContain(undefined);
  expect(new Set(words).size).toBe(states.length);
  for (const [place, state] of states.entries()) expect(words[place], state).not.toBe(state.replaceAll("_", " "));
});

test("a state that is not known yet is told in the server's word", () => {
  expect(engineLook(engine(1, { offered: false, state: "on_holiday" })).word).toBe("on holiday");
});

test("an engine that is offered says what it is used for", () => {
  expect(engineLook(engine(1)).word).toBe("Free");
  expect(engineLook(engine(1, { streams: ["a"] })).word).toBe("Streaming");
  expect(engineLook(engine(1, { health_status: "unhealthy", streams: ["a"] })).word).toBe("Unhealthy");
});

test("a failed VPN says why and what is next", () => {
  const failed = vpn("gluetun", { verdict: "failed", status: "exited", next_repair: "its container is started", next_repair_at: "x" });
  expect(vpnLook(failed).word).toBe("Failed");
  expect(vpnNotes(failed).map(({ text }) => text)).toEqual(["its container has exited", "next: its container is started"]);
  expect(vpnNotes(vpn("gluetun"))).toEqual([]);
});
