// A channel of the proxy as long as somebody looks at it: who watches, what each is given, how far behind they are, and
// how that has been since the page was opened.
import { Look } from "../api/look.svelte";
import { live } from "../api/live.svelte";
import type { Channel } from "../api/types";
import { desk } from "./desk.svelte";
import { Recent, type Point } from "./series";

const KEPT_MS = 3_600_000;
const FINE_MS = 10 * 60_000;
const COARSE_MS = 20_000;

export class Watched {
  channel = $state.raw<Channel | null>(null);
  /** What each viewer is given, in bits per second, from one telling to the next. */
  rates = $state.raw<ReadonlyMap<number, number>>(new Map());
  /** Seconds that are kept for those who fall behind. */
  buffer = $state.raw<readonly Point[]>([]);
  /** Seconds that the last of them is behind. */
  lag = $state.raw<readonly Point[]>([]);
  readonly look: Look;
  #buffer = new Recent(KEPT_MS, FINE_MS, COARSE_MS);
  #lag = new Recent(KEPT_MS, FINE_MS, COARSE_MS);

  /** To be called while a component is made, with what the channel is asked for by, or nothing if it is none. */
  constructor(key: () => string | null) {
    const path = () => {
      // Whoever has shown the key is told more.
      void desk.hasKey;
      const wanted = key();
      return wanted === null ? null : `channels/stream?key=${encodeURIComponent(wanted)}`;
    };
    this.look = new Look(path, () => {
      let toldAt = performance.now();
      let before = new Map<number, number>();
      return ({ data }) => {
        const [told = null] = JSON.parse(data) as Channel[];
        const now = performance.now();
        const seconds = (now - toldAt) / 1_000;
        toldAt = now;
        this.rates = new Map(
          told?.viewers.flatMap(({ id, bytes }) => {
            const known = before.get(id);
            return known === undefined ? [] : [[id, ((bytes - known) * 8) / seconds] as const];
          }),
        );
        before = new Map(told?.viewers.map(({ id, bytes }) => [id, bytes]));
        this.channel = told;
        if (told) this.#keep(told);
      };
    });
  }

  #keep({ buffered_ms, viewers }: Channel): void {
    this.#buffer.add({ at: live.now, value: buffered_ms / 1_000 });
    this.#lag.add({ at: live.now, value: Math.max(0, ...viewers.map(({ lag_ms }) => lag_ms)) / 1_000 });
    this.buffer = this.#buffer.points;
    this.lag = this.#lag.points;
  }
}
