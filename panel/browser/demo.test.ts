// The panel in a real browser, on the demo: what it shows, what can be done with it, and what it must never do.
import { spawn } from "node:child_process";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { plain } from "../src/lib/format";
import { PAGES } from "../src/lib/route";
import { barriers, Demo, openBrowser, openPage, shot, until } from "./stage";

const CHANNEL = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";

/** A second on a machine that has nothing else to do; the time that it took is printed. */
const SHOWN_WITHIN_MS = 5_000;

let demo: Demo;
let browser: Browser;
/** The VPNs' containers. */
let first: string;
let second: string;
beforeAll(async () => {
  [demo, browser] = await Promise.all([Demo.start(["--vpns", "2", "--engines", "10", "--viewers", "8"]), openBrowser()]);
  const { vpns } = await demo.get<{ vpns: { container_name: string }[] }>("vpn/status");
  [first, second] = vpns.map((vpn) => vpn.container_name) as [string, string];
});
afterAll(async () => {
  await browser?.close();
  await demo?.end();
});

const panel = (hash = "") => `${demo.url}panel/${hash}`;
const vessel = (page: Page, name: string) => page.locator(`[data-vpn="${name}"]`);
const break_ = async (page: Page, name: string, word: string) => {
  await vessel(page, name).getByText("Break", { exact: false }).first().click();
  await vessel(page, name).getByRole("button", { name: word }).click();
};
const seats = (page: Page) =>
  page.$$eval("[data-stream]", (cards) => cards.map((card) => [card.getAttribute("data-stream"), card.getAttribute("data-on")]));
/** Every VPN works and every engine is offered. */
const well = () =>
  until(
    "the fleet is well",
    async () => {
      const vpn = await demo.get<{ vpns: { verdict: string }[] }>("vpn/status");
      const engines = await demo.get<unknown[]>("engines");
      return vpn.vpns.every(({ verdict }) => verdict === "healthy") && engines.length >= 10;
    },
    60_000,
  );

test("the first paint has the fleet in it", async () => {
  const began = Date.now();
  const { page, faults, requests } = await openPage(browser, panel());
  await page.locator("[data-engine]").first().waitFor();
  console.log(`first paint with data: ${Date.now() - began} ms`);
  expect(await page.locator("[data-vpn]").count()).toBe(2);
  expect(await page.locator("[data-engine]").count()).toBeGreaterThanOrEqual(10);
  await page.locator("[data-stream]").first().waitFor();
  expect(faults).toEqual([]);
  expect(requests.filter((url) => !url.startsWith(demo.url))).toEqual([]);
  await page.context().close();
});

test("nothing is asked for a second time while the fleet is looked at", async () => {
  const { page, faults, requests } = await openPage(browser, panel());
  const noticed = page.locator("[data-noticed]");
  await until("every viewer of the demo has the picture", async () => /^(\d+) of \1 /.test((await noticed.textContent()) ?? ""));
  await page.waitForTimeout(4_000);
  expect(requests.filter((url, place) => requests.indexOf(url) < place)).toEqual([]);
  expect(requests).toContain(`${demo.url}demo/stream`);
  expect(faults).toEqual([]);
  await page.context().close();
});

test("a VPN that fails is seen at once, its viewers move, and it is seen to come back", async () => {
  await well();
  const { page, faults } = await openPage(browser, panel());
  await page.locator("[data-stream]").first().waitFor();
  const before = new Map(await seats(page) as [string, string][]);
  const there = await demo.get<{ container_name: string; vpn_container: string }[]>("engines");
  const lost = new Set(there.filter((engine) => engine.vpn_container === first).map((engine) => engine.container_name));
  await vessel(page, first).getByText("Break", { exact: false }).first().click();
  expect(await barriers(page), "an open menu").toEqual([]);
  const began = Date.now();
  await vessel(page, first).getByRole("button", { name: "Stop its container" }).click();
  await page.locator(`[data-vpn="${first}"].failed`).waitFor();
  const alert = page.getByRole("alert", { name: "Emergency" });
  await alert.waitFor();
  const took = Date.now() - began;
  console.log(`a VPN fails: the picture shows it ${took} ms after the click that stops it`);
  expect(took).toBeLessThan(SHOWN_WITHIN_MS);
  expect(await page.title()).toContain("Emergency");
  await shot(page, "emergency");
  await until("no stream is on the failed VPN", async () => {
    const now = await seats(page);
    return now.length >= before.size && now.every(([, on]) => on !== "" && !lost.has(on ?? ""));
  });
  const moved = (await seats(page)).filter(([id, on]) => lost.has(before.get(id ?? "") ?? "") && before.get(id ?? "") !== on);
  expect(moved.length).toBeGreaterThan(0);
  await page.waitForTimeout(700);
  await shot(page, "emergency-moved");
  expect(await alert.textContent(), "what is told at once holds no number that runs").not.toMatch(/\d (s|min)\b/);
  expect(await barriers(page), "an emergency").toEqual([]);
  await break_(page, first, "Put it right");
  await page.locator(`[data-vpn="${first}"]:not(.failed)`).waitFor();
  await page.getByRole("alert", { name: "Emergency" }).waitFor({ state: "detached" });
  expect(faults).toEqual([]);
  await page.context().close();
});

