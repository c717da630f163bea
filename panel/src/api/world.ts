// What the server has told, kept up to date event by event. Pure: no page, no network, no clock.
import { merged } from "../lib/story";
import type { Engine, Entry, Everything, Status, Stream, VpnStatus } from "./types";
import type { Sent } from "./sse";

/** Entries of the journal that are kept here; older ones are asked for. */
export const ENTRIES_KEPT = 1_000;

/** Everything that was told. */
export interface World {
  version: string;
  keyNeeded: boolean;
  demo: boolean;
  status: Status;
  vpn: VpnStatus;
  /** By container. */
  engines: Map<string, Engine>;
  /** By id. */
  streams: Map<string, Stream>;
  /** The newest first. */
  journal: Entry[];
}

/** What is told does not look like what this panel knows. */
export class OtherVersion extends Error {}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

// What the panel's frame stands on is looked at; a page that cannot show something says so by itself.
const isStatus = (value: unknown): value is Status =>
  isObject(value) && isObject(value["capacity"]) && isObject(value["streams"]) && Array.isArray(value["reasons"]);
const isVpnStatus = (value: unknown): value is VpnStatus => {
  const emergency = isObject(value) && value["emergency_mode"];
  return isObject(emergency) && isObject(value) && Array.isArray(value["vpns"]) && Array.isArray(emergency["failed_vpns"]);
};
const areObjects = (value: unknown): boolean => Array.isArray(value) && value.every(isObject);

function read<T>(data: string, fits: (value: unknown) => value is T): T {
  const value: unknown = JSON.parse(data);
  if (!fits(value)) throw new Error("it has another shape");
  return value;
}

/** The world that a first event tells of. */
export function worldOf(data: unknown): World {
  const all = data as Everything;
  const fits =
    isObject(data) && isStatus(all.status) && isVpnStatus(all.vpn) && [all.engines, all.streams, all.journal].every(areObjects);
  if (!fits) throw new OtherVersion("the server's first event is not one that this panel understands");
  return {
    version: typeof all.version === "string" ? all.version : "",
    keyNeeded: all.key_needed === true,
    demo: all.demo === true,
    status: all.status,
    vpn: all.vpn,
    engines: new Map(all.engines.map((engine) => [engine.container_id, engine])),
    streams: new Map(all.streams.map((stream) => [stream.id, stream])),
    journal: all.journal,
  };
}

/** Which parts of the world an event has changed. */
export type Changed = "all" | "status" | "vpn" | "engines" | "streams" | "journal" | null;

/** What an event has made of the world. */
export interface Taken {
  world: World | null;
  changed: Changed;
  /** Entries of the journal that were written meanwhile, the oldest first. */
  written: Entry[];
}

/** Takes one event in. Events that are not known change nothing: a newer server may tell more. */
export function take(world: World | null, sent: Sent): Taken {
  try {
    if (sent.name === "snapshot") return anew(world, worldOf(JSON.parse(sent.data)));
    if (!world) return { world, changed: null, written: [] };
    const changed = change(world, sent);
    return { world, changed, written: changed === "journal" ? world.journal.slice(0, 1) : [] };
  } catch (error) {
    if (error instanceof OtherVersion) throw error;
    throw new OtherVersion(`the server's event ${sent.name} is not one that this panel understands`);
  }
}

/** Everything is told again, but of the journal only what is new: what was known of it stays. */
function anew(before: World | null, world: World): Taken {
  if (!before) return { world, changed: "all", written: [] };
  const newest = before.journal[0]?.id ?? 0;
  const written = world.journal.filter((entry) => entry.id > newest).toReversed();
  world.journal = merged(before.journal, world.journal).slice(0, ENTRIES_KEPT);
  return { world, changed: "all", written };
}

function change(world: World, { name, data }: Sent): Changed {
  switch (name) {
    case "status":
      world.status = read(data, isStatus);
      return "status";
    case "vpn":
      world.vpn = read(data, isVpnStatus);
      return "vpn";
    case "engine": {
      const engine = JSON.parse(data) as Engine;
      world.engines.set(engine.container_id, engine);
      return "engines";
    }
    case "engine_gone":
      world.engines.delete((JSON.parse(data) as { container_id: string }).container_id);
      return "engines";
    case "stream": {
      const stream = JSON.parse(data) as Stream;
      world.streams.set(stream.id, stream);
      return "streams";
    }
    case "stream_gone":
      world.streams.delete((JSON.parse(data) as { id: string }).id);
      return "streams";
    case "journal":
      world.journal = [JSON.parse(data) as Entry, ...world.journal].slice(0, ENTRIES_KEPT);
      return "journal";
    default:
      return null;
  }
}
