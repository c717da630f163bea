// A second line to the server, for what only some pages show and what changes all the time: it is there while a page
// that shows it is looked at.
import { createSubscriber } from "svelte/reactivity";
import { on } from "svelte/events";
import { follow } from "./line";
import { live } from "./live.svelte";
import type { Sent } from "./sse";

/** How such a line is: nothing has been told yet, it tells, or it is broken and tried again. */
export type Sight = "waiting" | "told" | "broken";

const turns = createSubscriber((turned) => on(document, "visibilitychange", turned));

/** A page that nobody sees holds no line: a browser has few of them. */
function isSeen(): boolean {
  turns();
  return !document.hidden;
}

export class Look {
  sight = $state<Sight>("waiting");
  /** Why it is broken. */
  problem = $state("");

  /** To be called while a component is made. There is no line where there is no path; `begin` is called for each line,
   * and gives what takes what it tells. */
  constructor(path: () => string | null, begin: () => (sent: Sent) => void) {
    $effect(() => {
      const wanted = path();
      // While the main line is broken this one is, too.
      if (wanted === null || live.line !== "live" || !isSeen()) return;
      const stop = new AbortController();
      const take = begin();
      const told = (sent: Sent) => {
        take(sent);
        this.sight = "told";
      };
      void follow(wanted, stop.signal, told, (why) => {
        this.sight = "broken";
        this.problem = why;
      });
      return () => stop.abort();
    });
  }
}