test("a forwarded port that changes is seen to change", async () => {
  await well();
  const { page, faults } = await openPage(browser, panel());
  const port = vessel(page, second).locator(".port");
  await until("there is a port", async () => /\d{4}/.test((await port.textContent()) ?? ""));
  const before = await port.textContent();
  await break_(page, second, "Give it another port");
  await until("another port", async () => {
    const now = (await port.textContent()) ?? "";
    return /\d{4}/.test(now) && now !== before;
  });
  expect(faults).toEqual([]);
  await page.context().close();
});

test("a stream that a player opens appears, is moved, and is stopped", async () => {
  await well();
  const { page, faults } = await openPage(browser, panel());
  await page.locator("[data-stream]").first().waitFor();
  const player = spawn("ffmpeg", ["-nostdin", "-loglevel", "error", "-i", `${demo.url}ace/getstream?id=${CHANNEL}`, "-c", "copy", "-f", "null", "-"], {
    stdio: "ignore",
  });
  try {
    const card = page.locator("[data-stream]", { hasText: "c0ffee00" });
    await card.waitFor({ timeout: 20_000 });
    await until("it plays", async () => (await card.getAttribute("data-on")) !== "" && (await card.getAttribute("data-tone")) === "flow");
    const from = await card.getAttribute("data-on");
    await card.click();
    await page.getByRole("button", { name: "Move", exact: true }).click();
    await shot(page, "confirm-move");
    expect(await barriers(page), "a question").toEqual([]);
    await page.getByRole("button", { name: "Move it" }).click();
    await page.getByRole("link", { name: "Fleet", exact: true }).click();
    await until("it plays on another engine", async () => {
      const on = await card.getAttribute("data-on");
      return on !== null && on !== "" && on !== from;
    });
    await shot(page, "moved");
    await card.click();
    await page.getByRole("button", { name: "Stop", exact: true }).click();
    await page.getByRole("button", { name: "Stop it" }).click();
    await page.getByRole("link", { name: "Fleet", exact: true }).click();
    await card.waitFor({ state: "detached" });
  } finally {
    player.kill("SIGKILL");
  }
  expect(faults).toEqual([]);
  await page.context().close();
});

test("names full of markup and direction marks are text", async () => {
  await well();
  const engine = (await demo.get<{ port: number; container_id: string }[]>("engines"))[0]!;
  const id = "\u202e<img src=x onerror=window.hurt=1>\u2066<b>/%2e%2e";
  const answer = await fetch(`${demo.url}events/stream_started`, {
    method: "POST",
    body: JSON.stringify({
      container_id: engine.container_id,
      engine: { host: "localhost", port: engine.port },
      stream: { key_type: "infohash", key: id },
      session: { playback_session_id: "s", stat_url: "", command_url: "", is_live: 1 },
      labels: { stream_id: id },
    }),
  });
  expect(answer.ok, await answer.clone().text()).toBe(true);
  const { page, faults } = await openPage(browser, panel("#/streams"));
  await page.getByRole("link", { name: plain(id) }).click();
  await page.getByText(plain(id)).first().waitFor();
  await page.getByRole("button", { name: "Stop", exact: true }).waitFor();
  expect(await page.evaluate(() => "hurt" in window)).toBe(false);
  expect(await page.locator("img").count()).toBe(0);
  expect(faults).toEqual([]);
  await fetch(`${demo.url}events/stream_ended`, { method: "POST", body: JSON.stringify({ stream_id: id }) });
  await page.context().close();
});

test("it can be used with the keyboard alone", async () => {
  const { page } = await openPage(browser, panel());
  await page.locator("[data-engine]").first().waitFor();
  await page.keyboard.press("Tab");
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("To the contents");
  await page.keyboard.press("Enter");
  expect(await page.evaluate(() => document.activeElement?.id)).toBe("main");
  await page.locator("[data-engine]").first().focus();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Drain" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: /^Drain/ }).waitFor();
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Leave it");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" }).catch(() => {});
  expect(await page.locator("dialog[open]").count()).toBe(0);
  await page.context().close();
});

test.each([
  ["wide", { width: 1440, height: 900 }],
  ["phone", { width: 390, height: 844 }],
] as const)("every page is free of serious accessibility faults, %s", async (form, viewport) => {
  await well();
  const engine = (await demo.get<{ container_name: string }[]>("engines"))[0]!;
  const told: string[] = [];
  for (const colorScheme of ["dark", "light"] as const) {
    const { page, faults } = await openPage(browser, panel(), { viewport, colorScheme, bypassCSP: true });
    await page.locator("[data-stream]").first().waitFor();
    await page.waitForTimeout(6_000);
    const stream = await page.locator("[data-stream]").first().getAttribute("data-stream");
    const details = { engine: `#/engines/${engine.container_name}`, vpn: `#/vpns/${first}`, stream: `#/streams/${encodeURIComponent(stream ?? "")}` };
    const all = [...PAGES.map((name) => [name, `#/${name}`] as const), ...Object.entries(details)];
    for (const [name, hash] of all) {
      await page.evaluate((to) => (location.hash = to), hash);
      await page.waitForTimeout(name === "stream" ? 3_000 : 900);
      await shot(page, `${name}-${form}-${colorScheme}`);
      told.push(...(await barriers(page)).map((barrier) => `${name} ${colorScheme}: ${barrier}`));
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth + 1);
      if (wide) told.push(`${name} ${colorScheme}: wider than the screen`);
    }
    expect(faults).toEqual([]);
    await page.context().close();
  }
  expect(told).toEqual([]);
}, 240_000);
