// How the mirror's thread gives way to those that serve customers, on Linux. Nicer, it gets a
// tenth of what they get when all want a core. And as SCHED_BATCH (sched(7)) it does not take the
// core from one of them when it wakes up, as an answer comes in. That has no call in Node, but a
// program in util-linux and in BusyBox; where neither is there, nicer must do.
//
// SCHED_IDLE would hide its work even from the worst moments of a machine, but on one whose cores
// are all taken it would hardly run at all, and whoever waits for a lock that it holds waits with
// it: customers then wait for a second (bench/NOTES.md).

import { execFile } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'

const NICER_BY = 10
const NICEST = 19
const LIMIT_MS = 5000

/**
 * Makes this very thread give way.
 *
 * @param onRefused called with a sentence when it cannot, or is only nicer
 */
export function giveWay(onRefused: (text: string) => void): void {
  // Elsewhere these would be about the whole process.
  if (process.platform !== 'linux') return
  const refuse = (error: unknown): void => {
    const why = String(error instanceof Error ? error.message : error).replaceAll(/\s+/g, ' ')
    onRefused(`The mirror thread may interrupt the others: ${why.trim()}`)
  }
  try {
    setPriority(0, Math.min(NICEST, getPriority(0) + NICER_BY))
    const thread = readlinkSync('/proc/thread-self').split('/').at(-1) ?? ''
    execFile('chrt', ['-b', '-p', '0', thread], { timeout: LIMIT_MS }, (error) => {
      if (error !== null) refuse(error)
    })
  } catch (error) {
    refuse(error) // there may be no /proc; it mirrors all the same
  }
}
