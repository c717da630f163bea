// The demo's faults: which there are for what, and in words what each is. They are not confirmed: nothing real breaks.
import { part } from "../api/client";

export interface Fault {
  word: string;
  path: string;
  heals?: boolean;
}

const vpn = (name: string, rest: string) => `demo/vpn/${part(name)}/${rest}`;
const engine = (name: string, rest: string) => `demo/engine/${part(name)}/${rest}`;

/** Ports that a provider might hand out. */
const PORT_FIRST = 30_000;
const PORTS = 30_000;

export function vpnFaults(name: string): Fault[] {
  const port = PORT_FIRST + Math.floor(Math.random() * PORTS);
  return [
    { word: "Stop its container", path: vpn(name, "fail?kind=container") },
    { word: "Cut its tunnel", path: vpn(name, "fail?kind=tunnel") },
    { word: "Make Docker call it unhealthy", path: vpn(name, "fail?kind=health") },
    { word: "Silence its control server", path: vpn(name, "fail?kind=control") },
    { word: "Restart its container", path: vpn(name, "restart") },
    { word: "Recreate its container", path: vpn(name, "recreate") },
    { word: "Give it another port", path: vpn(name, `port?set=${port}`) },
    { word: "Put it right", path: vpn(name, "recover"), heals: true },
  ];
}

export function engineFaults(name: string): Fault[] {
  return [
    { word: "Crash it", path: engine(name, "crash") },
    { word: "Hang it", path: engine(name, "hang") },
    { word: "Put it right", path: engine(name, "recover"), heals: true },
  ];
}

export const FLEET_FAULTS: Fault[] = [
  { word: "Freeze Docker for 20 s", path: "demo/docker/freeze?seconds=20" },
  { word: "Break acefleet's core", path: "demo/core/crash" },
];
