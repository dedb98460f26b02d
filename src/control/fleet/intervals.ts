// What versions did in the last second, from each node to the holder of the lease: outcomes, the
// latencies as an encoded HDR histogram, and how many requests each target was given. The leader
// pours them into windows of the whole fleet, so its p99 is that of the merged histogram and not
// an average. They are no sums: a lost one is a second that the windows lack, and the verdict,
// which has its own counts, loses nothing.

import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  JsHistogram,
} from 'hdr-histogram-js'
import {
  HIGHEST_US,
  lowestUsOfCellIndex,
  SIGNIFICANT_DIGITS as DIGITS,
} from '../../board/latency.ts'
import type { VersionInterval } from '../../core/fleet/message.ts'
import { OUTCOMES } from '../../core/outcome.ts'
import type { Interval } from '../gauge.ts'

/** No encoded interval is as long: 60 s in two digits are 3 to 10 KiB, before they are packed. */
const ENCODED_MAX = 16 * 1024

function encoded(latency: ReadonlyMap<number, number>): string {
  if (latency.size === 0) return ''
  const histogram = build({
    ...{ bitBucketSize: 32, autoResize: false, numberOfSignificantValueDigits: DIGITS },
    ...{ lowestDiscernibleValue: 1, highestTrackableValue: HIGHEST_US },
  })
  for (const [us, times] of latency) histogram.recordValueWithCount(us, times)
  return encodeIntoCompressedBase64(histogram)
}

/** An interval as it is told. */
export function toldOf(
  version: string,
  interval: Interval,
  seen: { given: Readonly<Record<string, number>>; inFlight: number },
): VersionInterval {
  const { latency, ...counts } = interval
  return { version, ...counts, latency: encoded(latency), ...seen }
}

/** Counts by the smallest latency of each cell; throws for what is no histogram of ours. */
function decoded(latency: string): Map<number, number> {
  const counts = new Map<number, number>()
  if (latency === '') return counts
  if (latency.length > ENCODED_MAX) throw new Error('the histogram is too long')
  const histogram = decodeFromCompressedBase64(latency, 32)
  if (!(histogram instanceof JsHistogram) || histogram.numberOfSignificantValueDigits !== DIGITS) {
    throw new Error('the histogram has another layout')
  }
  for (let cell = 0; cell < histogram.countsArrayLength; cell++) {
    const times = histogram.getCountAtIndex(cell)
    if (times > 0) counts.set(lowestUsOfCellIndex(cell), times)
  }
  return counts
}

/**
 * What was told, as the windows take it; null when it cannot be read. It comes from outside, so
 * its form is checked.
 */
export function intervalOf(told: VersionInterval): Interval | null {
  const { evidenceBad, evidenceGood, outcomes, rescued } = told
  const numbers = [evidenceBad, evidenceGood, rescued, ...outcomes]
  if (outcomes.length > OUTCOMES.length) return null
  if (!numbers.every((number) => Number.isSafeInteger(number) && number >= 0)) return null
  try {
    const latency = decoded(told.latency)
    return { outcomes: [...outcomes], rescued, evidenceGood, evidenceBad, latency }
  } catch {
    return null // the caller counts it
  }
}
