// What a person does here: an action is confirmed, sent, followed to its end, and told about.
import { live } from "../api/live.svelte";
import type { Entry } from "../api/types";
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
/** What is told of something that needs the key, when none was given. */
const LEFT_LOCKED = "This needs the key, and none was given.";
const KEY_NOT_ADMITTED = "The server does not admit this key.";
/** An operation that is not heard of for so long is not waited for. */
const FOLLOW_FOR_MS = 120_000;

/** What waits for the key. */
interface Waiting {
  go: () => void;
  leave: () => void;
}

class Desk {
  asking = $state.raw<Action | null>(null);
  keyAsked = $state(false);
  /** What came of the key that was tried. */
  keyProblem = $state("");
  hasKey = $state(savedKey() !== null);
  notes = $state<Note[]>([]);
  #next = 1;
  #waiting: Waiting[] = [];

  constructor() {
    live.hear((entry) => this.notes.forEach((note) => this.#tell(note, entry)));
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
      if (!operation) return this.#finish(note);
      // The journal may have been quicker than the answer.
      live.saidOf(operation).toReversed().forEach((entry) => this.#tell(note, entry));
      setTimeout(() => this.#finish(note), FOLLOW_FOR_MS);
    } catch (error) {
      if (error instanceof Failure && error.wantsKey) {
        this.drop(note.id);
        this.askForKey(error.keyWrong, { go: () => void this.act(action), leave: () => {} });
        return;
      }
      note.tone = "bad";
      note.text = error instanceof Error ? error.message : String(error);
      this.#finish(note);
    }
  }

  /** Reads something that may need the key: asks for it and reads again if so, or fails if none is given. */
  async read<T>(what: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await what();
      } catch (error) {
        if (!(error instanceof Failure && error.wantsKey)) throw error;
        const wrong = error.keyWrong;
        await new Promise<void>((go, fail) => this.askForKey(wrong, { go, leave: () => fail(new Error(LEFT_LOCKED)) }));
      }
    }
  }

  askForKey(wrong = false, waiting: Waiting | null = null): void {
    this.keyProblem = wrong ? KEY_NOT_ADMITTED : "";
    this.keyAsked = true;
    if (waiting) this.#waiting.push(waiting);
  }

  /** Tries a key, and keeps it for this browser session if the server admits it. */
  async tryKey(key: string): Promise<void> {
    const before = savedKey();
    saveKey(key);
    try {
      await get("settings");
    } catch (error) {
      const wrong = error instanceof Failure && error.wantsKey;
      saveKey(wrong ? null : before);
      this.hasKey = savedKey() !== null;
      this.keyProblem = wrong ? KEY_NOT_ADMITTED : `It could not be tried. ${error instanceof Error ? error.message : error}`;
      return;
    }
    this.hasKey = true;
    this.keyAsked = false;
    this.keyProblem = "";
    for (const { go } of this.#waiting.splice(0)) go();
  }

  forgetKey(): void {
    saveKey(null);
    this.hasKey = false;
  }

  /** The question for the key was put away: what waited for it is not done. */
  leaveKey(): void {
    this.keyAsked = false;
    for (const { leave } of this.#waiting.splice(0)) leave();
  }

  note(tone: Tone, title: string, text: string): Note {
    this.notes.push({ id: this.#next++, tone, title, text, operation: null, over: false });
    if (this.notes.length > NOTES_MAX) this.notes.shift();
    return this.notes.at(-1)!;
  }

  drop(id: number): void {
    this.notes = this.notes.filter((note) => note.id !== id);
  }

  /** Tells it of an entry of the journal, which may be about something else. */
  #tell(note: Note, entry: Entry): void {
    if (note.operation === null || entry.operation !== note.operation || note.over) return;
    note.text = plain(entry.sentence);
    if (entry.kind === "refused") note.tone = "bad";
    if (entry.kind === "request_over") this.#finish(note);
  }

  #finish(note: Note): void {
    if (note.over) return;
    note.over = true;
    if (note.tone === "flow") note.tone = "ok";
    setTimeout(() => this.drop(note.id), NOTE_FOR_MS);
  }
}

export const desk = new Desk();
