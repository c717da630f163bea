// Where in the panel one is. It stands behind the `#`, so that one page serves them all behind any path prefix.

export const PAGES = ["fleet", "streams", "engines", "vpns", "journal", "trends", "watch", "settings"] as const;
export type Page = (typeof PAGES)[number];

export interface Route {
  page: Page;
  /** One thing of that page's kind. */
  id: string | null;
  query: Readonly<Record<string, string>>;
}

export function parse(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [page = "", ...rest] = path.split("/");
  const known = PAGES.find((candidate) => candidate === page);
  let id: string | null = null;
  try {
    id = rest.length > 0 ? decodeURIComponent(rest.join("/")) : null;
  } catch {
    // An address that somebody cut off names nothing.
  }
  return { page: known ?? "fleet", id: id || null, query: Object.fromEntries(new URLSearchParams(search)) };
}

export function href(page: Page, id: string | null = null, query: Readonly<Record<string, string>> = {}): string {
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "")).toString();
  return `#/${page}${id ? `/${encodeURIComponent(id)}` : ""}${search ? `?${search}` : ""}`;
}

/** Where a subject of the journal is shown. */
export function subjectHref(subject: { kind: string; name?: string | null; id?: string | null }): string | null {
  if (subject.kind === "vpn" && subject.name) return href("vpns", subject.name);
  if (subject.kind === "stream" && subject.id) return href("streams", subject.id);
  if (subject.kind === "engine") return href("engines", subject.id ?? subject.name ?? null);
  return null;
}
