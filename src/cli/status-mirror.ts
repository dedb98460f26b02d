// What mirrored requests have shown of a candidate, as one line of a terminal.

import type { MirrorTally } from '../core/gate.ts'

/** A fraction of the whole in percent; two decimals as long as there is anything. */
function share(part: number, whole: number): string {
  return whole === 0 ? '0 %' : `${Number(((part * 100) / whole).toFixed(2))} %`
}

/** One line, e.g. `mirrored 1,204: 0.2 % failed, p99 31.0 ms; 0.5 % of 1,198 differ: …`. */
export function mirrorText(tally: MirrorTally): string {
  const { compared, differences, dropped, errors, mismatched, p99Ms, requests } = tally
  const count = (value: number): string => value.toLocaleString('en-US')
  const p99 = p99Ms === null ? 'none answered' : `p99 ${p99Ms.toFixed(1)} ms`
  const lost = dropped === 0 ? '' : ` (${count(dropped)} dropped)`
  const most = differences[0] === undefined ? '' : `: ${differences[0].text}`
  const differ =
    compared === 0 ? 'none compared' : `${share(mismatched, compared)} of ${count(compared)} differ`
  return (
    `mirrored ${count(requests)}${lost}: ${share(errors, requests)} failed, ${p99}; ` +
    `${differ}${most}`
  )
}
