import { expect, test } from "vitest";
import { Reader } from "./sse";

test("events are whole, with their ids, whatever the pieces are that they arrive in", () => {
  const text = 'event: engine\nid: 7\ndata: {"a":1}\n\n: still here\n\nevent: vpn\r\ndata: one\r\ndata: two\r\n\r\n';
  const expected = [
    { name: "engine", data: '{"a":1}', id: "7" },
    { name: "vpn", data: "one\ntwo" },
  ];
  for (let size = 1; size <= text.length; size++) {
    const reader = new Reader();
    const got = [];
    for (let at = 0; at < text.length; at += size) got.push(...reader.read(text.slice(at, at + size)));
    expect(got, `pieces of ${size}`).toEqual(expected);
  }
});

test("a sign of life is no event, and an event that is not complete is waited for", () => {
  const reader = new Reader();
  expect(reader.read(": still here\n\n")).toEqual([]);
  expect(reader.read("data: half")).toEqual([]);
  expect(reader.read(" of it\n\n")).toEqual([{ name: "message", data: "half of it" }]);
});
