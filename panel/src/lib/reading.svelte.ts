// What is read once, when somebody opens a page that shows it: being read, read, or not to be had for now and why.
import { live } from "../api/live.svelte";

export class Reading<T> {
  /** What was read last. */
  value = $state.raw<T | null>(null);
  /** Why it could not be read. */
  problem = $state("");
  #again = $state(0);

  /** To be called while a component is made. It is read anew whenever `ask` would ask for something else, and when the
   * line to the server is back: what has happened meanwhile is missing. Nothing is read where `ask` gives nothing. */
  constructor(ask: () => Promise<T> | null) {
    $effect(() => {
      void this.#again;
      if (live.line !== "live") return;
      let over = false;
      ask()?.then(
        (value) => {
          if (over) return;
          this.value = value;
          this.problem = "";
        },
        (error: unknown) => {
          if (!over) this.problem = error instanceof Error ? error.message : String(error);
        },
      );
      return () => (over = true);
    });
  }

  /** It has been read, or could not be. */
  get settled(): boolean {
    return this.value !== null || this.problem !== "";
  }

  again(): void {
    this.#again += 1;
  }
}
