// The buckets that have testified, from each node to the one that judges (core/witnesses.ts): the
// bitmaps of the board, packed, with the window that they belong to. A window ends after ten
// minutes, and when the comparison with stable is reopened; bitmaps of another window say nothing.

import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { Board } from '../../board/board.ts'
import { readBuckets } from '../../board/buckets.ts'
import { BUCKET_WORDS, bucketWindow } from '../../core/bucket-errors.ts'
import type { Added, NodeCounters, Testimony } from '../../core/counters.ts'
import type { ServiceState } from '../../core/service.ts'
import { type BucketMaps, Witnesses } from '../../core/witnesses.ts'
import type { Residency } from '../residency.ts'

const MAP_BYTES = BUCKET_WORDS * 4

export interface TestimoniesParts {
  readonly board: Board
  readonly residency: Residency
}

function packed(map: Int32Array | null): string {
  if (map === null) return ''
  const bytes = new Uint8Array(map.buffer, map.byteOffset, map.byteLength)
  return deflateRawSync(bytes).toString('base64')
}

/** Null for what is no bitmap of ours. */
function unpacked(text: string): Int32Array | null {
  if (text === '') return new Int32Array(BUCKET_WORDS)
  try {
    const bytes = inflateRawSync(Buffer.from(text, 'base64'), { maxOutputLength: MAP_BYTES })
    if (bytes.length !== MAP_BYTES) return null
    const map = new Int32Array(BUCKET_WORDS)
    new Uint8Array(map.buffer).set(bytes)
    return map
  } catch {
    return null // its counts are taken as they are
  }
}

function mapsOf({ errors, exceedances }: Testimony): BucketMaps | null {
  const maps = { errors: unpacked(errors), exceedances: unpacked(exceedances) }
  return maps.errors === null || maps.exceedances === null ? null : (maps as BucketMaps)
}

function windowOf({ rollout }: ServiceState, now: number): string {
  return `${bucketWindow(now)}/${rollout?.reopenings ?? 0}`
}

export class Testimonies {
  readonly #parts: TestimoniesParts
  /** By service: its window, and who has testified in it. */
  readonly #known = new Map<string, { readonly window: string; readonly witnesses: Witnesses }>()

  constructor(parts: TestimoniesParts) {
    this.#parts = parts
  }

  /** What has testified at this node; undefined: nothing. */
  own(state: ServiceState, now: number): Testimony | undefined {
    const { board, residency } = this.#parts
    const cell = residency.cellOf(state.service)
    if (cell === undefined) return undefined
    const errors = readBuckets(board, { service: cell, event: 'error' })
    const exceedances = readBuckets(board, { service: cell, event: 'exceedance' })
    if (errors === null && exceedances === null) return undefined
    const window = windowOf(state, now)
    return { window, errors: packed(errors), exceedances: packed(exceedances) }
  }

  /** What a message adds, with the repetitions in it told apart. */
  take(state: ServiceState, at: { message: NodeCounters; added: Added; now: number }): Added {
    const { added, message, now } = at
    const { node, testimony } = message
    const window = windowOf(state, now)
    if (testimony === undefined) {
      this.#witnessesIn(window, state.service).silent(node)
      return added
    }
    if (testimony.window !== window) return added
    const maps = mapsOf(testimony)
    if (maps === null) return added
    const witnesses = this.#witnessesIn(window, state.service)
    return witnesses.take({ node, maps, added, weight: state.weight })
  }

  #witnessesIn(window: string, service: string): Witnesses {
    const known = this.#known.get(service)
    if (known?.window === window) return known.witnesses
    const witnesses = new Witnesses()
    this.#known.set(service, { window, witnesses })
    return witnesses
  }

  forget(service: string): void {
    this.#known.delete(service)
  }
}
