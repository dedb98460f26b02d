// How the words of the command line are read: each reader takes one word and gives its value, or
// says in one sentence what it must be like. Which verb takes which is main.ts's business.

import { InvalidArgumentError, Option } from 'commander'
import { readDuration } from './duration.ts'

/** As many as the admin API gives at a time. */
export const MOST_LINES = 1000
/** Enough to tell a share of 0.1 % from none. */
const MOST_RUNS = 10_000

function duration(text: string): number {
  const ms = readDuration(text)
  if (ms === null) throw new InvalidArgumentError('It must be like 500ms, 30s, 10m or 1h.')
  return ms
}

export function whole(text: string): number {
  if (/^\d{1,9}$/.test(text) && Number(text) > 0) return Number(text)
  throw new InvalidArgumentError('It must be a whole number above 0.')
}

export function lineCount(text: string): number {
  const lines = whole(text)
  if (lines <= MOST_LINES) return lines
  throw new InvalidArgumentError(`It must be at most ${MOST_LINES}.`)
}

export function runCount(text: string): number {
  const runs = whole(text)
  if (runs <= MOST_RUNS) return runs
  throw new InvalidArgumentError(`It must be at most ${MOST_RUNS}.`)
}

export function revision(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a whole number.')
}

/** An option whose default is shown as it would be written. */
export function durationOption(flags: string, about: string, usual: string): Option {
  return new Option(flags, about).argParser(duration).default(duration(usual), usual)
}

export function oneOrTwo(word: string, before: readonly string[] | undefined): readonly string[] {
  if ((before?.length ?? 0) >= 2) {
    throw new InvalidArgumentError('There is at most a service before it.')
  }
  return [...(before ?? []), word]
}

export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value]
}
