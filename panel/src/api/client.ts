// Requests to the server that the panel came from, with the key if there is one.
// The key is kept in the browser's session and sent in a header: it is in no address and in no history.

const KEY = "acefleet.key";

/** The server's root, whatever path prefix it is behind: the panel is at `…/panel/`. */
export function rootOf(page: string): string {
  const path = new URL(page).pathname.replace(/panel\/[^/]*$/, "").replace(/api\/v1\/$/, "");
  return new URL(path, page).href;
}

/** The server's words about the key. Whatever else is forbidden, another key would not help, and what stands before the
 * server may have a key of its own. */
const KEY_MISSING = "missing bearer token";
const KEY_WRONG = "invalid token";

/** The server has answered with a failure, or not at all. */
export class Failure extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }

  /** The key is missing or wrong. */
  get wantsKey(): boolean {
    return this.keyWrong || (this.status === 401 && this.message === KEY_MISSING);
  }

  get keyWrong(): boolean {
    return this.status === 403 && this.message === KEY_WRONG;
  }
}

export function savedKey(): string | null {
  return sessionStorage.getItem(KEY);
}

export function saveKey(key: string | null): void {
  if (key) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
}

/** After this long an answer is not waited for any more. The server itself gives up after 10 s. */
const ANSWER_TIMEOUT_MS = 12_000;

export function request(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  const key = savedKey();
  if (key) headers.set("authorization", `Bearer ${key}`);
  return fetch(rootOf(document.baseURI) + path, { ...init, headers, cache: "no-store", credentials: "same-origin" });
}

async function asked(path: string, method: string, body?: object): Promise<Response> {
  let answer: Response;
  try {
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    answer = await request(path, { method, signal, ...(body && { body: JSON.stringify(body) }) });
  } catch {
    throw new Failure(0, "The server does not answer.");
  }
  if (answer.ok) return answer;
  throw new Failure(answer.status, detail(await answer.text(), answer.status));
}

/** What a failure's body says. A 409 begins with a word for programs. */
export function detail(body: string, status: number): string {
  try {
    const found = (JSON.parse(body) as { detail?: unknown }).detail;
    if (typeof found === "string") return found.replace(/^[a-z_]+: /, "");
    if (typeof found === "object" && found !== null && "message" in found) return String(found.message);
  } catch {
    // Whatever stands before the server may answer in its own way.
  }
  return `The server answered with ${status}.`;
}

export async function get<T>(path: string): Promise<T> {
  return (await asked(path, "GET")).json() as Promise<T>;
}

export async function getText(path: string): Promise<string> {
  return (await asked(path, "GET")).text();
}

/** What a change is answered with: the name that the journal calls it by, or in words what was done. */
export interface Answer {
  operation?: string | null;
  done?: string;
}

export async function send(path: string, method = "POST", body?: object): Promise<Answer> {
  const text = await (await asked(path, method, body)).text();
  try {
    return JSON.parse(text) as Answer;
  } catch {
    return {};
  }
}

/** One part of a path: a stream's id may hold anything. */
export const part = encodeURIComponent;
