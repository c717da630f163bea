// A server that is made up: it answers what the panel asks and does in a second what a fleet does in ten.
// For work on the panel, and for tests of what a real server does not do on request. It is never shipped.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Engine, Entry, Everything, Numbers, Sample, Setting, Stream, Vpn } from "../src/api/types";
import * as things from "./things.ts";

/** How big the world is, and what it is like. */
export interface Size {
  vpns?: number;
  engines?: number;
  streams?: number;
  version?: string;
  key?: string | null;
}

export class Pretended {
  readonly engines = new Map<string, Engine>();
  readonly streams = new Map<string, Stream>();
  readonly vpns: Vpn[] = [];
  readonly journal: Entry[] = [];
  readonly listeners = new Set<ServerResponse>();
  readonly asked: string[] = [];
  version: string;
  key: string | null;
  #number = 1;
  #emergencySince: string | null = null;

  constructor({ vpns = 2, engines = 10, streams = 4, version = "0.1.0", key = null }: Size = {}) {
    this.version = version;
    this.key = key;
    const now = new Date().toISOString();
    for (let n = 1; n <= vpns; n++) {
      const name = n === 1 ? "gluetun" : `gluetun${n}`;
      const address = `198.51.100.${10 + n}`;
      this.vpns.push(things.vpn(name, { forwarded_port: 40000 + 977 * n, public_ip: address, verdict_since: now }));
    }
    for (let n = 1; n <= engines; n++) {
      const vpn = this.vpns[(n - 1) % Math.max(vpns, 1)];
      const forwarded = n <= vpns;
      const made = things.engine(n, {
        vpn_container: vpn?.container_name ?? null,
        host: vpn?.container_name ?? `acestream-${n}`,
        forwarded,
        p2p_port: forwarded ? (vpn?.forwarded_port ?? null) : null,
        first_seen: now,
        state_since: now,
      });
      this.engines.set(made.container_id, made);
    }
    const names = ["Eredivisie HD", "Canal Sport 1", "Формула 1", "MotoGP <b>live</b>", "NBA TV", "Rai Sport"];
    for (let n = 1; n <= streams; n++) {
      const engine = things.engine(n);
      const id = names[n - 1] ?? `channel-${n}`;
      const made = things.stream(id, { container_id: engine.container_id, watching: 1 + (n % 3), started_at: now });
      this.streams.set(made.id, made);
      this.put({ ...this.engine(engine.container_id), streams: [made.id] });
    }
    this.say("fleet", "in_sight", `Everything has been looked at: ${engines} engines were found running.`);
  }

  engine(id: string): Engine {
    const found = this.engines.get(id) ?? [...this.engines.values()].find((engine) => engine.container_name === id);
    if (!found) throw new Error(`no engine ${id}`);
    return found;
  }

  put(engine: Engine): void {
    this.engines.set(engine.container_id, engine);
    this.tell("engine", engine);
  }

  play(stream: Stream): void {
    this.streams.set(stream.id, stream);
    this.tell("stream", stream);
  }

  say(kind: Entry["subject"]["kind"], what: string, sentence: string, name: string | null = null): void {
    const id = [...this.engines.values()].find((engine) => engine.container_name === name)?.container_id ?? name;
    const entry = things.entry(this.journal.length + 1, {
      at: new Date().toISOString(),
      subject: { kind, name, id },
      kind: what,
      sentence,
    });
    this.journal.unshift(entry);
    this.tell("journal", entry);
  }

  tell(name: string, data: unknown): void {
    const text = `event: ${name}\nid: ${this.#number++}\ndata: ${JSON.stringify(data)}\n\n`;
    for (const listener of this.listeners) listener.write(text);
  }

  /** Cuts every listener off. */
  cut(): void {
    for (const listener of this.listeners) listener.destroy();
  }

  /** A VPN fails: its engines are hidden and its streams go elsewhere. */
  fail(name: string): void {
    const vpn = this.vpns.find((known) => known.container_name === name);
    if (!vpn) return;
    const now = new Date().toISOString();
    Object.assign(vpn, { verdict: "failed", health: "unhealthy", connected: false, status: "exited", failures: 1 });
    Object.assign(vpn, { verdict_since: now, forwarded_port: null, next_repair: "start its container" });
    vpn.next_repair_at = new Date(Date.now() + 12_000).toISOString();
    this.#emergencySince = now;
    this.say("vpn", "vpn_failed", `${name} has failed, because its container has exited.`, name);
    this.say("fleet", "emergency_entered", `Emergency: ${name} has failed and others carry on.`);
    for (const engine of this.engines.values()) {
      if (engine.vpn_container !== name) continue;
      const reason = "its VPN has failed";
      this.put({ ...engine, offered: false, state: "vpn_network_gone", reason, state_since: now, streams: [] });
      const spare = [...this.engines.values()].find((other) => other.offered && other.streams.length === 0);
      for (const stream of this.streams.values()) {
        if (stream.container_id !== engine.container_id || !spare) continue;
        this.play({ ...stream, container_id: spare.container_id });
        this.put({ ...spare, streams: [stream.id] });
        this.say("stream", "stream_moves", `${stream.id} moves to ${spare.container_name}.`, stream.id);
      }
    }
    this.tell("vpn", this.everything().vpn);
    this.tell("status", this.everything().status);
  }

