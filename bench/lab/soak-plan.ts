// What one request of the soak is going to be: its method, its bodies, how its answer is framed,
// what goes wrong on the way. All of it is drawn from a seed by the client and travels in the path,
// so that any target process can carry it out, also one that was started a moment ago, and both
// ends know byte for byte what the other must have seen.
//
// Every request has a number of its own. Its nonce stands in the path, in a header, in the body and
// in the trailers of the answer, and the rest of a body is a piece of a fixed pattern that begins
// where the number says: bytes of another answer cannot pass for those of this one.

export const METHODS = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'DELETE'] as const
export type Method = (typeof METHODS)[number]

/** How the target frames its answer; `empty` is a 204, `unchanged` a 304. */
export const FRAMINGS = ['length', 'chunked', 'close', 'empty', 'unchanged'] as const
export type Framing = (typeof FRAMINGS)[number]

/**
 * What the target does instead of answering. `stale-…`: it closes a connection that carried a
 * request before at the very moment when this one comes, before any byte; on a new connection it
 * answers as if nothing were. `dies-…`: it never gives a whole answer, on no connection; the client
 * knows.
 */
export const FAULTS = [
  'none',
  'stale-reset',
  'stale-end',
  'dies-silent',
  'dies-in-head',
  'dies-in-body',
] as const
export type Fault = (typeof FAULTS)[number]

/** What becomes of the target's connection behind the answer. */
export const AFTERS = ['keep', 'close', 'idle-end', 'idle-reset'] as const
export type After = (typeof AFTERS)[number]

/** What the target has to know. */
export interface AnswerPlan {
  readonly number: number
  readonly framing: Framing
  readonly bytes: number
  readonly delayMs: number
  /** How many 103 come before the answer. */
  readonly interims: number
  /** In how many writes the answer goes out, a turn of the loop or a millisecond apart. */
  readonly pieces: number
  readonly trailers: boolean
  readonly fault: Fault
  readonly after: After
  /** Bytes of the request's body. */
  readonly upload: number
  /** Whether no target may see this request twice. */
  readonly once: boolean
}

/** When the client aborts: `before` any byte of the answer, amid it, or amid the `upload`. */
export type AbortKind = 'before' | 'answer' | 'upload'

export interface Abort {
  readonly kind: AbortKind
  /** By RST, or by FIN. */
  readonly reset: boolean
  readonly afterMs: number
}

export interface Plan extends AnswerPlan {
  readonly method: Method
  /** Whether it carries an Idempotency-Key. */
  readonly keyed: boolean
  readonly minor: 0 | 1
  readonly uploadChunked: boolean
  readonly uploadPieces: number
  readonly expectContinue: boolean
  readonly acceptsTrailers: boolean
  readonly abort: Abort | null
}

/** `faulty`: everything. `calm`: nobody aborts, no target misbehaves, every connection is kept. */
export type Profile = 'faulty' | 'calm'

/** A small generator of random numbers that a seed replays (mulberry32). */
export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** In [0, 1). */
  uniform(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }

  /** A whole number from `from` to `to`, both included. */
  whole(from: number, to: number): number {
    return from + Math.floor(this.uniform() * (to - from + 1))
  }

  chance(share: number): boolean {
    return this.uniform() < share
  }

  /** One of the values, by their shares in percent, which need not add up. */
  pick<T>(choices: readonly (readonly [T, number])[], otherwise: T): T {
    let left = this.uniform() * 100
    for (const [value, share] of choices) {
      left -= share
      if (left < 0) return value
    }
    return otherwise
  }
}

/** Larger bodies are not kept, so they cannot be sent again (limits.kept_body). */
const KEPT_BYTES = 65_536

/**
 * Whether a request must succeed although its target dies: RFC 9110's safe methods, and, as the
 * soak's Vertex is configured so (soak.ts), PUT, DELETE and whatever has an Idempotency-Key; with a
 * body only when it can be kept. This is the one place that says so; the targets complain of a
 * second attempt of all others.
 */
export function replayable(request: {
  readonly method: Method
  readonly keyed: boolean
  readonly upload: number
}): boolean {
  return (request.method !== 'POST' || request.keyed) && request.upload < KEPT_BYTES
}

