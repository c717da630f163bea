import { expect, test } from "vitest";
import { href, parse, subjectHref } from "./route";

test("what is written into an address is read from it", () => {
  for (const id of ["a", "a/b?c#d", "<b>%</b>", "\u202eabc", "acestream:?x=1&y=2"]) {
    const route = parse(href("streams", id, { kind: "a&b" }));
    expect(route).toEqual({ page: "streams", id, query: { kind: "a&b" } });
  }
});

test("an address that means nothing leads to the fleet", () => {
  for (const hash of ["", "#", "#/", "#/nowhere/x", "#/fleet/%E0%A4%A"]) expect(parse(hash).page).toBe("fleet");
  expect(parse("#/streams/%E0%A4%A")).toEqual({ page: "streams", id: null, query: {} });
});

test("what the journal tells of leads to where it is shown", () => {
  expect(subjectHref({ kind: "vpn", name: "gluetun" })).toBe("#/vpns/gluetun");
  expect(subjectHref({ kind: "engine", name: "acestream-1", id: null })).toBe("#/engines/acestream-1");
  expect(subjectHref({ kind: "fleet" })).toBeNull();
});