  recover(name: string): void {
    const vpn = this.vpns.find((known) => known.container_name === name);
    if (!vpn) return;
    const now = new Date().toISOString();
    Object.assign(vpn, { verdict: "healthy", health: "healthy", connected: true, status: "running" });
    Object.assign(vpn, { verdict_since: now, forwarded_port: 51999, next_repair: null, next_repair_at: null });
    this.#emergencySince = null;
    this.say("vpn", "vpn_healthy", `${name} is healthy again.`, name);
    for (const engine of this.engines.values()) {
      if (engine.vpn_container !== name) continue;
      this.put({ ...engine, offered: true, state: "offered", reason: null, state_since: now });
    }
    this.tell("vpn", this.everything().vpn);
    this.tell("status", this.everything().status);
  }

  everything(): Everything {
    const engines = [...this.engines.values()];
    const failed = this.vpns.filter((vpn) => vpn.verdict === "failed").map((vpn) => vpn.container_name);
    const healthy = this.vpns.filter((vpn) => vpn.verdict === "healthy").map((vpn) => vpn.container_name);
    for (const vpn of this.vpns) {
      const seated = engines.filter((engine) => engine.vpn_container === vpn.container_name);
      vpn.engines = seated.length;
      vpn.offered = seated.filter((engine) => engine.offered).length;
    }
    const offered = engines.filter((engine) => engine.offered);
    const used = offered.filter((engine) => engine.streams.length > 0).length;
    const base = things.everything();
    const active = failed.length > 0 && healthy.length > 0;
    return {
      ...base,
      version: this.version,
      key_needed: this.key !== null,
      demo: true,
      status: {
        ...base.status,
        status: failed.length > 0 ? "degraded" : "healthy",
        reasons: failed.map((name) => `${name} has failed`),
        engines: { total: engines.length, running: engines.length, healthy: offered.length, unhealthy: 0 },
        streams: { active: this.streams.size, total: this.streams.size },
        capacity: {
          total: offered.length,
          used,
          available: offered.length - used,
          max_replicas: Math.max(20, engines.length),
          min_replicas: 10,
        },
        timestamp: new Date().toISOString(),
      },
      vpn: {
        ...base.vpn,
        mode: this.vpns.length > 1 ? "redundant" : this.vpns.length === 1 ? "single" : "disabled",
        enabled: this.vpns.length > 0,
        emergency_mode: {
          ...base.vpn.emergency_mode,
          active,
          failed_vpns: active ? failed : [],
          healthy_vpns: active ? healthy : [],
          entered_at: active ? this.#emergencySince : null,
        },
        vpns: this.vpns.map((vpn) => ({ ...vpn })),
      },
      engines,
      streams: [...this.streams.values()],
      journal: this.journal.slice(0, 100),
    };
  }

  /** Lets numbers change as those of streams do. */
  live(): () => void {
    const timer = setInterval(() => {
      for (const stream of this.streams.values()) {
        const beat = Math.sin(Date.now() / 9000 + stream.id.length) * 120 + Math.random() * 60;
        const peers = Math.max(3, (stream.peers ?? 20) + Math.round(Math.random() * 4 - 2));
        this.play({ ...stream, speed_down: Math.round(620 + beat), speed_up: Math.round(70 + beat / 6), peers });
      }
    }, 2_000);
    timer.unref();
    return () => clearInterval(timer);
  }

