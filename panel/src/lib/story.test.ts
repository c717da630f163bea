import { expect, test } from "vitest";
import { at, entry } from "../../dev/things";
import { merged, ofVpn, past, ports } from "./story";

test("what was heard twice is told once, the newest first", () => {
  const told = merged([entry(3), entry(2)], [entry(2), entry(1)]);
  expect(told.map(({ seq }) => seq)).toEqual([3, 2, 1]);
});

test("the past of an engine is read from its decisions", () => {
  const entries = [entry(30, { kind: "offered" }), entry(20, { kind: "hidden" }), entry(10, { kind: "offered" })];
  const stretches = past(entries, Date.parse(at(40)));
  expect(stretches.map(({ word, from, to }) => [word, (to - from) / 1000])).toEqual([
    ["offered", 10],
    ["hidden", 10],
    ["offered", 10],
  ]);
});

test("the past of a VPN is its own, whatever its journal says of engines that are created on it", () => {
  const subject = { kind: "vpn" as const, name: "gluetun", id: null };
  const entries = [entry(20, { kind: "create" }), entry(10, { kind: "vpn_healthy", subject })];
  expect(past(ofVpn(entries, "gluetun"), Date.parse(at(40))).map(({ word }) => word)).toEqual(["healthy"]);
});

test("the ports of a VPN are read from the journal's sentences", () => {
  const said = (seq: number, kind: string, sentence: string) => entry(seq, { kind, sentence });
  const entries = [
    said(4, "port_changed", "VPN 'gluetun2' forwarded port changed from 48278 to 53344"),
    said(3, "port_gone", "VPN 'gluetun2' has no forwarded port any more, it was 48278"),
    said(2, "vpn_healthy", "VPN 'gluetun2' is healthy"),
    said(1, "port_is", "VPN 'gluetun2' forwarded port is 48278; it was asked for 8080 times"),
  ];
  expect(ports(entries).map(({ port }) => port)).toEqual([53344, null, 48278]);
});
