// What a load generator keeps of each request, in arrays that are made once where the number of
// requests is known: lists that grow are copied again and again, a pause that would be measured.

import type { LoadResult, LoadSpec } from './load.ts'

const STATUS_NONE = 0
const VERSION_NONE = 255
const FEW = 65_536

export interface Answered {
  /** From the moment the request was due. */
  readonly latencyMs: number
  readonly status: number
  readonly version: string | undefined
}

/** How many requests there will be; a guess when that is not known. */
function expected({ durationMs, rate, requests }: LoadSpec): number {
  if (requests !== undefined) return requests
  if (rate === null || durationMs === undefined) return FEW
  return Math.ceil((rate * durationMs) / 1000) + FEW
}

export class Sent {
  #count = 0
  #sentMs: Float64Array
  #latencyMs: Float64Array
  #status: Uint16Array
  #version: Uint8Array
  readonly #versions: string[] = []

  constructor(spec: LoadSpec) {
    const room = expected(spec)
    this.#sentMs = new Float64Array(room)
    this.#latencyMs = new Float64Array(room)
    this.#status = new Uint16Array(room)
    this.#version = new Uint8Array(room)
  }

  /** A request is sent; returns its number. */
  add(sentMs: number): number {
    const number = this.#count++
    if (number === this.#sentMs.length) this.#grow()
    this.#sentMs[number] = sentMs
    this.#latencyMs[number] = Number.NaN
    this.#status[number] = STATUS_NONE
    this.#version[number] = VERSION_NONE
    return number
  }

  answered(number: number, { latencyMs, status, version }: Answered): void {
    this.#status[number] = status
    this.#latencyMs[number] = latencyMs
    if (version !== undefined) this.#version[number] = this.#versionIndex(version)
  }

  result(): Pick<LoadResult, 'sentMs' | 'latencyMs' | 'status' | 'version' | 'versions'> {
    return {
      sentMs: this.#sentMs.slice(0, this.#count),
      latencyMs: this.#latencyMs.slice(0, this.#count),
      status: this.#status.slice(0, this.#count),
      version: this.#version.slice(0, this.#count),
      versions: this.#versions,
    }
  }

  #versionIndex(name: string): number {
    const at = this.#versions.indexOf(name)
    return at === -1 ? this.#versions.push(name) - 1 : at
  }

  #grow(): void {
    const room = this.#sentMs.length * 2
    const grown = <T extends Float64Array | Uint16Array | Uint8Array>(old: T, fresh: T): T => {
      fresh.set(old)
      return fresh
    }
    this.#sentMs = grown(this.#sentMs, new Float64Array(room))
    this.#latencyMs = grown(this.#latencyMs, new Float64Array(room))
    this.#status = grown(this.#status, new Uint16Array(room))
    this.#version = grown(this.#version, new Uint8Array(room))
  }
}
