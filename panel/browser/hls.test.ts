// What acefleet serves as HLS, in a real browser: hls.js plays it through MSE, while engines fail behind it.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Demo, openBrowser, openPage, until } from "./stage";

const HLS = readFileSync(createRequire(import.meta.url).resolve("hls.js/dist/hls.min.js"), "utf8");
const MANIFEST = "/ace/manifest.m3u8?id=d15c0000d15c0000d15c0000d15c0000d15c0000";
/** Longer than any stream can be gone on with seamlessly. */
const OUTAGE_MS = 12_000;

/** What the player has told. */
interface Told {
  time: number;
  /** Pictures that were decoded and shown. */
  frames: number;
  /** The parts of the stream, each with a clock of its own, of which something has been buffered. */
  parts: number;
  fatal: string[];
  /** For a person who looks into a failure: what is buffered, and what the player stumbled over. */
  state: string;
}

let demo: Demo;
let browser: Browser;
beforeAll(async () => {
  [demo, browser] = await Promise.all([Demo.start(["--vpns", "1", "--engines", "3", "--viewers", "0"]), openBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await demo?.end();
});

async function plays(): Promise<{ page: Page; faults: string[]; told: () => Promise<Told> }> {
  // Any page of the server will do, and this one has nothing of its own.
  const { page, faults } = await openPage(browser, `${demo.url}healthz`, { bypassCSP: true });
  await page.evaluate(HLS);
  await page.evaluate((manifest) => {
    const { Hls } = window as unknown as { Hls: any };
    const video = document.createElement("video");
    video.muted = true;
    document.body.append(video);
    const parts = new Set<number>();
    const fatal: string[] = [];
    const stumbled: string[] = [];
    const hls = new Hls();
    hls.on(Hls.Events.FRAG_BUFFERED, (_: unknown, { frag }: { frag: { cc: number } }) => parts.add(frag.cc));
    hls.on(Hls.Events.ERROR, (_: unknown, { fatal: ends, details, error }: { fatal: boolean; details: string; error?: Error }) => {
      if (ends) fatal.push(details);
      stumbled.push(`${details} at ${video.currentTime.toFixed(2)} (${error?.message})`);
    });
    hls.on(Hls.Events.MANIFEST_PARSED, () => void video.play());
    hls.loadSource(manifest);
    hls.attachMedia(video);
    const frames = () => video.getVideoPlaybackQuality().totalVideoFrames;
    const state = () => {
      const ranges = Array.from({ length: video.buffered.length }, (_, at) => [video.buffered.start(at), video.buffered.end(at)]);
      const buffered = ranges.map((range) => range.map((end) => end.toFixed(2)).join("-")).join(" ");
      return `at ${video.currentTime.toFixed(2)} of ${buffered}, ready ${video.readyState}, paused ${video.paused}: ${stumbled.slice(0, 8)}`;
    };
    Object.assign(window, {
      told: () => ({ time: video.currentTime, frames: frames(), parts: parts.size, fatal, state: state() }),
    });
  }, MANIFEST);
  return { page, faults, told: () => page.evaluate(() => (window as unknown as { told: () => Told }).told()) };
}

/** So much more of it is played, and really shown. */
async function goesOn(told: () => Promise<Told>, what: string, seconds = 5): Promise<Told> {
  const before = await told();
  return until(what, async () => {
    const now = await told();
    const goes = now.time > before.time + seconds && now.frames > before.frames + 10 * seconds;
    if (!goes || now.fatal.length > 0) throw new Error(`${now.fatal} ${now.state}`);
    return now;
  });
}

const channel = async () => (await demo.get<{ container_name: string; moves: number }[]>("channels"))[0]!;
const break_ = async (path: string) => expect((await fetch(`${demo.url}demo/${path}`, { method: "POST" })).ok, path).toBe(true);

test("hls.js plays a channel, and goes on when its engine dies", async () => {
  const { page, told } = await plays();
  await goesOn(told, "it plays");
  const { container_name } = await channel();
  await break_(`engine/${container_name}/crash`);
  await until("it has moved", async () => (await channel()).container_name !== container_name);
  const after = await goesOn(told, "it goes on", 10);
  expect(after.fatal).toEqual([]);
  await page.context().close();
});

test("hls.js goes on behind a discontinuity when everything was gone for a while", async () => {
  const { page, told } = await plays();
  const before = await goesOn(told, "it plays");
  const { vpns } = await demo.get<{ vpns: { container_name: string }[] }>("vpn/status");
  const [vpn] = vpns.map(({ container_name }) => container_name);
  await break_(`vpn/${vpn}/fail?kind=container`);
  await page.waitForTimeout(OUTAGE_MS);
  await break_(`vpn/${vpn}/recover`);
  const after = await until("there is another part", async () => {
    const now = await told();
    return now.parts > before.parts && now;
  });
  await goesOn(told, "it goes on", 10);
  expect(after.fatal).toEqual([]);
  await page.context().close();
});