/** Whether the client knows that it will not get a whole answer. */
export function isMarked(plan: AnswerPlan): boolean {
  return plan.fault.startsWith('dies')
}

/**
 * Small, mostly; `large` is the share, in percent, that has up to 200 KiB. None is so near to what
 * is kept that its framing would decide.
 */
function size(dice: Dice, large: number): number {
  const among = dice.uniform() * 100
  if (among < large)
    return dice.chance(0.3) ? dice.whole(16_384, 61_440) : dice.whole(69_632, 204_800)
  return among < 15 + large ? dice.whole(1024, 16_384) : dice.whole(0, 1024)
}

function drawFraming(dice: Dice, method: Method): Framing {
  const framing = dice.pick<Framing>(
    [
      ['chunked', 33],
      ['close', 9],
      ['empty', 4],
      ['unchanged', 3],
    ],
    'length',
  )
  return framing === 'unchanged' && method !== 'GET' && method !== 'HEAD' ? 'length' : framing
}

function drawFault(dice: Dice, hasBody: boolean): Fault {
  const fault = dice.pick<Fault>(
    [
      ['stale-reset', 1.5],
      ['stale-end', 1.5],
      ['dies-silent', 0.1],
      ['dies-in-head', 0.15],
      ['dies-in-body', 0.35],
    ],
    'none',
  )
  return fault === 'dies-in-body' && !hasBody ? 'dies-in-head' : fault
}

/** A reset takes away what the other side has not received yet: of a small answer nothing. */
function drawAfter(dice: Dice, bytes: number): After {
  const choices: readonly (readonly [After, number])[] = [
    ['close', 3],
    ['idle-end', 2],
    [bytes < 8192 ? 'idle-reset' : 'idle-end', 1],
  ]
  return dice.pick<After>(choices, 'keep')
}

function drawAbort(dice: Dice, upload: number): Abort | null {
  if (!dice.chance(0.03)) return null
  const amid = upload > 0 && dice.chance(0.6) ? 'upload' : 'answer'
  const kind = dice.pick<AbortKind>([['before', 35]], amid)
  return { kind, reset: dice.chance(0.5), afterMs: dice.chance(0.4) ? 0 : dice.whole(1, 12) }
}

/** Draws one request. `light`: small and quick, to be sent with others behind it. */
export function drawPlan(
  dice: Dice,
  options: { number: number; profile: Profile; light: boolean },
): Plan {
  const { light, number, profile } = options
  const faulty = profile === 'faulty'
  const method = dice.pick<Method>(
    [
      ['POST', 26],
      ['HEAD', 8],
      ['OPTIONS', 4],
      ['PUT', 3],
      ['DELETE', 2],
    ],
    'GET',
  )
  const uploads = method === 'POST' || method === 'PUT'
  const upload = uploads ? (light ? dice.whole(0, 512) : size(dice, 1.5)) : 0
  const keyed = method === 'POST' && dice.chance(0.25)
  const framing = drawFraming(dice, method)
  const bodiless = framing === 'empty' || framing === 'unchanged'
  const abort = faulty && !light ? drawAbort(dice, upload) : null
  // What is to be aborted amid its answer must not be over before it can be.
  const long = abort?.kind === 'answer'
  const drawn = light ? dice.whole(0, 2048) : size(dice, long ? 60 : 1)
  const bytes = bodiless ? 0 : drawn
  const minor = faulty && !light && dice.chance(0.01) ? 0 : 1
  const slowMs = dice.chance(0.9) ? dice.whole(1, 8) : dice.whole(20, 80)
  return {
    number,
    method,
    keyed,
    minor,
    framing,
    bytes,
    delayMs: dice.chance(light ? 0.02 : 0.12) ? slowMs : 0,
    interims: dice.chance(0.04) ? dice.whole(1, 3) : 0,
    pieces: long || dice.chance(0.15) ? dice.whole(2, 4) : 1,
    trailers: framing === 'chunked' && dice.chance(0.3),
    fault: faulty && !light ? drawFault(dice, method !== 'HEAD' && bytes > 1) : 'none',
    after: faulty ? drawAfter(dice, bytes) : 'keep',
    upload,
    // An idempotent upload may begin twice also when it turns out to be too large to be kept.
    once: method === 'POST' && !keyed,
    uploadChunked: upload > 0 && minor === 1 && dice.chance(0.4),
    uploadPieces: upload > 1 && dice.chance(0.3) ? dice.whole(2, 4) : 1,
    expectContinue: !light && upload > 0 && minor === 1 && dice.chance(0.05),
    acceptsTrailers: minor === 1 && dice.chance(0.5),
    abort,
  }
}