  /** Answers, if it is one of the server's addresses. */
  answer(request: IncomingMessage, response: ServerResponse): boolean {
    const url = new URL(request.url ?? "/", "http://pretended");
    const path = decodeURIComponent(url.pathname);
    const json = (body: unknown, status = 200) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
      return true;
    };
    const keyed = request.method !== "GET" || /settings|logs|containers/.test(path);
    if (path === "/events/stream") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(`event: snapshot\ndata: ${JSON.stringify(this.everything())}\n\n`);
      this.listeners.add(response);
      response.on("close", () => this.listeners.delete(response));
      return true;
    }
    if (!/^\/(api|channels|journal|trends|streams|settings|engines|containers|demo)/.test(path)) return false;
    this.asked.push(`${request.method} ${path}${url.search}`);
    if (keyed && this.key !== null && request.headers.authorization !== `Bearer ${this.key}`) {
      const known = request.headers.authorization !== undefined;
      return json({ detail: known ? "invalid token" : "missing bearer token" }, known ? 403 : 401);
    }
    if (path === "/journal") return json(this.journal);
    if (path === "/api/v1/log-level") return json({ level: "info", for_seconds: null, then: null });
    if (path === "/trends") return json(numbers());
    if (path === "/settings") return json(SETTINGS);
    if (path.endsWith("/logs")) {
      response.end("INFO engine started\nINFO <script>alert(1)</script>\nINFO listening\n");
      return true;
    }
    if (path.startsWith("/containers/")) {
      const known = this.engine(path.split("/")[2] ?? "");
      return json({ id: known.container_id, name: known.container_name, image: "ghcr.io/example/engine:latest",
        created: known.first_seen, status: "running", labels: known.labels, ports: {} });
    }
    if (path.endsWith("/stats")) return json(samples());
    if (path === "/channels/stream") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("event: channels\ndata: []\n\n");
      return true;
    }
    if (path === "/demo/stream") {
      const noticed = { viewers: 8, play: 8, longest_silence_ms: 400, disconnects: 0, refusals: 0, continuity_errors: 0 };
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(`event: noticed\ndata: ${JSON.stringify(noticed)}\n\n`);
      return true;
    }
    if (path === "/channels") return json([]);
    if (request.method === "POST") {
      const broken = /^\/demo\/vpn\/(.*)\/(fail|recover)$/.exec(path);
      if (broken?.[2] === "fail") this.fail(broken[1] ?? "");
      if (broken?.[2] === "recover") this.recover(broken[1] ?? "");
      const move = /streams\/(.*)\/move$/.exec(path);
      const to = url.searchParams.get("engine");
      const stream = this.streams.get(move?.[1] ?? "");
      if (stream && to) setTimeout(() => this.play({ ...stream, container_id: this.engine(to).container_id }), 300);
      const stop = /streams\/(.*)\/stop$/.exec(path)?.[1];
      if (stop) setTimeout(() => this.streams.delete(stop) && this.tell("stream_gone", { id: stop }), 300);
      return json({ operation: "op-1" }, 202);
    }
    return json({ detail: "there is no such thing" }, 404);
  }
}

function samples(): Sample[] {
  return Array.from({ length: 240 }, (_, n) => ({
    ts: new Date(Date.now() - (240 - n) * 5_000).toISOString(),
    peers: 20 + Math.round(8 * Math.sin(n / 20)),
    speed_down: 600 + Math.round(150 * Math.sin(n / 14) + 60 * Math.sin(n / 3)),
    speed_up: 80 + Math.round(30 * Math.cos(n / 11)),
    downloaded: n * 3_000_000,
    uploaded: n * 400_000,
    status: n < 3 ? "prebuf" : "dl",
  }));
}

function numbers(): Numbers[] {
  return Array.from({ length: 1_080 }, (_, n) => ({
    at: new Date(Date.now() - (1_080 - n) * 20_000).toISOString(),
    speed_down: 2_400 + Math.round(900 * Math.sin(n / 130) + 200 * Math.sin(n / 9)),
    speed_up: 320 + Math.round(120 * Math.cos(n / 90)),
    peers: 90 + Math.round(25 * Math.sin(n / 60)),
    streams: 4 + Math.round(Math.sin(n / 140)),
    viewers: 8 + Math.round(3 * Math.sin(n / 120)),
    offered: n > 700 && n < 740 ? 5 : 10,
    free: n > 700 && n < 740 ? 1 : 6,
  }));
}

const setting = (topic: string, name: string, value: string, origin: string, meaning: string): Setting => ({
  name, topic, value, origin, default: "10", expects: "a whole number, 0 or more", meaning, secret: value === "***",
});

const SETTINGS: Setting[] = [
  setting("The program", "APP_PORT", "8000", "default", "The port that the API and the panel answer on."),
  setting("How many engines", "MIN_REPLICAS", "10", "environment", "The least number of engines that should exist."),
  setting("How many engines", "MAX_REPLICAS", "20", ".env", "The most engines that may exist."),
  setting("Who may ask what", "API_KEY", "***", "file /run/secrets/key", "The key that changes need."),
];
