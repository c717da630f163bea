// A large fleet: 200 engines stay smooth while one of their VPNs fails.
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Demo, openBrowser, openPage, shot, until } from "./stage";

const ENGINES = 200;
/** How long frames are watched after the failure. */
const WATCHED_MS = 6_000;

let demo: Demo;
let browser: Browser;
beforeAll(async () => {
  const args = ["--vpns", "4", "--engines", String(ENGINES), "--viewers", "40"];
  [demo, browser] = await Promise.all([Demo.start(args), openBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await demo?.end();
});

test("200 engines are drawn, and the longest frame of a failover is told", async () => {
  const { page, faults } = await openPage(browser, `${demo.url}panel/`, { viewport: { width: 1920, height: 1080 } });
  const engines = page.locator("[data-engine]");
  await until(`${ENGINES} engines`, async () => (await engines.count()) >= ENGINES, 60_000);
  await page.evaluate(() => {
    const watch = window as unknown as { frames: number[]; last: number };
    watch.frames = [];
    const step = (now: number) => {
      if (watch.last) watch.frames.push(now - watch.last);
      watch.last = now;
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  });
  await page.waitForTimeout(1_500);
  const before = await page.evaluate(() => (window as unknown as { frames: number[] }).frames.splice(0));
  const { vpns } = await demo.get<{ vpns: { container_name: string }[] }>("vpn/status");
  const name = vpns[0]?.container_name ?? "";
  await fetch(`${demo.url}demo/vpn/${name}/fail?kind=container`, { method: "POST" });
  await page.locator(`[data-vpn="${name}"].failed`).waitFor();
  await page.waitForTimeout(WATCHED_MS);
  const frames = await page.evaluate(() => (window as unknown as { frames: number[] }).frames);
  const told = (all: number[]) => {
    const sorted = all.toSorted((a, b) => a - b);
    return `${all.length} frames, half within ${sorted[all.length >> 1]?.toFixed(0)} ms, longest ${sorted.at(-1)?.toFixed(0)} ms`;
  };
  console.log(`${ENGINES} engines at rest: ${told(before)}`);
  console.log(`${ENGINES} engines, a VPN fails: ${told(frames)}`);
  await shot(page, "crowd-failover");
  expect(frames.length).toBeGreaterThan(0);
  expect(faults).toEqual([]);
  await page.context().close();
});
