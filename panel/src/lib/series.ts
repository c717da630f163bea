// Numbers over time, as lines and axes. Pure.

export interface Point {
  /** Milliseconds since 1970. */
  at: number;
  value: number;
}

/** A line through evenly spaced values, from the left edge to the right; empty for fewer than two. */
export function line(values: readonly number[], width: number, height: number, top: number): string {
  if (values.length < 2) return "";
  const step = width / (values.length - 1);
  const y = (value: number) => (height - (value / top) * height).toFixed(1);
  return values.map((value, place) => `${place === 0 ? "M" : "L"}${(place * step).toFixed(1)} ${y(value)}`).join("");
}

/** A line through points in time; where nothing was known for longer than `gap`, it is broken. */
export function timeLine(
  points: readonly Point[],
  x: (at: number) => number,
  y: (value: number) => number,
  gap: number,
): string {
  let path = "";
  let before: Point | null = null;
  for (const point of points) {
    const broken = before === null || point.at - before.at > gap;
    path += `${broken ? "M" : "L"}${x(point.at).toFixed(1)} ${y(point.value).toFixed(1)}`;
    before = point;
  }
  return path;
}

/** A round number at or above it, and the marks up to there. */
export function scale(most: number, marks = 4): { top: number; marks: number[] } {
  if (!(most > 0)) return { top: 1, marks: [0, 1] };
  const rough = most / marks;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough) ?? rough;
  const number = Math.ceil(most / step);
  return { top: number * step, marks: Array.from({ length: number + 1 }, (_, place) => place * step) };
}

const STEPS_S = [5, 10, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400];

/** Moments for the marks of a time axis: whole minutes or hours, at most so many. */
export function times(from: number, to: number, most: number): number[] {
  const step = (STEPS_S.find((seconds) => (to - from) / 1000 / seconds <= most) ?? 86_400) * 1000;
  const first = Math.ceil(from / step) * step;
  const found = [];
  for (let at = first; at <= to; at += step) found.push(at);
  return found;
}

/** Keeps what was seen, finely for the last while and coarsely before: bounded, whatever the time. */
export class Recent {
  #points: Point[] = [];

  constructor(
    readonly keptMs: number,
    readonly fineMs: number,
    readonly coarseMs: number,
  ) {}

  get points(): readonly Point[] {
    return this.#points;
  }

  /** Puts points where nothing was seen here: before the first, and in gaps. */
  before(points: readonly Point[]): void {
    const seen = this.#points;
    const missing = points.filter(({ at }) => !seen.some((known) => Math.abs(known.at - at) < this.coarseMs));
    this.#points = [...seen, ...missing].sort((a, b) => a.at - b.at);
  }

  add(point: Point): void {
    this.#points.push(point);
    const fineFrom = point.at - this.fineMs;
    const kept: Point[] = [];
    for (const known of this.#points) {
      if (known.at < point.at - this.keptMs) continue;
      const last = kept.at(-1);
      if (last && known.at < fineFrom && Math.floor(known.at / this.coarseMs) === Math.floor(last.at / this.coarseMs)) {
        continue;
      }
      kept.push(known);
    }
    this.#points = kept;
  }
}
