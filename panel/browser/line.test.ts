// The line to the server: with a key, behind a prefix, lost and back, of another version, and of something else.
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { request } from "node:http";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { barriers, Demo, openBrowser, openPage, shot, until } from "./stage";

const KEY = "correct-horse-battery";
/** A name for this machine. Over plain HTTP browsers say as little of its pages as they do of any other machine's. */
const NAME = "nas.lan";

let demo: Demo;
let browser: Browser;
const servers: Server[] = [];
beforeAll(async () => {
  const args = ["--vpns", "1", "--engines", "3", "--viewers", "1"];
  [demo, browser] = await Promise.all([Demo.start(args, { API_KEY: KEY }), openBrowser(`--host-resolver-rules=MAP ${NAME} 127.0.0.1`)]);
});
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});
afterAll(async () => {
  await browser?.close();
  await demo?.end();
});

type Change = (path: string, asked: IncomingMessage) => { status?: number; type?: string; body?: string; replace?: [RegExp, string] } | null;

interface Proxy {
  /** What it changes of what the demo says. */
  change?: Change;
  /** It passes on by which name it was asked, or else the demo's own. */
  passesName?: boolean;
}

/** Stands before the demo under a prefix, as people put one there. */
async function before(prefix: string, { change = () => null, passesName = true }: Proxy = {}): Promise<string> {
  const server = createServer((asked, answer) => {
    const url = asked.url ?? "/";
    if (!url.startsWith(prefix)) {
      answer.writeHead(404).end();
      return;
    }
    const path = url.slice(prefix.length - 1);
    const changed = change(path, asked);
    if (changed?.body !== undefined) {
      answer.writeHead(changed.status ?? 200, { "content-type": changed.type ?? "text/html" }).end(changed.body);
      return;
    }
    const headers = { ...asked.headers, ...(!passesName && { host: `127.0.0.1:${demo.port}` }) };
    const passed = request({ host: "127.0.0.1", port: demo.port, path, method: asked.method, headers }, (got) => {
      answer.writeHead(got.statusCode ?? 502, got.headers);
      if (!changed?.replace) {
        got.pipe(answer);
        return;
      }
      // Event by event: what is replaced may arrive in two pieces.
      let held = "";
      got.setEncoding("utf8").on("data", (piece: string) => {
        const events = (held + piece).split("\n\n");
        held = events.pop() ?? "";
        for (const event of events) answer.write(`${event.replace(...changed.replace!)}\n\n`);
      });
      got.on("end", () => answer.end(held));
    });
    passed.on("error", () => answer.destroy());
    answer.on("close", () => passed.destroy());
    asked.pipe(passed);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}${prefix}`;
}

async function giveKey(page: Page, key = KEY): Promise<void> {
  await page.getByRole("textbox", { name: "Key" }).fill(key);
  await page.getByRole("button", { name: "Use this key" }).click();
}
const askForKey = (page: Page) => page.getByRole("banner").getByRole("button", { name: "Enter key" }).click();
const json = (body: unknown) => ({ type: "application/json", body: JSON.stringify(body) });

test("a key is asked for when it is needed, kept for the session, and never in an address", async () => {
  const { page, requests } = await openPage(browser, `${demo.url}panel/#/settings`);
  await page.getByRole("heading", { name: "Settings need the key" }).waitFor();
  expect(await barriers(page), "an empty page").toEqual([]);
  await askForKey(page);
  await giveKey(page, "wrong");
  await page.getByText("The server does not admit this key.").waitFor();
  await shot(page, "key-prompt");
  expect(await barriers(page), "the question for the key").toEqual([]);
  await giveKey(page);
  await page.getByText("MIN_REPLICAS", { exact: true }).waitFor();
  expect(await page.content()).not.toContain(KEY);
  await page.reload();
  await page.getByText("MIN_REPLICAS", { exact: true }).waitFor();
  expect(requests.some((url) => url.includes(KEY))).toBe(false);
  expect(await page.evaluate(() => Object.values(localStorage).join())).not.toContain(KEY);
  await page.context().close();
});

test("what was asked for without a key is done once the key is given", async () => {
  const { page } = await openPage(browser, `${demo.url}panel/#/engines`);
  await page.getByRole("link", { name: /^acestream-/ }).first().click();
  await page.getByRole("button", { name: "Logs", exact: true }).click();
  await giveKey(page);
  await page.getByLabel(/lines of its logs/).waitFor();
  await page.context().close();
});

test("who gives no key is told what that leaves undone, and what was typed is gone", async () => {
  const { page } = await openPage(browser, `${demo.url}panel/#/engines`);
  await page.getByRole("link", { name: /^acestream-/ }).first().click();
  await page.getByRole("button", { name: "Logs", exact: true }).click();
  const field = page.getByRole("textbox", { name: "Key" });
  await field.fill("half of i");
  await page.getByRole("button", { name: "Only look" }).click();
  await page.getByRole("alert").getByText("This needs the key, and none was given.").waitFor();
  await askForKey(page);
  expect(await field.inputValue()).toBe("");
  await page.context().close();
});

