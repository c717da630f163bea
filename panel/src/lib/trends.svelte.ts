// The fleet's numbers over the last hours: what the server has counted, and what the panel hears while it is open.
import { get } from "../api/client";
import { live } from "../api/live.svelte";
import type { Numbers } from "../api/types";
import { toMbit } from "./format";
import { Recent, type Point } from "./series";

const HOUR_MS = 3_600_000;
const EVERY_MS = 2_000;
const KEPT_MS = 6 * HOUR_MS;
const FINE_MS = 10 * 60_000;
const COARSE_MS = 20_000;

export const MEASURES = {
  down: { title: "From the network", unit: "speed", of: () => toMbit(live.down), was: (n: Numbers) => toMbit(n.speed_down) },
  up: { title: "To other peers", unit: "speed", of: () => toMbit(live.active.reduce((sum, s) => sum + (s.speed_up ?? 0), 0)), was: (n: Numbers) => toMbit(n.speed_up) },
  viewers: { title: "Viewers", unit: "count", of: () => live.viewers, was: (n: Numbers) => n.viewers },
  streams: { title: "Streams", unit: "count", of: () => live.active.length, was: (n: Numbers) => n.streams },
  offered: { title: "Engines offered", unit: "count", of: () => live.status?.capacity.total ?? 0, was: (n: Numbers) => n.offered },
  free: { title: "Engines free", unit: "count", of: () => live.status?.capacity.available ?? 0, was: (n: Numbers) => n.free },
  peers: { title: "Peers", unit: "count", of: () => live.active.reduce((sum, s) => sum + (s.peers ?? 0), 0), was: (n: Numbers) => n.peers },
} as const;

export type Measure = keyof typeof MEASURES;

class Trends {
  /** Counts up with every reading, so that what shows them notices. */
  read = $state(0);
  /** Since when the server has counted, too. */
  #told = false;
  #kept = new Map<Measure, Recent>();

  start(): () => void {
    const timer = setInterval(() => {
      if (live.line !== "live") {
        // What happens meanwhile is asked for afterwards.
        this.#told = false;
        return;
      }
      if (!this.#told) void this.#take();
      for (const measure of Object.keys(MEASURES) as Measure[]) {
        this.#of(measure).add({ at: live.now, value: MEASURES[measure].of() });
      }
      this.read += 1;
    }, EVERY_MS);
    return () => clearInterval(timer);
  }

  /** Takes over what the server has counted before this page was there. */
  async #take(): Promise<void> {
    this.#told = true;
    const told = await get<Numbers[]>("trends").catch(() => []);
    for (const measure of Object.keys(MEASURES) as Measure[]) {
      this.#of(measure).before(told.map((numbers) => ({ at: Date.parse(numbers.at), value: MEASURES[measure].was(numbers) })));
    }
    this.read += 1;
  }

  #of(measure: Measure): Recent {
    let recent = this.#kept.get(measure);
    if (!recent) this.#kept.set(measure, (recent = new Recent(KEPT_MS, FINE_MS, COARSE_MS)));
    return recent;
  }

  points(measure: Measure): readonly Point[] {
    return this.read >= 0 ? this.#of(measure).points : [];
  }

  /** The latest values, for a line beside a number. */
  latest(measure: Measure, most = 90): number[] {
    return this.points(measure).slice(-most).map((point) => point.value);
  }
}

export const trends = new Trends();
