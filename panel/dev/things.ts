// Things as the server tells them, made up: for tests, and for the world of `npm run dev`.
import type { Engine, Entry, Everything, Stream, Vpn } from "../src/api/types";

export const EPOCH = Date.parse("2026-03-01T20:00:00.000Z");
export const at = (seconds: number) => new Date(EPOCH + seconds * 1000).toISOString();

const hex = (number: number) => number.toString(16).padStart(12, "0");

export function engine(number: number, more: Partial<Engine> = {}): Engine {
  return {
    container_id: hex(number).repeat(6).slice(0, 64),
    container_name: `acestream-${number}`,
    host: "gluetun",
    port: 19000 + number,
    labels: { "ondemand.app": "myservice", "acestream.http_port": String(19000 + number) },
    forwarded: false,
    first_seen: at(0),
    last_seen: at(60),
    streams: [],
    health_status: "healthy",
    last_health_check: at(60),
    last_stream_usage: null,
    last_cache_cleanup: null,
    cache_size_bytes: null,
    vpn_container: "gluetun",
    offered: true,
    state: "offered",
    reason: null,
    state_since: at(5),
    next_step: null,
    container_state: "running",
    connected: true,
    p2p_port: null,
    leased_until: null,
    replacing: false,
    operation: null,
    ...more,
  };
}

export function stream(id: string, more: Partial<Stream> = {}): Stream {
  return {
    id,
    key_type: "infohash",
    key: id,
    container_id: engine(1).container_id,
    playback_session_id: `session-${id}`,
    stat_url: "",
    command_url: "",
    is_live: true,
    started_at: at(10),
    ended_at: null,
    status: "started",
    peers: 24,
    speed_down: 540,
    speed_up: 60,
    downloaded: 84_000_000,
    uploaded: 9_000_000,
    origin: "proxied",
    session_status: "dl",
    ended_because: null,
    watching: 1,
    waiting: 0,
    ...more,
  };
}

export function vpn(name: string, more: Partial<Vpn> = {}): Vpn {
  return {
    mode: "redundant",
    enabled: true,
    status: "running",
    container_name: name,
    container: name,
    health: "healthy",
    connected: true,
    forwarded_port: 48278,
    last_check: at(60),
    last_check_at: at(60),
    public_ip: "198.51.100.17",
    verdict: "healthy",
    verdict_since: at(3),
    doubt: null,
    control_server: "answers",
    port_changes: 0,
    failures: 0,
    port_flaps: false,
    stabilizes_until: null,
    probation_until: null,
    next_repair: null,
    next_repair_at: null,
    repairs: 0,
    drains: false,
    engines: 0,
    offered: 0,
    ...more,
  };
}

export function entry(seq: number, more: Partial<Entry> = {}): Entry {
  return {
    id: seq,
    seq,
    at: at(seq),
    subject: { kind: "engine", name: "acestream-1", id: engine(1).container_id },
    kind: "offered",
    sentence: "acestream-1 is offered to viewers, because it has answered.",
    operation: null,
    ...more,
  };
}

export function everything(more: Partial<Everything> = {}): Everything {
  const vpns = [vpn("gluetun"), vpn("gluetun2", { public_ip: "203.0.113.9", forwarded_port: 51413 })];
  return {
    number: 1,
    version: "0.1.0",
    key_needed: false,
    demo: false,
    status: {
      status: "healthy",
      engines: { total: 0, running: 0, healthy: 0, unhealthy: 0 },
      streams: { active: 0, total: 0 },
      capacity: { total: 0, used: 0, available: 0, max_replicas: 20, min_replicas: 10 },
      vpn: { enabled: true, connected: true, health: "healthy", container: "gluetun", forwarded_port: 48278 },
      provisioning: {
        can_provision: true,
        circuit_breaker_state: "closed",
        last_failure: null,
        blocked_reason: null,
        blocked_reason_details: null,
      },
      config: { auto_delete: true, grace_period_s: 30, engine_variant: "krinkuto11-amd64" },
      docker_reachable: true,
      ready: true,
      reasons: [],
      timestamp: at(60),
    },
    vpn: {
      mode: "redundant",
      enabled: true,
      status: "running",
      container_name: "gluetun",
      container: "gluetun",
      health: "healthy",
      connected: true,
      forwarded_port: 48278,
      last_check: at(60),
      last_check_at: at(60),
      vpn1: vpns[0] ?? null,
      vpn2: vpns[1] ?? null,
      emergency_mode: {
        active: false,
        failed_vpn: null,
        healthy_vpn: null,
        duration_seconds: 0,
        entered_at: null,
        failed_vpns: [],
        healthy_vpns: [],
      },
      vpns,
    },
    engines: [],
    streams: [],
    journal: [],
    ...more,
  };
}
