// The server's words for things, from its own description of its API.
import type { components } from "./schema.gen";

type Schemas = components["schemas"];

export type Everything = Schemas["Everything"];
export type Status = Schemas["OrchestratorStatus"];
export type VpnStatus = Schemas["VpnStatus"];
export type Vpn = Schemas["VpnState"];
export type Engine = Schemas["EngineState"];
export type Stream = Schemas["StreamState"];
export type Sample = Schemas["StreamSample"];
export type Entry = Schemas["JournalEntry"];
export type Container = Schemas["ContainerState"];
export type LogLevel = Schemas["LogLevel"];
export type Usage = Schemas["EngineUsage"];
export type Setting = Schemas["SettingState"];
export type Channel = Schemas["ChannelState"];
export type Numbers = Schemas["FleetNumbers"];
