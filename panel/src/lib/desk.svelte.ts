// What a person does here: an action is confirmed, sent, followed to its end, and told about.
import { live } from "../api/live.svelte";
import { Failure, get, savedKey, saveKey, send } from "../api/client";
import { plain } from "./format";
import type { Tone } from "./states";

/** Something that a person may want done. */
export interface Action {
  title: string;
  /** What it will do, one sentence each. */
  will: string[];
  /** The word on the button. */
  verb: string;
  tone: Tone;
  path: string;
  method?: string;
  body?: object;
  /** What is done once it has been accepted. */
  then?: () => void;
}

export interface Note {
  id: number;
  tone: Tone;
  title: string;
  /** The journal's words about it, as they come. */
  text: string;
  operation: string | null;
  over: boolean;
}

const NOTES_MAX = 4;
const NOTE_FOR_MS = 7_000;
/** An operation that is not heard of for so long is not waited for. */
const FOLLOW_FOR_MS = 120_000;

class Desk {
  asking = $state.raw<Action | null>(null);
  keyAsked = $state(false);
  keyWrong = $state(false);
  hasKey = $state(savedKey() !== null);
  notes = $state<Note[]>([]);
  #next = 1;
  #waiting: (() => void)[] = [];

  constructor() {
    live.hear((entry) => {
      for (const note of this.notes) {
        if (note.operation === null || entry.operation !== note.operation || note.over) continue;
        note.text = plain(entry.sentence);
        if (entry.kind === "refused") note.tone = "bad";
        if (entry.kind === "request_over") this.#finish(note);
      }
    });
  }

  /** Shows what an action will do, and does it if that is wanted. */
  ask(action: Action): void {
    this.asking = action;
  }

  /** Does it now. Without a key that fits, one is asked for, and it is done with that. */
  async act(action: Action): Promise<void> {
    this.asking = null;
    const note = this.note("wait", action.title, "Asked for…");
    try {
      const { operation, done } = await send(action.path, action.method, action.body);
      action.then?.();
      note.operation = operation ?? null;
      note.text = done ?? "Accepted.";
      note.tone = "flow";
      if (operation) setTimeout(() => this.#finish(note), FOLLOW_FOR_MS);
      else this.#finish(note);
    } catch (error) {
      if (error instanceof Failure && error.wantsKey) {
        this.drop(note.id);
        this.askForKey(error.status === 403, () => void this.act(action));
        return;
      }
      note.tone = "bad";
      note.text = error instanceof Error ? error.message : String(error);
      this.#finish(note);
    }
  }

  /** Reads something that may need the key: asks for it and reads again if so. */
  async read<T>(what: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await what();
      } catch (error) {
        if (!(error instanceof Failure && error.wantsKey)) throw error;
        await new Promise<void>((resolve) => this.askForKey(error.status === 403, resolve));
      }
    }
  }

  askForKey(wrong = false, then: (() => void) | null = null): void {
    this.keyWrong = wrong;
    this.keyAsked = true;
    if (then) this.#waiting.push(then);
  }

  /** Tries a key, and keeps it for this browser session if the server admits it. */
  async tryKey(key: string): Promise<boolean> {
    saveKey(key);
    try {
      await get("settings");
    } catch (error) {
      if (error instanceof Failure && error.wantsKey) {
        saveKey(null);
        this.hasKey = false;
        this.keyWrong = true;
        return false;
      }
    }
    this.hasKey = true;
    this.keyAsked = false;
    this.keyWrong = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    waiting.forEach((go) => go());
    return true;
  }

  forgetKey(): void {
    saveKey(null);
    this.hasKey = false;
  }

  /** The question for the key was put away: what waited for it is not done. */
  leaveKey(): void {
    this.keyAsked = false;
    this.#waiting = [];
  }

  note(tone: Tone, title: string, text: string): Note {
    this.notes.push({ id: this.#next++, tone, title, text, operation: null, over: false });
    if (this.notes.length > NOTES_MAX) this.notes.shift();
    return this.notes.at(-1)!;
  }

  drop(id: number): void {
    this.notes = this.notes.filter((note) => note.id !== id);
  }

  #finish(note: Note): void {
    if (note.over) return;
    note.over = true;
    if (note.tone === "flow") note.tone = "ok";
    setTimeout(() => this.drop(note.id), NOTE_FOR_MS);
  }
}

export const desk = new Desk();
