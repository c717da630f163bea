// What the browser tests stand on: the demo as a process, a real browser, and pages that notice what should not be.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const PROGRAM = process.env["ACEFLEET_PROGRAM"] ?? join(import.meta.dirname, "../../target/debug/acefleet");
/** Where distributions put it. */
const CHROMIUMS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const CHROMIUM = process.env["CHROMIUM"] ?? CHROMIUMS.find((path) => existsSync(path)) ?? "chromium";
const SHOTS = process.env["ACEFLEET_SHOTS"] ?? join(import.meta.dirname, "shots");
const POLL_MS = 50;
/** Generous, because machines that test are busy; what has to be quick is measured by itself. */
const WITHIN_MS = 40_000;
const STARTS_WITHIN_MS = 90_000;

export async function until<T>(what: string, look: () => Promise<T | false | null | undefined>, withinMs = WITHIN_MS): Promise<T> {
  const end = Date.now() + withinMs;
  let wrong = "";
  for (;;) {
    const found = await look().catch((error: unknown) => void (wrong = `, and ${String(error)}`));
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within ${withinMs / 1000} s: ${what}${wrong}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** The demo, as somebody starts it at home. */
export class Demo {
  private constructor(
    readonly port: number,
    readonly args: readonly string[],
    readonly env: Readonly<Record<string, string>>,
    private process: ChildProcess | null,
  ) {}

  static async start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Demo> {
    const demo = new Demo(await freePort(), args, env, null);
    await demo.begin();
    return demo;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  async begin(): Promise<void> {
    const args = ["demo", "--port", String(this.port), ...this.args];
    const child = spawn(PROGRAM, args, { env: { PATH: process.env["PATH"] ?? "", ...this.env }, stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.on("data", (text: Buffer) => (said = (said + text.toString()).slice(-2_000)));
    this.process = child;
    const there = async () => {
      if (child.exitCode !== null) throw new Error(`the demo has ended:\n${said}`);
      return (await fetch(`${this.url}readyz`)).ok;
    };
    await until(`the demo answers: ${said}`, there, STARTS_WITHIN_MS);
  }

  async end(): Promise<void> {
    const child = this.process;
    this.process = null;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await ended;
  }

  async get<T>(path: string): Promise<T> {
    return (await fetch(this.url + path)).json() as Promise<T>;
  }
}

export const openBrowser = (...args: string[]): Promise<Browser> =>
  chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-dev-shm-usage", ...args] });

/** A page that remembers what it should not have done. */
export interface Watched {
  page: Page;
  faults: string[];
  requests: string[];
}

export async function openPage(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: "dark", ...options });
  context.setDefaultTimeout(WITHIN_MS);
  const page = await context.newPage();
  const faults: string[] = [];
  const requests: string[] = [];
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") faults.push(`console: ${message.text()} ${message.location().url}`);
  });
  page.on("request", (request) => requests.push(request.url()));
  await page.goto(url);
  return { page, faults, requests };
}

/** Writes what a page looks like, for people to look at. */
export async function shot(page: Page, name: string): Promise<void> {
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: false });
}

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Finding {
  id: string;
  impact: string | null;
  nodes: { target: string[]; failureSummary?: string }[];
}

/** What makes a page as it is now hard or impossible to use for some people. */
export async function barriers(page: Page): Promise<string[]> {
  // What moves in is looked at when it stands.
  await page.evaluate(() => {
    const ending = document.getAnimations().filter((animation) => animation.effect?.getComputedTiming().iterations !== Infinity);
    return Promise.all(ending.map((animation) => animation.finished.catch(() => null)));
  });
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const axe = (window as unknown as { axe: { run: (options: object) => Promise<{ violations: Finding[] }> } }).axe;
    return (await axe.run({ resultTypes: ["violations"] })).violations;
  });
  const where = (nodes: Finding["nodes"]) => nodes.slice(0, 3).map((node) => `${node.target.join(" ")} ${node.failureSummary ?? ""}`);
  return found
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${where(nodes).join("; ")}`);
}
