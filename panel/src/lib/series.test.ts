import { expect, test } from "vitest";
import { line, Recent, scale, timeLine, times } from "./series";

test("a line needs two values and reaches both edges", () => {
  expect(line([], 100, 10, 1)).toBe("");
  expect(line([1], 100, 10, 1)).toBe("");
  expect(line([0, 1], 100, 10, 1)).toBe("M0.0 10.0L100.0 0.0");
});

test("a line is broken where nothing was known", () => {
  const points = [0, 1000, 9000].map((at) => ({ at, value: 1 }));
  expect(timeLine(points, (at) => at, () => 0, 2000)).toBe("M0.0 0.0L1000.0 0.0M9000.0 0.0");
});

test("a scale ends at a round number at or above the most", () => {
  expect(scale(0)).toEqual({ top: 1, marks: [0, 1] });
  expect(scale(7)).toEqual({ top: 8, marks: [0, 2, 4, 6, 8] });
  for (const most of [0.013, 1, 9.99, 100, 12345]) expect(scale(most).top).toBeGreaterThanOrEqual(most);
});

test("marks of time are round and not too many", () => {
  const hour = 3_600_000;
  expect(times(0, hour, 6)).toEqual([0, 1, 2, 3, 4, 5, 6].map((n) => n * 600_000));
  expect(times(1, 30 * 24 * hour, 6).length).toBeGreaterThan(0);
});

test("what is kept of the past is bounded, and finer the nearer it is", () => {
  const recent = new Recent(3_600_000, 60_000, 60_000);
  for (let second = 0; second < 7_200; second++) recent.add({ at: second * 1000, value: second });
  expect(recent.points.length).toBeLessThanOrEqual(60 + 62);
  expect(recent.points.at(-1)?.value).toBe(7_199);
  expect(recent.points[0]!.at).toBeGreaterThanOrEqual(7_199_000 - 3_600_000);
});

test("what others saw fills the gaps, and only those", () => {
  const recent = new Recent(3_600_000, 60_000, 20_000);
  recent.add({ at: 100_000, value: 1 });
  recent.before([0, 40_000, 95_000, 140_000].map((at) => ({ at, value: 9 })));
  expect(recent.points.map(({ at }) => at)).toEqual([0, 40_000, 100_000, 140_000]);
});
