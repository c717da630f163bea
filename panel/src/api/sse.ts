// Server-sent events, read from the bytes of an answer. The browser's own reader cannot send a key.

/** One event, as it was sent. */
export interface Sent {
  name: string;
  data: string;
  /** What it is called by when one comes back: `Last-Event-ID`. */
  id?: string;
}

/** The longest event that is waited for: whatever is longer is none of ours. */
export const EVENT_MAX_CHARS = 32 * 1024 * 1024;

/** Takes text as it arrives, in pieces of any size, and gives the events that are complete. */
export class Reader {
  #rest = "";

  read(piece: string): Sent[] {
    // A carriage return at the end may be half of a line's end.
    this.#rest += piece;
    const held = this.#rest.endsWith("\r") ? "\r" : "";
    const text = this.#rest.slice(0, this.#rest.length - held.length).replace(/\r\n?/g, "\n");
    const blocks = text.split("\n\n");
    this.#rest = (blocks.pop() ?? "") + held;
    if (this.#rest.length > EVENT_MAX_CHARS) throw new Error("an event is longer than any that acefleet sends");
    return blocks.map(event).filter((sent) => sent !== null);
  }
}

function event(block: string): Sent | null {
  let name = "message";
  const data: string[] = [];
  let id: string | undefined;
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    // A comment is a sign of life.
    if (colon === 0) continue;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") name = value;
    if (field === "data") data.push(value);
    if (field === "id") id = value;
  }
  return data.length > 0 ? { name, data: data.join("\n"), ...(id !== undefined && { id }) } : null;
}
