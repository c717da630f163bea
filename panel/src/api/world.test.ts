import { expect, test } from "vitest";
import { ENTRIES_KEPT, OtherVersion, take, worldOf, type World } from "./world";
import { everything, engine, stream, entry } from "../../dev/things";

const begin = (): World => worldOf(everything());
const sent = (name: string, data: unknown) => ({ name, data: JSON.stringify(data) });

test("a first event is the whole world, and another one replaces it", () => {
  const { world, changed } = take(null, sent("snapshot", everything({ engines: [engine(1), engine(2)] })));
  expect(changed).toBe("all");
  expect([...world!.engines.keys()]).toEqual([engine(1).container_id, engine(2).container_id]);
  const again = take(world, sent("snapshot", everything({ engines: [] })));
  expect(again.world!.engines.size).toBe(0);
});

test("engines and streams come, change and go by their ids", () => {
  const world = begin();
  take(world, sent("engine", engine(1)));
  take(world, sent("engine", { ...engine(1), state: "booting" }));
  expect(world.engines.get(engine(1).container_id)?.state).toBe("booting");
  expect(take(world, sent("engine_gone", { container_id: engine(1).container_id })).changed).toBe("engines");
  expect(world.engines.size).toBe(0);
  take(world, sent("stream", stream("a")));
  take(world, sent("stream_gone", { id: "a" }));
  expect(world.streams.size).toBe(0);
});

test("the journal is the newest first and bounded", () => {
  const world = begin();
  for (let seq = 1; seq <= ENTRIES_KEPT + 5; seq++) take(world, sent("journal", entry(seq)));
  expect(world.journal.length).toBe(ENTRIES_KEPT);
  expect(world.journal[0]?.seq).toBe(ENTRIES_KEPT + 5);
});

test("who comes back is told the entries that were missed, and keeps those that are older", () => {
  const known = Array.from({ length: 150 }, (_, place) => entry(150 - place));
  const before = worldOf(everything({ journal: known }));
  const told = Array.from({ length: 100 }, (_, place) => entry(153 - place));
  const { world, written } = take(before, sent("snapshot", everything({ journal: told })));
  expect(written.map(({ id }) => id)).toEqual([151, 152, 153]);
  expect(world!.journal.map(({ id }) => id)).toEqual(Array.from({ length: 153 }, (_, place) => 153 - place));
  expect(take(null, sent("snapshot", everything({ journal: told }))).written).toEqual([]);
});

test("what is told before the first event, and events that are not known, change nothing", () => {
  expect(take(null, sent("engine", engine(1)))).toEqual({ world: null, changed: null, written: [] });
  expect(take(begin(), sent("weather", { rain: true })).changed).toBeNull();
});

test("a first event of another version is said to be one", () => {
  for (const data of [null, [], {}, { status: {}, vpn: {}, engines: {} }, { ...everything(), vpn: { vpns: 3 } }]) {
    expect(() => worldOf(data), JSON.stringify(data)).toThrow(OtherVersion);
  }
});

test("what cannot be read is told as another version, whatever it is that is wrong with it", () => {
  expect(() => take(null, sent("snapshot", { ...everything(), engines: [null] }))).toThrow(OtherVersion);
  expect(() => take(begin(), { name: "engine", data: "{" })).toThrow(OtherVersion);
  expect(() => take(begin(), { name: "engine_gone", data: "null" })).toThrow(OtherVersion);
});
