// What to put into a player: from an id, a link or a whole playlist to addresses of the proxy. Pure.

export type Kind = "content_id" | "infohash" | "magnet" | "url";
export type Form = "ts" | "hls";

export interface Meaning {
  kind: Kind;
  key: string;
}

export interface Item extends Meaning {
  name: string | null;
  /** What stands before the address in a playlist, as it was. */
  head: readonly string[];
}

/** Playlists of more lines than this are not read: nobody has so many channels. */
export const LINES_MAX = 20_000;

/** What one piece of text means, or null if it is nothing that can be played. */
export function meaning(text: string): Meaning | null {
  const said = text.trim();
  if (/^magnet:\?/i.test(said)) return { kind: "magnet", key: said };
  // Some players want headers told behind an address: whoever plays it through acefleet needs none of them.
  const address = said.replace(/\|.*$/s, "");
  const id = /^(?:ace(?:stream)?:\/\/)?([0-9a-f]{40})\/?$/i.exec(address)?.[1];
  if (id) return { kind: "content_id", key: id.toLowerCase() };
  const query = /^acestream:\?([^#]*)/i.exec(address)?.[1];
  if (query !== undefined) return named(new URLSearchParams(query));
  if (!/^https?:\/\//i.test(address)) return null;
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    return null;
  }
  if (/\/ace\/(getstream|manifest\.m3u8)\/?$/.test(url.pathname)) return named(url.searchParams);
  return /\.(acelive|torrent)$/i.test(url.pathname) ? { kind: "url", key: address } : null;
}

/** What a query names, as an engine is asked. */
function named(query: URLSearchParams): Meaning | null {
  for (const [name, kind] of NAMES) {
    const key = query.get(name);
    if (key) return { kind, key };
  }
  return null;
}

const NAMES: readonly [string, Kind][] = [
  ["id", "content_id"],
  ["content_id", "content_id"],
  ["infohash", "infohash"],
  ["magnet", "magnet"],
  ["url", "url"],
];

/** Everything in a text that can be played: one per line, or a playlist with names. */
export function items(text: string): { items: Item[]; left: number } {
  const found: Item[] = [];
  let head: string[] = [];
  let left = 0;
  const lines = text.split(/\r\n?|\n/, LINES_MAX);
  for (const line of lines) {
    const said = line.trim().replace(/^\ufeff/, "");
    if (said === "" || /^#EXTM3U/i.test(said)) continue;
    if (said.startsWith("#")) {
      head.push(said);
      continue;
    }
    const meant = meaning(said);
    if (meant) found.push({ ...meant, name: nameOf(head), head });
    else left += 1;
    head = [];
  }
  return { items: found, left };
}

function nameOf(head: readonly string[]): string | null {
  const info = head.findLast((line) => /^#EXTINF/i.test(line));
  // The name follows the first comma that is not inside quotes.
  const name = info && /^#EXTINF:[^,"]*(?:"[^"]*"[^,"]*)*,(.*)$/i.exec(info)?.[1]?.trim();
  return name || null;
}

/** The address that plays it through acefleet. */
export function address(root: string, item: Meaning, form: Form): string {
  const name = item.kind === "content_id" ? "id" : item.kind;
  const path = form === "ts" ? "ace/getstream" : "ace/manifest.m3u8";
  return `${root}${path}?${name}=${encodeURIComponent(item.key)}`;
}

/** A playlist of them all. */
export function playlist(root: string, all: readonly Item[], form: Form): string {
  const lines = all.flatMap((item) => {
    const head = item.head.length > 0 ? item.head : [`#EXTINF:-1,${item.name ?? item.key}`];
    return [...head, address(root, item, form)];
  });
  return ["#EXTM3U", ...lines, ""].join("\n");
}
