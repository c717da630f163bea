// One line to the server, on which it tells what happens. It ends when the line breaks: whoever wants to hear more
// listens again.
import { request } from "./client";
import { Reader, type Sent } from "./sse";
import { OtherVersion } from "./world";

/** The server says that it is there every 15 s: whoever is silent for longer than twice that is gone. */
const SILENCE_MAX_MS = 35_000;
const AGAIN_AFTER_MS = 2_000;

/** Listens until the line breaks, and says why it did unless the server has ended it. Who has heard something before
 * names the last of it: the server tells what was missed. */
export async function hear(path: string, stop: AbortSignal, take: (sent: Sent) => void, last: string | null = null): Promise<void> {
  const line = new AbortController();
  const signal = AbortSignal.any([line.signal, stop]);
  let silence = setTimeout(() => line.abort(), SILENCE_MAX_MS);
  try {
    const headers = { accept: "text/event-stream", ...(last !== null && { "last-event-id": last }) };
    const answer = await request(path, { signal, headers }).catch(() => {
      throw new Error("The server does not answer.");
    });
    if (!answer.ok || !answer.body) throw new Error(`The server answered with ${answer.status}.`);
    if (!answer.headers.get("content-type")?.startsWith("text/event-stream")) {
      throw new OtherVersion("what answers there is not acefleet, or not one that this panel knows");
    }
    const reader = new Reader();
    const pieces = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await pieces.read().catch(() => {
        throw new Error(line.signal.aborted ? "The server has gone silent." : "The connection broke.");
      });
      if (done) return;
      clearTimeout(silence);
      silence = setTimeout(() => line.abort(), SILENCE_MAX_MS);
      reader.read(value).forEach(take);
    }
  } finally {
    clearTimeout(silence);
    line.abort();
  }
}

/** Listens for as long as it is wanted, however often the line breaks; each time it is said why. */
export async function follow(path: string, stop: AbortSignal, take: (sent: Sent) => void, broke: (why: string) => void): Promise<void> {
  while (!stop.aborted) {
    const why = await hear(path, stop, take).then(
      () => "The server has ended the connection.",
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    if (!stop.aborted) broke(why);
    await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS));
  }
}
