import { expect, test } from "vitest";
import { ago, bitrate, bytes, duration, listed, plain, title, until } from "./format";

test("speeds are told in bits", () => {
  expect(bitrate(null)).toBe("–");
  expect(bitrate(0)).toBe("0 kbit/s");
  expect(bitrate(540)).toBe("4.42 Mbit/s");
  expect(bitrate(54_000)).toBe("442 Mbit/s");
  expect(bitrate(540_000)).toBe("4.42 Gbit/s");
});

test("amounts have three digits that count", () => {
  expect([0, 999, 84_000_000, 1.5e12].map(bytes)).toEqual(["0 B", "999 B", "84.0 MB", "1.50 TB"]);
});

test("lengths of time are told in at most two units", () => {
  const told = [0, 59, 60, 200, 3600, 7500, 90_000].map(duration);
  expect(told).toEqual(["0 s", "59 s", "1 min", "3 min 20 s", "1 h", "2 h 5 min", "1 d 1 h"]);
});

test("what was and what is due is told from now", () => {
  const now = Date.parse("2026-03-01T20:00:00Z");
  expect(ago("2026-03-01T19:59:59.500Z", now)).toBe("just now");
  expect(ago("2026-03-01T19:56:30Z", now)).toBe("3 min ago");
  expect(ago(null, now)).toBe("never");
  expect(ago("soon", now)).toBe("–");
  expect(until("2026-03-01T20:00:11.2Z", now)).toBe("in 12 s");
  expect(until("2026-03-01T19:00:00Z", now)).toBe("now");
});

test("a stream is called by what people recognise", () => {
  expect(title("94c2fd8fb9bc8f2fc71a2cbe9d4b866f227a0209")).toBe("94c2fd8f…7a0209");
  expect(title("magnet:?xt=urn:btih:94c2fd8fb9bc8f2fc71a2cbe9d4b866f227a0209&dn=Canal+1")).toBe("Canal 1");
  expect(title("magnet:?xt=urn:btih:94c2fd8fb9bc8f2fc71a2cbe9d4b866f227a0209")).toBe("94c2fd8f…7a0209");
  expect(title("<b>news</b>")).toBe("<b>news</b>");
  expect(title("")).toBe("unnamed");
});

test("several things are listed as people say them", () => {
  expect([[], ["a"], ["a", "b"], ["a", "b", "c"]].map(listed)).toEqual(["", "a", "a and b", "a, b and c"]);
});

test("marks that would turn text around are named instead", () => {
  expect(plain("a\u202eb\u2066<i>\u0000")).toBe("a‹U+202E›b‹U+2066›<i>‹U+0000›");
  expect(plain("שלום, Формула 1")).toBe("שלום, Формула 1");
});
