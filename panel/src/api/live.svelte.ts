// The connection to the server: everything that pages show comes from here, as it changes.
// It listens; when the line breaks it says so, keeps the last picture, and tries again until it is back.
import { hear } from "./line";
import type { Sent } from "./sse";
import { OtherVersion, take, type Changed, type World } from "./world";
import type { Engine, Entry, Status, Stream, Vpn, VpnStatus } from "./types";

/** How the line is. */
export type Line = "connecting" | "live" | "lost" | "foreign";

const RETRY_FIRST_MS = 500;
const RETRY_LAST_MS = 8_000;
/** Events that come together are shown together. */
const SHOW_WITHIN_MS = 250;
const CLOCK_MS = 1_000;

const byPort = (a: Engine, b: Engine) => a.port - b.port || a.container_name.localeCompare(b.container_name);

class Live {
  line = $state<Line>("connecting");
  /** Why the line is as it is. */
  problem = $state("");
  /** By the server's clock. */
  lostAt = $state(0);
  /** What of that which was told cannot be shown. */
  strange = $state("");

  version = $state("");
  keyNeeded = $state(false);
  demo = $state(false);
  status = $state.raw<Status | null>(null);
  vpn = $state.raw<VpnStatus | null>(null);
  engines = $state.raw<Engine[]>([]);
  engineById = $state.raw<ReadonlyMap<string, Engine>>(new Map());
  streams = $state.raw<Stream[]>([]);
  streamById = $state.raw<ReadonlyMap<string, Stream>>(new Map());
  journal = $state.raw<Entry[]>([]);
  /** The server's clock, second by second. */
  now = $state(Date.now());

  #world: World | null = null;
  #changed = new Set<Changed>();
  #showing = false;
  #aheadMs = 0;
  #stop = new AbortController();
  #retryNow: (() => void) | null = null;
  #heard: ((entry: Entry) => void)[] = [];
  /** What the last event was called. */
  #last: string | null = null;

  readonly vpns: Vpn[] = $derived(this.vpn?.vpns ?? []);
  readonly active: Stream[] = $derived(this.streams.filter((stream) => stream.status === "started"));
  readonly viewers: number = $derived(this.active.reduce((sum, stream) => sum + stream.watching + stream.waiting, 0));
  /** KiB per second, all streams together. */
  readonly down: number = $derived(this.active.reduce((sum, stream) => sum + (stream.speed_down ?? 0), 0));
  readonly stale: boolean = $derived(this.line !== "live" && this.status !== null);

  start(): () => void {
    const clock = setInterval(() => (this.now = this.#serverNow()), CLOCK_MS);
    const online = () => this.retry();
    addEventListener("online", online);
    void this.#listen();
    return () => {
      clearInterval(clock);
      removeEventListener("online", online);
      this.#stop.abort();
    };
  }

  /** Tells of every entry of the journal as it is written. */
  hear(listener: (entry: Entry) => void): () => void {
    this.#heard.push(listener);
    return () => (this.#heard = this.#heard.filter((other) => other !== listener));
  }

  /** What the journal says of one operation, the newest first. */
  saidOf(operation: string): Entry[] {
    return this.#world?.journal.filter((entry) => entry.operation === operation) ?? [];
  }

  /** Something that was told could not be shown: the server is of another version, however much else is understood. */
  misunderstand(error: unknown): void {
    this.strange = error instanceof Error ? error.message : String(error);
  }

  /** Tries again at once. */
  retry(): void {
    this.#retryNow?.();
  }

  async #listen(): Promise<void> {
    let wait = RETRY_FIRST_MS;
    while (!this.#stop.signal.aborted) {
      try {
        await this.#hearOut(() => (wait = RETRY_FIRST_MS));
        this.#lose("The server has ended the connection.");
      } catch (error) {
        if (error instanceof OtherVersion) {
          this.line = "foreign";
          this.problem = error.message;
        } else {
          this.#lose(error instanceof Error ? error.message : String(error));
        }
      }
      await new Promise<void>((resolve) => {
        this.#retryNow = resolve;
        setTimeout(resolve, wait);
      });
      wait = Math.min(wait * 2, RETRY_LAST_MS);
    }
  }

  #serverNow(): number {
    return Date.now() + this.#aheadMs;
  }

  #lose(why: string): void {
    if (this.line === "live" || this.lostAt === 0) this.lostAt = this.#serverNow();
    this.line = "lost";
    this.problem = why;
  }

  /** Listens until the line breaks. What was written while it was broken is told when it is back. */
  #hearOut(isThere: () => void): Promise<void> {
    const taken = (sent: Sent) => {
      this.#take(sent);
      this.#last = sent.id ?? this.#last;
      if (this.#world) isThere();
    };
    return hear("events/stream", this.#stop.signal, taken, this.#last);
  }

  #take(sent: Sent): void {
    const { world, changed, written } = take(this.#world, sent);
    this.#world = world;
    if (changed === null || !world) return;
    if (changed === "all") {
      const told = Date.parse(world.status.timestamp);
      if (Number.isFinite(told)) this.#aheadMs = told - Date.now();
      this.now = this.#serverNow();
    }
    for (const entry of written) this.#heard.forEach((listener) => listener(entry));
    this.#changed.add(changed);
    if (this.#showing) return;
    this.#showing = true;
    // A page that nobody sees gets no frames, but is to be right when it is looked at.
    let shown = false;
    const show = () => {
      if (shown) return;
      shown = true;
      try {
        this.#show();
      } catch (error) {
        this.misunderstand(error);
      }
    };
    requestAnimationFrame(show);
    setTimeout(show, SHOW_WITHIN_MS);
  }

  #show(): void {
    this.#showing = false;
    const world = this.#world;
    if (!world) return;
    const changed = (part: Changed) => this.#changed.has(part) || this.#changed.has("all");
    if (changed("status")) this.status = world.status;
    if (changed("vpn")) this.vpn = world.vpn;
    if (changed("engines")) {
      this.engines = [...world.engines.values()].sort(byPort);
      this.engineById = new Map(world.engines);
    }
    if (changed("streams")) {
      this.streams = [...world.streams.values()];
      this.streamById = new Map(world.streams);
    }
    if (changed("journal")) this.journal = world.journal;
    if (this.#changed.has("all")) {
      this.version = world.version;
      this.keyNeeded = world.keyNeeded;
      this.demo = world.demo;
      this.line = "live";
      this.problem = "";
      this.lostAt = 0;
      this.strange = "";
    }
    this.#changed.clear();
  }
}

export const live = new Live();