// --- the path ----------------------------------------------------------------------------------

/** The nonce of a request: its number, and digits that no other number has by chance. */
export function nonceOf(number: number): string {
  return `${number.toString(36)}-${(Math.imul(number + 1, 0x9e3779b1) >>> 0).toString(36)}`
}

export function pathOf(plan: AnswerPlan): string {
  const fields = [
    plan.number,
    FRAMINGS.indexOf(plan.framing),
    plan.bytes,
    plan.delayMs,
    plan.interims,
    plan.pieces,
    plan.trailers ? 1 : 0,
    FAULTS.indexOf(plan.fault),
    AFTERS.indexOf(plan.after),
    plan.upload,
    plan.once ? 1 : 0,
  ]
  return `/${nonceOf(plan.number)}/${fields.join('.')}`
}

/** The plan in a path; null when it is none, or when the nonce is not that of its number. */
export function readPath(path: string): AnswerPlan | null {
  const [, nonce, text = ''] = path.split('/')
  const fields = text.split('.').map(Number)
  const [number = -1, framing = 0, bytes = 0, delayMs = 0, interims = 0, pieces = 1] = fields
  const [trailers = 0, fault = 0, after = 0, upload = 0, once = 0] = fields.slice(6)
  if (fields.length !== 11 || nonce !== nonceOf(number)) return null
  return {
    number,
    framing: FRAMINGS[framing] ?? 'length',
    bytes,
    delayMs,
    interims,
    pieces,
    trailers: trailers === 1,
    fault: FAULTS[fault] ?? 'none',
    after: AFTERS[after] ?? 'keep',
    upload,
    once: once === 1,
  }
}

// --- bodies ------------------------------------------------------------------------------------

const STARTS = 262_144
const LONGEST = 262_144
const PATTERN = patterned(STARTS + LONGEST)

/** Bytes that look random and are the same in every process. */
function patterned(bytes: number): Buffer {
  const words = new Uint32Array(bytes / 4)
  const dice = new Dice(1)
  for (let at = 0; at < words.length; at++) words[at] = dice.uniform() * 4_294_967_296
  return Buffer.from(words.buffer)
}

/** The body of a request's answer, or of its upload: the nonce, then a piece of the pattern. */
export class Body {
  readonly bytes: number
  readonly #nonce: string
  readonly #start: number

  constructor(number: number, options: { bytes: number; upload: boolean }) {
    const nonce = nonceOf(number)
    this.bytes = options.bytes
    this.#nonce = nonce.length <= options.bytes ? nonce : ''
    const salt = options.upload ? 0x85ebca6b : 0xc2b2ae35
    this.#start = (Math.imul(number + salt, 0x9e3779b1) >>> 14) % STARTS
  }

  /** The bytes from one place to another; a copy only where the nonce is in it. */
  slice(from: number, to: number): Buffer {
    const { length } = this.#nonce
    const start = this.#start - length
    if (from >= length) return PATTERN.subarray(start + from, start + to)
    const nonce = Buffer.from(this.#nonce.slice(from, to), 'latin1')
    if (to <= length) return nonce
    return Buffer.concat([nonce, PATTERN.subarray(this.#start, start + to)])
  }

  /** Whether bytes[from, to) are what stands at `place` of the body. */
  matches(place: number, bytes: Buffer, from: number, to: number): boolean {
    if (place + (to - from) > this.bytes) return false
    const { length } = this.#nonce
    const named = Math.max(0, Math.min(length - place, to - from))
    if (named > 0) {
      const text = bytes.toString('latin1', from, from + named)
      if (text !== this.#nonce.slice(place, place + named)) return false
    }
    const at = this.#start - length + place
    return PATTERN.compare(bytes, from + named, to, at + named, at + (to - from)) === 0
  }
}
