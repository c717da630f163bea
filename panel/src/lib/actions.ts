// Everything that a person can do to a fleet, and in words what it will do. Pure: `desk` carries it out.
import { part } from "../api/client";
import type { Engine, Stream, Vpn } from "../api/types";
import type { Action } from "./desk.svelte";
import { count, title } from "./format";

const V1 = "api/v1/";

const streamsOn = (engine: Engine) =>
  engine.streams.length === 0
    ? "Nothing plays on it."
    : `${count(engine.streams.length, "stream plays", "streams play")} on it.`;

export function drainEngine(engine: Engine): Action {
  return {
    title: `Drain ${engine.container_name}`,
    will: [
      "No new viewers are sent to it from now on.",
      `${streamsOn(engine)} The proxy's streams move to other engines; those of other programs get time to end.`,
      "Then it is removed. A new engine is created if the fleet needs one.",
    ],
    verb: "Drain it",
    tone: "warn",
    path: `${V1}engines/${part(engine.container_id)}/drain`,
  };
}

export function keepEngine(engine: Engine): Action {
  return {
    title: `Keep ${engine.container_name}`,
    will: ["It is not drained any more, and offered to viewers again as soon as it may be."],
    verb: "Keep it",
    tone: "ok",
    path: `${V1}engines/${part(engine.container_id)}/undrain`,
  };
}

export function replaceEngine(engine: Engine): Action {
  return {
    title: `Replace ${engine.container_name}`,
    will: [
      "A new engine is created first, if there is room for it.",
      `${streamsOn(engine)} They move to other engines before it goes.`,
      "Then it is removed.",
    ],
    verb: "Replace it",
    tone: "warn",
    path: `${V1}engines/${part(engine.container_id)}/replace`,
  };
}

export function deleteEngine(engine: Engine): Action {
  return {
    title: `Delete ${engine.container_name}`,
    will: [
      "Its container is removed at once, whatever it does.",
      engine.streams.length === 0
        ? "Nothing plays on it."
        : `${streamsOn(engine)} Viewers of other programs are cut off; the proxy's are moved.`,
      "A new engine is created if the fleet needs one.",
    ],
    verb: "Delete it now",
    tone: "bad",
    path: `containers/${part(engine.container_id)}`,
    method: "DELETE",
  };
}

export function stopStream(stream: Stream): Action {
  const viewers = stream.watching + stream.waiting;
  return {
    title: `Stop ${title(stream.key)}`,
    will: [
      "Its session is closed at its engine.",
      stream.origin === "announced"
        ? "It was announced by another program, whose viewers are cut off."
        : viewers === 0
          ? "Nobody watches it."
          : `${count(viewers, "viewer is", "viewers are")} cut off, and may come again.`,
    ],
    verb: "Stop it",
    tone: "bad",
    path: `${V1}streams/${part(stream.id)}/stop`,
  };
}

export function moveStream(stream: Stream, to: Engine | null): Action {
  const query = to ? `?engine=${part(to.container_id)}` : "";
  return {
    title: `Move ${title(stream.key)}`,
    will: [
      `${to ? to.container_name : "The best other engine"} plays it first; then it is closed where it was.`,
      "Its viewers stay connected.",
    ],
    verb: "Move it",
    tone: "flow",
    path: `${V1}streams/${part(stream.id)}/move${query}`,
  };
}

const onVpn = (vpn: Vpn) => `${count(vpn.engines, "engine is", "engines are")} on it.`;

export function bounceVpn(vpn: Vpn): Action {
  return {
    title: `Bounce ${vpn.container_name}`,
    will: [
      "Its tunnel is taken down and up again through its control server. Its container goes on running.",
      `${onVpn(vpn)} They lose their peers until the tunnel is back; a new public address and port are likely.`,
    ],
    verb: "Bounce the tunnel",
    tone: "warn",
    path: `${V1}vpns/${part(vpn.container_name)}/bounce`,
  };
}

export function restartVpn(vpn: Vpn): Action {
  return {
    title: `Restart ${vpn.container_name}`,
    will: [
      "Its container is restarted, and its network is another one afterwards.",
      `${onVpn(vpn)} All of them are hidden at once, their streams move, and they are restarted once it is healthy.`,
    ],
    verb: "Restart the container",
    tone: "bad",
    path: `${V1}vpns/${part(vpn.container_name)}/restart`,
  };
}

export function drainVpn(vpn: Vpn): Action {
  return {
    title: `Drain ${vpn.container_name}`,
    will: ["It gets no new engines.", `${onVpn(vpn)} Each goes as soon as nothing plays on it.`],
    verb: "Drain it",
    tone: "warn",
    path: `${V1}vpns/${part(vpn.container_name)}/drain`,
  };
}

export function keepVpn(vpn: Vpn): Action {
  return {
    title: `Use ${vpn.container_name} again`,
    will: ["It is not drained any more, and gets engines again."],
    verb: "Use it again",
    tone: "ok",
    path: `${V1}vpns/${part(vpn.container_name)}/undrain`,
  };
}

/** How much is logged: for a while, so that nobody has to remember to undo it. */
export function logLevel(level: string, seconds: number, then: () => void): Action {
  return {
    title: `Log ${level} for ${seconds / 60} minutes`,
    will: ["Then it is as before. LOG_LEVEL stays what it is."],
    verb: "Log it",
    tone: "flow",
    path: `${V1}log-level`,
    method: "PUT",
    body: { level, for_seconds: seconds },
    then,
  };
}

export function scale(minimum: number): Action {
  return {
    title: `Keep at least ${count(minimum, "engine")}`,
    will: [
      `At least ${count(minimum, "engine")} should exist from now on, within the limits.`,
      "It holds until it is set again or acefleet restarts; MIN_REPLICAS is what it starts with.",
    ],
    verb: "Set the minimum",
    tone: "flow",
    path: `scale/${minimum}`,
  };
}
