// What the journal says of one thing, and what follows from it for a picture of its past. Pure.
import type { Entry } from "../api/types";
import type { Tone } from "./states";

/** Entries that are about an engine: by its container, or by its name before it had one. */
export const ofEngine = (entries: readonly Entry[], id: string, name: string): Entry[] =>
  entries.filter(({ subject }) => isContainer(subject.kind) && (subject.id === id || (!subject.id && subject.name === name)));

const isContainer = (kind: string) => kind === "engine" || kind === "container";

export const ofVpn = (entries: readonly Entry[], name: string): Entry[] =>
  entries.filter(({ subject }) => subject.kind === "vpn" && subject.name === name);

export const ofStream = (entries: readonly Entry[], id: string): Entry[] =>
  entries.filter(({ subject }) => subject.kind === "stream" && subject.id === id);

/** Two lists of entries as one, the newest first, each entry once. */
export function merged(a: readonly Entry[], b: readonly Entry[]): Entry[] {
  const all = new Map([...a, ...b].map((entry) => [entry.id, entry]));
  return [...all.values()].sort((one, other) => other.id - one.id);
}

export interface Stretch {
  from: number;
  to: number;
  tone: Tone;
  word: string;
}

const TURNS: Readonly<Record<string, { tone: Tone; word: string }>> = {
  offered: { tone: "ok", word: "offered" },
  hidden: { tone: "bad", word: "hidden" },
  create: { tone: "wait", word: "being created" },
  start: { tone: "wait", word: "starting" },
  restart: { tone: "wait", word: "restarting" },
  hand_off: { tone: "warn", word: "leaving" },
  stays: { tone: "ok", word: "offered" },
  vpn_healthy: { tone: "ok", word: "healthy" },
  vpn_failed: { tone: "bad", word: "failed" },
  vpn_doubted: { tone: "warn", word: "doubted" },
};

/** How something has been, from what the journal says of it: the oldest stretch first. */
export function past(entries: readonly Entry[], now: number): Stretch[] {
  const found: Stretch[] = [];
  for (const entry of entries.toReversed()) {
    const turn = TURNS[entry.kind];
    const at = Date.parse(entry.at);
    const last = found.at(-1);
    if (!turn || !Number.isFinite(at)) continue;
    if (last?.word === turn.word) continue;
    if (last) last.to = at;
    found.push({ from: at, to: now, ...turn });
  }
  return found;
}

export interface PortChange {
  at: string;
  port: number | null;
}

/** The forwarded ports that a VPN has had, the newest first, as the journal's sentences name them. */
export function ports(entries: readonly Entry[]): PortChange[] {
  const found: PortChange[] = [];
  for (const entry of entries) {
    if (!/^port_(is|changed|gone)$/.test(entry.kind)) continue;
    const said = /forwarded port (?:is|changed from \d+ to) (\d+)/.exec(entry.sentence)?.[1];
    const port = said ? Number(said) : null;
    found.push({ at: entry.at, port });
  }
  return found;
}
