// Numbers, times and names as people read them. Pure.

const KIB = 1024;
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A speed in KiB per second, as bits: what players and providers speak of. */
export function bitrate(kibPerSecond: number | null | undefined): string {
  if (kibPerSecond === null || kibPerSecond === undefined) return "–";
  const [value, unit] = bitrateParts(kibPerSecond);
  return `${value} ${unit}`;
}

export function bitrateParts(kibPerSecond: number): [value: string, unit: string] {
  const bits = kibPerSecond * KIB * 8;
  if (bits >= 1e9) return [rounded(bits / 1e9), "Gbit/s"];
  if (bits >= 1e6) return [rounded(bits / 1e6), "Mbit/s"];
  return [rounded(bits / 1e3), "kbit/s"];
}

/** For charts, whose axes are to be round: KiB per second as Mbit/s, and how that is told. */
export const toMbit = (kibPerSecond: number): number => (kibPerSecond * KIB * 8) / 1e6;
export const mbit = (value: number): string => `${Number(value.toFixed(value < 1 ? 2 : 1))} Mbit/s`;

/** Three digits that count. */
function rounded(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(value === 0 ? 0 : 2);
}

export function bytes(count: number | null | undefined): string {
  if (count === null || count === undefined) return "–";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (count >= 1000 && unit < units.length - 1) {
    count /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? count.toFixed(0) : rounded(count)} ${units[unit]}`;
}

/** A length of time: `8 s`, `3 min 20 s`, `2 h 5 min`, `4 d 3 h`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return two(whole, MINUTE, "min", 1, "s");
  if (whole < DAY) return two(whole, HOUR, "h", MINUTE, "min");
  return two(whole, DAY, "d", HOUR, "h");
}

function two(whole: number, large: number, largeUnit: string, small: number, smallUnit: string): string {
  const rest = Math.floor((whole % large) / small);
  const first = `${Math.floor(whole / large)} ${largeUnit}`;
  return rest === 0 ? first : `${first} ${rest} ${smallUnit}`;
}

/** How long ago something was, told roughly after the first minute. */
export function ago(moment: string | null | undefined, now: number): string {
  if (!moment) return "never";
  const seconds = (now - Date.parse(moment)) / 1000;
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 2) return "just now";
  return `${roughly(seconds)} ago`;
}

/** In how long something is due. */
export function until(moment: string, now: number): string {
  const seconds = (Date.parse(moment) - now) / 1000;
  if (!Number.isFinite(seconds)) return "–";
  return seconds < 0.5 ? "now" : `in ${duration(Math.ceil(seconds))}`;
}

export function roughly(seconds: number): string {
  if (seconds < MINUTE) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min`;
  if (seconds < DAY) return two(Math.floor(seconds), HOUR, "h", MINUTE, "min");
  return `${Math.floor(seconds / DAY)} d`;
}

const clockFormat = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });
const minuteFormat = new Intl.DateTimeFormat(undefined, { timeStyle: "short", hourCycle: "h23" });
const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const wholeFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });

const formatted = (format: Intl.DateTimeFormat, moment: string | number): string => {
  const date = new Date(moment);
  return Number.isNaN(date.getTime()) ? "–" : format.format(date);
};

export const clock = (moment: string | number): string => formatted(clockFormat, moment);
export const minute = (moment: string | number): string => formatted(minuteFormat, moment);
export const day = (moment: string | number): string => formatted(dayFormat, moment);
export const whole = (moment: string | number): string => formatted(wholeFormat, moment);

/** A container's id as Docker prints it. */
export const shortId = (id: string): string => id.slice(0, 12);

/** Text from outside with everything in it to be seen: marks that turn other text around are named instead. */
export function plain(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g, (mark) => {
    return `‹U+${mark.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}›`;
  });
}

/** A name for what is played: hashes are shortened, links told by the name in them. */
export function title(key: string): string {
  const magnet = /^magnet:\?/i.test(key) ? new URLSearchParams(key.slice(key.indexOf("?") + 1)) : null;
  if (magnet) return plain(magnet.get("dn") ?? "") || title(/btih:([0-9a-z]+)/i.exec(key)?.[1] ?? key.slice(0, 60));
  if (/^[0-9a-f]{32,}$/i.test(key)) return `${key.slice(0, 8)}…${key.slice(-6)}`;
  return plain(key) || "unnamed";
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** `a`, `a and b`, `a, b and c`. */
export function listed(words: readonly string[]): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}