test("a key that cannot be tried is not taken for one that fits", async () => {
  const root = await before("/", { change: (path) => (path === "/settings" ? { status: 502, body: "" } : null) });
  const { page } = await openPage(browser, `${root}panel/`);
  await askForKey(page);
  await giveKey(page);
  await page.getByText("It could not be tried. The server answered with 502.").waitFor();
  await page.getByRole("button", { name: "Only look" }).click();
  await page.getByRole("banner").getByRole("button", { name: "Enter key" }).waitFor();
  await page.context().close();
});

test("it works behind a path prefix, and by a name of the network over plain HTTP", async () => {
  const root = (await before("/my/fleet/")).replace("127.0.0.1", NAME);
  const { page, faults, requests } = await openPage(browser, `${root}panel`);
  await page.locator("[data-engine]").first().waitFor();
  await page.getByRole("link", { name: "Journal", exact: true }).click();
  await page.getByText("What was decided, why").waitFor();
  expect(requests.filter((url) => !url.startsWith(root))).toEqual([]);
  expect(faults).toEqual([]);
  await askForKey(page);
  await giveKey(page);
  await page.getByRole("link", { name: "Engines", exact: true }).click();
  await page.getByText(", at least 3 and at most").waitFor();
  await page.getByRole("button", { name: "One more" }).click();
  await page.getByRole("button", { name: "Set the minimum" }).click();
  await page.getByText(", at least 4 and at most").waitFor();
  await page.context().close();
});

test("what is forbidden whatever the key is told, and no key is asked for", async () => {
  const root = (await before("/", { passesName: false })).replace("127.0.0.1", NAME);
  const { page } = await openPage(browser, `${root}panel/`);
  await page.getByRole("button", { name: "Break acefleet's core" }).click();
  await page.getByText("pages of other origins may change nothing").waitFor();
  expect(await page.locator("dialog[open]").count()).toBe(0);
  await shot(page, "forbidden");
  await page.context().close();
});

test("a line that is lost is said to be, and is back by itself", async () => {
  const { page } = await openPage(browser, `${demo.url}panel/`);
  await page.locator("[data-engine]").first().waitFor();
  await demo.end();
  await page.getByText("The line is lost: this is the last picture").waitFor();
  expect(await page.locator("[data-engine]").count()).toBeGreaterThan(0);
  await page.getByText("; the fleet goes on without this page.").waitFor();
  const told = await page.locator("[aria-live=assertive]").textContent();
  await shot(page, "line-lost");
  const found = await barriers(page);
  await demo.begin();
  expect(told, "what is told at once holds no number that runs").not.toMatch(/\d (s|min)\b/);
  expect(found, "a lost line").toEqual([]);
  await page.getByText("The line is lost").waitFor({ state: "detached" });
  await until("it is live again", () => page.getByText("Live", { exact: true }).isVisible());
  await page.context().close();
});

