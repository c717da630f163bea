// Streams as pipes on a canvas: where each goes, how much flows, and which way. Drawing only; it decides nothing.

export interface Spot {
  x: number;
  y: number;
}

export interface Pipe {
  key: string;
  from: Spot;
  /** Where it leaves what it comes from: until there it runs straight, below what stands in its way. */
  exit: Spot;
  to: Spot;
  /** KiB per second. */
  rate: number;
  tone: "flow" | "wait" | "uplink";
}

interface Drawn extends Pipe {
  /** From nothing to whole as it comes, and back as it goes. */
  presence: number;
  leaving: boolean;
  phase: number;
  /** What there is to see of a move, running out. */
  moved: number;
}

export type Colours = Readonly<Record<Pipe["tone"], string>>;

/** How fast a pipe goes to where it should be: the share of the way that is left after a second. */
const LEFT_AFTER_1S = 0.0008;
const COME_PER_S = 2.4;
const MOVED_FOR_S = 1.6;
/** With this many pipes half of the frames are enough. */
const MANY = 24;
const DASH = 5;
const GAP = 15;

export class Flow {
  #drawn = new Map<string, Drawn>();
  #context: CanvasRenderingContext2D | null;
  #frame = 0;
  #last = 0;
  #skipped = false;
  #still = matchMedia("(prefers-reduced-motion: reduce)");
  #width = 0;
  #height = 0;

  constructor(
    readonly canvas: HTMLCanvasElement,
    public colours: Colours,
  ) {
    this.#context = canvas.getContext("2d");
  }

  resize(width: number, height: number): void {
    const density = Math.min(devicePixelRatio || 1, 2);
    if (width === this.#width && height === this.#height) return;
    this.#width = width;
    this.#height = height;
    this.canvas.width = Math.round(width * density);
    this.canvas.height = Math.round(height * density);
    this.#context?.setTransform(density, 0, 0, density, 0, 0);
    this.#draw(0);
  }

  show(pipes: readonly Pipe[]): void {
    const wanted = new Map(pipes.map((pipe) => [pipe.key, pipe]));
    for (const drawn of this.#drawn.values()) drawn.leaving = !wanted.has(drawn.key);
    for (const pipe of pipes) {
      const known = this.#drawn.get(pipe.key);
      if (!known) {
        const own = { from: { ...pipe.from }, exit: { ...pipe.exit }, to: { ...pipe.to } };
        this.#drawn.set(pipe.key, { ...pipe, ...own, presence: 0, leaving: false, phase: Math.random() * 20, moved: 0 });
        continue;
      }
      known.rate = pipe.rate;
      known.tone = pipe.tone;
      known.leaving = false;
      if (Math.hypot(known.from.x - pipe.from.x, known.from.y - pipe.from.y) > 30) known.moved = MOVED_FOR_S;
    }
    this.#targets = wanted;
    this.#wake();
  }

  #targets = new Map<string, Pipe>();

  stop(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }

  #wake(): void {
    if (this.#frame !== 0) return;
    this.#last = performance.now();
    this.#frame = requestAnimationFrame(this.#step);
  }

  #step = (now: number): void => {
    this.#frame = 0;
    this.#skipped = this.#drawn.size > MANY && !this.#skipped;
    if (!this.#skipped) {
      const seconds = Math.min(0.25, (now - this.#last) / 1000);
      this.#last = now;
      const moving = this.#advance(this.#still.matches ? 60 : seconds);
      this.#draw(this.#still.matches ? 0 : seconds);
      if (this.#still.matches && !moving) return;
    }
    if (this.#drawn.size > 0) this.#frame = requestAnimationFrame(this.#step);
  };

  #advance(seconds: number): boolean {
    const near = 1 - LEFT_AFTER_1S ** seconds;
    let moving = false;
    for (const drawn of this.#drawn.values()) {
      const target = this.#targets.get(drawn.key);
      if (target) {
        for (const [spot, goal] of [[drawn.from, target.from], [drawn.exit, target.exit], [drawn.to, target.to]] as const) {
          moving ||= Math.abs(goal.x - spot.x) + Math.abs(goal.y - spot.y) > 0.5;
          spot.x += (goal.x - spot.x) * near;
          spot.y += (goal.y - spot.y) * near;
        }
      }
      const aim = drawn.leaving ? 0 : 1;
      moving ||= drawn.presence !== aim;
      const way = COME_PER_S * seconds;
      drawn.presence = drawn.leaving ? Math.max(0, drawn.presence - way) : Math.min(1, drawn.presence + way);
      drawn.moved = Math.max(0, drawn.moved - seconds);
      if (drawn.leaving && drawn.presence === 0) this.#drawn.delete(drawn.key);
    }
    return moving;
  }

  #draw(seconds: number): void {
    const context = this.#context;
    if (!context) return;
    context.clearRect(0, 0, this.#width, this.#height);
    context.lineCap = "round";
    for (const drawn of this.#drawn.values()) {
      const width = drawn.tone === "uplink" ? 3 + Math.sqrt(drawn.rate) / 12 : 2 + Math.sqrt(drawn.rate) / 16;
      drawn.phase -= seconds * (14 + Math.sqrt(drawn.rate) * 1.8);
      context.strokeStyle = this.colours[drawn.tone];
      const path = curve(drawn);
      context.setLineDash([]);
      if (drawn.moved > 0) {
        context.globalAlpha = 0.28 * (drawn.moved / MOVED_FOR_S);
        context.lineWidth = width * 4;
        context.stroke(path);
      }
      context.globalAlpha = 0.2 * drawn.presence;
      context.lineWidth = width * 1.9;
      context.stroke(path);
      context.globalAlpha = 0.42 * drawn.presence;
      context.lineWidth = width * 0.6;
      context.stroke(path);
      if (drawn.rate > 0 && !this.#still.matches) {
        context.globalAlpha = 0.95 * drawn.presence;
        context.lineWidth = width * 0.8;
        context.setLineDash([DASH, GAP]);
        context.lineDashOffset = drawn.phase;
        context.stroke(path);
      }
    }
    context.globalAlpha = 1;
  }
}

function curve({ from, exit, to }: Pipe): Path2D {
  const path = new Path2D();
  const corner = Math.min(10, Math.abs(exit.x - from.x));
  path.moveTo(from.x, from.y);
  path.quadraticCurveTo(from.x, exit.y, from.x + corner, exit.y);
  path.lineTo(exit.x, exit.y);
  const bend = Math.max(24, (to.x - exit.x) * 0.5);
  path.bezierCurveTo(exit.x + bend, exit.y, to.x - bend, to.y, to.x, to.y);
  return path;
}
