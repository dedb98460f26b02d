// What differs between two answers of stable to the same request says nothing about the candidate:
// times, ids, the order of a set. So some requests are sent a second time, to stable, and the
// places at which its two answers differ are learned. Which requests, is decided here: the first
// ones, then those whose answers differ in more than is known, and a few others so that what was
// learned stays true. All of them together are bounded by a budget, since stable carries the
// customers.
//
// What is learned of one kind of request must not hide a fault of another, so it is kept by the
// request's shape: its method and path, with numbers and ids made equal. A place is noise while it
// differed in enough of the shape's second answers: once in a hundred is a change of the data
// between two requests, and would hide the place for ever.

import { isWithin } from './json-path.ts'
import type { Difference } from './compare.ts'

/** The first so many requests are all asked a second time. */
const FIRST = 20
/** Of the later ones at most this share, whatever they look like … */
const BUDGET_SHARE = 0.1
/** … and one in so many of those that show no difference. */
const REFRESH_EVERY = 20
/** A difference counts without a second answer when its shape has had so many. */
const KNOWN_AFTER = 3
/** A place is noise while so large a share of the second answers differed in it. */
const NOISY_SHARE = 0.2
/** More shapes share the last one. */
const MAX_SHAPES = 200
/** A shape with more noisy places is noisy as a whole. */
const MAX_PLACES = 100

interface Shape {
  asked: number
  /** How many second answers differed in a place. */
  readonly places: Map<string, number>
}

/** What is to be done about a mirrored request that was answered. */
export type NoiseWord =
  /** Send it to stable once more, and decide then. */
  | 'ask'
  /** It can be counted. */
  | 'count'
  /** It differs, and nobody knows whether that is noise. */
  | 'leave'

export class Noise {
  readonly #shapes = new Map<string, Shape>()
  #budget = FIRST
  #requests = 0

  /**
   * Says what to do about a request, once for each.
   *
   * @param differs whether its answers differ in more than noise
   * @param mayAsk whether it may be sent to stable once more: not when that would change something
   */
  judge(request: { shape: string; differs: boolean; mayAsk: boolean }): NoiseWord {
    this.#requests++
    this.#budget = Math.min(FIRST, this.#budget + BUDGET_SHARE)
    const { differs, mayAsk, shape } = request
    const wanted = differs || this.#requests <= FIRST || this.#requests % REFRESH_EVERY === 0
    if (wanted && mayAsk && this.#budget >= 1) {
      this.#budget--
      return 'ask'
    }
    if (!differs || !mayAsk) return 'count'
    return (this.#shapes.get(this.#keyOf(shape))?.asked ?? 0) >= KNOWN_AFTER ? 'count' : 'leave'
  }

  /** Learns in which places a second answer of stable differed from the first. */
  learn(shape: string, found: readonly Difference[]): void {
    const known = this.#shapeOf(shape)
    known.asked++
    for (const { place } of found) {
      if (!known.places.has(place) && known.places.size >= MAX_PLACES) {
        known.places.set('$', known.asked)
        continue
      }
      known.places.set(place, (known.places.get(place) ?? 0) + 1)
    }
  }

  /** The differences that are more than noise. */
  without(shape: string, found: readonly Difference[]): readonly Difference[] {
    const known = this.#shapes.get(this.#keyOf(shape))
    if (known === undefined || known.places.size === 0) return found
    const noisy: string[] = []
    for (const [place, times] of known.places) {
      if (times >= known.asked * NOISY_SHARE) noisy.push(place)
    }
    return found.filter(({ place }) => !isAmong(place, noisy))
  }

  #keyOf(shape: string): string {
    return this.#shapes.has(shape) || this.#shapes.size < MAX_SHAPES ? shape : OTHERS
  }

  #shapeOf(shape: string): Shape {
    const key = this.#keyOf(shape)
    const known = this.#shapes.get(key) ?? { asked: 0, places: new Map() }
    this.#shapes.set(key, known)
    return known
  }
}

const OTHERS = '*'

/** Whether a place is one of these or lies within one. */
export function isAmong(place: string, places: readonly string[]): boolean {
  return places.some((one) => isWithin(place, one))
}

/** A segment that names one of many things: a number, a UUID, a hash. */
const ID = /^(?=.*\d)[0-9A-Za-z_-]{8,}$|^\d+$/
const MAX_SHAPE_CHARS = 200

/** What a request has in common with others of its kind: `GET /orders/*`. */
export function shapeOf(method: string, target: string): string {
  const query = target.indexOf('?')
  const path = query < 0 ? target : target.slice(0, query)
  const parts = path.split('/').map((part) => (ID.test(part) ? '*' : part))
  return `${method} ${parts.join('/')}`.slice(0, MAX_SHAPE_CHARS)
}