test("a server of another version is said to be one", async () => {
  const root = await before("/", {
    change: (path) => (path.startsWith("/events/stream") ? { replace: [/"version":"[^"]*"/, '"version":"9.9.9"'] } : null),
  });
  const { page } = await openPage(browser, `${root}panel/`);
  await page.getByText("acefleet is version 9.9.9 now").waitFor();
  await shot(page, "other-version");
  await page.context().close();
});

test("a server that tells what the panel does not know is said to be one", async () => {
  const strange = { type: "text/event-stream", body: 'event: snapshot\ndata: {"weather":"fine"}\n\n' };
  for (const answer of [strange, { body: "<h1>Somebody else</h1>" }]) {
    const root = await before("/", { change: (path) => (path.startsWith("/events/stream") ? answer : null) });
    const { page } = await openPage(browser, `${root}panel/`);
    await page.getByText("This panel does not understand the server.").waitFor();
    await page.context().close();
  }
});

test("a server that is away from the start is said to be, and found when it comes", async () => {
  let away = true;
  const root = await before("/", { change: (path) => (away && path.startsWith("/events/stream") ? { status: 502, body: "" } : null) });
  const { page } = await openPage(browser, `${root}panel/`);
  await page.getByText("The server cannot be reached").waitFor();
  await shot(page, "server-away");
  away = false;
  await page.locator("[data-engine]").first().waitFor();
  await page.context().close();
});

test("an engine that the panel cannot show is said to be of another version, and everything else is still there", async () => {
  const change: Change = (path) => (path.startsWith("/events/stream") ? { replace: [/"labels":\{[^}]*\}/g, '"labels":null'] } : null);
  const root = await before("/", { change });
  const { page, faults } = await openPage(browser, `${root}panel/#/engines`);
  await page.getByRole("link", { name: /^acestream-/ }).first().click();
  await page.getByText("This panel does not understand the server.").waitFor();
  await page.getByRole("heading", { name: "This cannot be shown" }).waitFor();
  await shot(page, "not-understood");
  await page.getByRole("link", { name: "Journal", exact: true }).click();
  await page.getByText("What was decided, why").waitFor();
  expect(faults).toEqual([]);
  await page.context().close();
});

test("what happens while the line is lost is told when it is back", async () => {
  let away = false;
  const heard: unknown[] = [];
  // The server's clock is an hour ahead of the browser's, as clocks are.
  const timestamp = `"timestamp":"${new Date(Date.now() + 3_600_000).toISOString()}"`;
  const change: Change = (path, asked) => {
    if (!path.startsWith("/events/stream")) return null;
    heard.push(asked.headers["last-event-id"]);
    return away ? { status: 502, body: "" } : { replace: [/"timestamp":"[^"]*"/, timestamp] };
  };
  const root = await before("/", { change });
  const { page } = await openPage(browser, `${root}panel/#/engines`);
  await askForKey(page);
  await giveKey(page);
  await page.getByRole("link", { name: /^acestream-/ }).first().click();
  away = true;
  servers[0]?.closeAllConnections();
  await page.getByText("The line is lost").waitFor();
  await page.getByRole("button", { name: "Drain", exact: true }).click();
  const [accepted] = await Promise.all([
    page.waitForResponse((answer) => answer.request().method() === "POST"),
    page.getByRole("button", { name: "Drain it" }).click(),
  ]);
  const { operation } = (await accepted.json()) as { operation: string };
  const kinds = async () => (await demo.get<{ kind: string }[]>(`journal?operation=${operation}`)).map(({ kind }) => kind);
  await until("it is over", async () => (await kinds()).includes("request_over"));
  await page.getByText(/For \d+ s; the fleet goes on/).waitFor();
  away = false;
  await page.getByRole("button", { name: "Try now" }).click();
  await page.locator('.note[data-tone="ok"]', { hasText: "Drain" }).waitFor();
  expect(heard[0]).toBeUndefined();
  expect(heard.at(-1)).toMatch(/^\d+$/);
  await page.context().close();
});

test("older entries are found by words that none of the newest has", async () => {
  const asked: string[] = [];
  const change: Change = (path) => {
    const url = new URL(path, demo.url);
    if (url.pathname !== "/journal") return null;
    asked.push(url.searchParams.get("before") ?? "");
    const newest = Number(url.searchParams.get("before") ?? 1_201) - 1;
    const entry = (id: number) => ({ id, seq: id, at: "2026-03-01T20:00:00Z", subject: { kind: "fleet", name: null, id: null },
      kind: "in_sight", sentence: id === 7 ? "The needle was found." : "Everything was looked at.", operation: null });
    return json(Array.from({ length: Math.min(500, newest) }, (_, place) => entry(newest - place)));
  };
  const root = await before("/", { change });
  const { page } = await openPage(browser, `${root}panel/#/journal?words=needle`);
  const older = page.getByRole("button", { name: "Read older ones" });
  await older.click();
  await until("more was read", async () => asked.length === 2 && (await older.isEnabled()));
  await page.getByRole("heading", { name: "No entry is like that" }).waitFor();
  await older.click();
  await page.getByText("The needle was found.").waitFor();
  expect(await older.count()).toBe(0);
  expect(asked).toEqual(["", "701", "201"]);
  await page.context().close();
});

test("what cannot be read is said, and read when somebody tries again", async () => {
  let broken = true;
  const change: Change = (path) => (broken && /^\/(settings|journal)\b/.test(path) ? { status: 502, body: "" } : null);
  const root = await before("/", { change });
  const { page } = await openPage(browser, `${root}panel/#/engines/acestream-1`);
  await page.getByText("What was written before could not be read.").waitFor();
  await shot(page, "not-read");
  broken = false;
  await askForKey(page);
  await giveKey(page);
  broken = true;
  await page.getByRole("link", { name: "Settings", exact: true }).click();
  await page.getByRole("heading", { name: "The settings could not be read" }).waitFor();
  broken = false;
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("MIN_REPLICAS", { exact: true }).waitFor();
  await page.context().close();
});

test("a stream that is opened before its first reading is charted all the same, and what is broken is said meanwhile", async () => {
  let broken = true;
  const change: Change = (path) => {
    if (path.endsWith("/stats")) return json([]);
    return broken && path.startsWith("/channels/stream") ? { status: 502, body: "" } : null;
  };
  const root = await before("/", { change });
  const { page } = await openPage(browser, `${root}panel/#/streams`);
  await page.locator("td.name a").first().click();
  await page.getByText("Who watches cannot be told just now: The server answered with 502.").waitFor();
  broken = false;
  for (const chart of ["Rate", "Peers", "Buffer", "Lag"]) await page.getByRole("img", { name: `${chart}: ` }).waitFor();
  await shot(page, "stream-from-the-start");
  await page.context().close();
});
