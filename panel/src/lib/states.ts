// What the server's words for states mean to a person, and how they are drawn. Colour never stands alone:
// each tone has a symbol beside it, and each state a word.
import type { Engine, Vpn } from "../api/types";

export type Tone = "ok" | "flow" | "wait" | "warn" | "bad" | "off";
export type IconName =
  | "anchor" | "arrow" | "bolt" | "check" | "chevron" | "clock" | "close" | "copy" | "cross" | "dash" | "drain"
  | "engine" | "eye" | "fleet" | "flame" | "gear" | "journal" | "key" | "link" | "moon" | "move" | "play" | "pulse"
  | "replace" | "restart" | "search" | "shield" | "stop" | "sun" | "trash" | "trend" | "unlink" | "wait" | "warn";

export interface Look {
  tone: Tone;
  icon: IconName;
  word: string;
}

const look = (tone: Tone, icon: IconName, word: string): Look => ({ tone, icon, word });

const ENGINE: Readonly<Record<string, Look>> = {
  not_looked_at: look("wait", "wait", "Not looked at yet"),
  no_engine: look("off", "dash", "No engine"),
  outside_vpn: look("bad", "unlink", "Outside its VPN"),
  condemned: look("warn", "drain", "Going"),
  starting: look("wait", "wait", "Starting"),
  restarting: look("wait", "restart", "Restarting"),
  removing: look("off", "trash", "Being removed"),
  not_running: look("bad", "cross", "Not running"),
  vpn_pending: look("wait", "wait", "VPN not seen yet"),
  vpn_network_gone: look("bad", "unlink", "Network gone"),
  vpn_failed: look("bad", "unlink", "VPN failed"),
  stranded: look("bad", "unlink", "Stranded"),
  not_reconnected: look("warn", "unlink", "Not reconnected"),
  booting: look("wait", "wait", "Booting"),
  unhealthy: look("bad", "warn", "Unhealthy"),
  leaving: look("warn", "drain", "Leaving"),
};

export function engineLook(engine: Engine): Look {
  if (!engine.offered) return ENGINE[engine.state] ?? look("warn", "warn", engine.state.replaceAll("_", " "));
  if (engine.health_status === "unhealthy") return look("bad", "warn", "Unhealthy");
  if (engine.streams.length > 0) return look("flow", "play", "Streaming");
  if (engine.leased_until) return look("wait", "key", "Kept for a client");
  if (engine.health_status === "unknown") return look("ok", "clock", "Free, not asked yet");
  return look("ok", "check", "Free");
}

export function vpnLook(vpn: Vpn): Look {
  if (vpn.verdict === "failed") return look("bad", "unlink", "Failed");
  if (vpn.verdict === "pending") return look("wait", "wait", "Not seen yet");
  if (vpn.drains) return look("warn", "drain", "Draining");
  if (vpn.doubt) return look("warn", "warn", "Doubted");
  return look("ok", "shield", "Healthy");
}

/** What cannot be said of a container by putting Docker's word after "is". */
const CONTAINER_STATES: Record<string, string> = {
  not_found: "is missing",
  exited: "has exited",
  removing: "is being removed",
};

/** What is worth knowing about a VPN beside its verdict, one short sentence each. */
export function vpnNotes(vpn: Vpn): { tone: Tone; text: string; due?: string }[] {
  const notes: { tone: Tone; text: string; due?: string }[] = [];
  if (vpn.doubt) notes.push({ tone: "warn", text: vpn.doubt });
  if (vpn.verdict === "failed" && vpn.status !== "running") {
    notes.push({ tone: "bad", text: `its container ${CONTAINER_STATES[vpn.status] ?? `is ${vpn.status}`}` });
  }
  if (vpn.next_repair) {
    notes.push({ tone: "wait", text: `next: ${vpn.next_repair}`, ...(vpn.next_repair_at && { due: vpn.next_repair_at }) });
  }
  if (vpn.probation_until) {
    notes.push({ tone: "wait", text: "on probation, no new engines", due: vpn.probation_until });
  }
  if (vpn.stabilizes_until) notes.push({ tone: "wait", text: "settling after its recovery", due: vpn.stabilizes_until });
  if (vpn.port_flaps) notes.push({ tone: "warn", text: "its port changes too often to be followed each time" });
  if (vpn.control_server === "unauthorized") {
    notes.push({ tone: "warn", text: "its control server refuses acefleet: set GLUETUN_API_KEY" });
  }
  if (vpn.drains) notes.push({ tone: "warn", text: "a person has asked that it lose its engines" });
  return notes;
}

const SUBJECT_ICON: Readonly<Record<string, IconName>> = {
  fleet: "fleet", docker: "gear", vpn: "shield", engine: "engine", container: "engine", stream: "play",
};

/** How an entry of the journal looks: its tone by what kind of thing it tells. */
export function entryLook(subject: string, kind: string): { tone: Tone; icon: IconName } {
  const icon = SUBJECT_ICON[subject] ?? "journal";
  if (/failed|unreachable|lost|refused|rebuilt|emergency_entered|garbled|needs_person|open_failed|gone$/.test(kind)) {
    return { tone: "bad", icon };
  }
  if (/hidden|doubt|unknown|cannot|breaker_open|passive|suspects|flaps|waits|stop|remove|hand_off|mark_lost/.test(kind)) {
    return { tone: "warn", icon };
  }
  if (/healthy|offered|emergency_left|back|vouched|in_sight|breaker_closed|active|plays|fate_found/.test(kind)) {
    return { tone: "ok", icon };
  }
  if (/create|start|restart|mend|moves|handed_out|requested|port_/.test(kind)) return { tone: "flow", icon };
  return { tone: "off", icon };
}
