// What the demo shows: story lines that stay, and below them a small live table. On a terminal the
// table is redrawn in place; elsewhere (a file, a pipeline) it becomes one line every two seconds.

import { styleText } from 'node:util'
import type { ServiceView, VersionView } from '../core/command.ts'
import type { TrafficCounts } from './traffic.ts'

const LINE_EVERY_MS = 2000
const BAR_CELLS = 20
const RATE_OVER_MS = 1100
const COLUMNS = 100
const INDENT = ' '.repeat(9)

type Colour = 'bold' | 'dim' | 'green' | 'red' | 'cyan'

function bar(percent: number): string {
  const full = Math.round((percent / 100) * BAR_CELLS)
  return '█'.repeat(full) + '░'.repeat(BAR_CELLS - full)
}

/** Breaks a text at blanks, so that no line is wider than `columns` where that is possible. */
function wrap(text: string, columns: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}

function cell(value: number | null, unit = ''): string {
  return value === null ? '-' : `${value < 10 ? value.toFixed(1) : Math.round(value)}${unit}`
}

function versionRow(role: string, view: VersionView, perSecond: number): string {
  const { weight, stats } = view
  const cells = [
    `${view.version} ${role}`.padEnd(15),
    bar(weight),
    `${weight} %`.padStart(6),
    `${perSecond} req/s`.padStart(10),
    `${stats.errors} failed`.padStart(11),
    `p99 ${cell(stats.p99, ' ms')}`.padStart(11),
  ]
  return cells.join(' ')
}

function phaseOf(view: ServiceView): string {
  const { rollout } = view
  if (rollout === null) return 'no rollout'
  return `${rollout.phase}, step ${rollout.step} of ${rollout.steps.length}`
}

export class Screen {
  readonly #live = process.stdout.isTTY === true
  readonly #startedMs = performance.now()
  #drawn = 0
  #table: string[] = []
  #lineMs = Number.NEGATIVE_INFINITY
  #history: { atMs: number; byVersion: TrafficCounts['byVersion'] }[] = []

  #paint(colour: Colour, text: string): string {
    return styleText(colour, text, { stream: process.stdout })
  }

  #erase(): void {
    if (this.#drawn > 0) process.stdout.write(`\x1b[${this.#drawn}A\x1b[0J`)
    this.#drawn = 0
  }

  #draw(): void {
    for (const line of this.#table) process.stdout.write(`${line}\n`)
    this.#drawn = this.#table.length
  }

  /** A line without a time. */
  print(text: string, colour?: Colour): void {
    if (this.#live) this.#erase()
    process.stdout.write(`${colour === undefined ? text : this.#paint(colour, text)}\n`)
    if (this.#live) this.#draw()
  }

  /** A line of the story, with the time since the start. */
  say(text: string, colour?: Colour): void {
    const seconds = `${((performance.now() - this.#startedMs) / 1000).toFixed(1)} s`.padStart(7)
    const [first = '', ...more] = wrap(text, COLUMNS - INDENT.length)
    const paint = (line: string): string => (colour ? this.#paint(colour, line) : line)
    this.print(`${seconds}  ${paint(first)}`)
    for (const line of more) this.print(`${INDENT}${paint(line)}`)
  }

  /** A longer text that belongs to the line before it. */
  quote(text: string): void {
    for (const line of wrap(text, COLUMNS - INDENT.length - 2)) {
      this.print(`${INDENT}  ${this.#paint('dim', line)}`)
    }
  }

  #row(role: string, view: VersionView): string {
    return versionRow(role, view, this.#rate(view.version))
  }

  /** Answers a second from a version, over the last second. */
  #rate(version: string): number {
    const [from] = this.#history
    const to = this.#history.at(-1)
    if (from === undefined || to === undefined || to.atMs <= from.atMs) return 0
    const answers = (to.byVersion[version] ?? 0) - (from.byVersion[version] ?? 0)
    return Math.round((answers * 1000) / (to.atMs - from.atMs))
  }

  /** The present state, for the live table. */
  show(view: ServiceView, traffic: TrafficCounts): void {
    const nowMs = performance.now()
    this.#history.push({ atMs: nowMs, byVersion: traffic.byVersion })
    this.#history = this.#history.filter(({ atMs }) => atMs >= nowMs - RATE_OVER_MS)
    const users = `users: ${traffic.answered} answers, ${traffic.failed} errors`
    if (!this.#live) {
      if (performance.now() - this.#lineMs < LINE_EVERY_MS) return
      this.#lineMs = performance.now()
      const versions = [view.stable, view.candidate].filter((version) => version !== null)
      const shares = versions.map((version) => `${version.version} ${version.weight} %`)
      this.say(`  ${[phaseOf(view), ...shares, users].join(' · ')}`)
      return
    }
    this.#table = [
      '',
      this.#paint('dim', phaseOf(view)),
      ...(view.stable ? [this.#row('stable', view.stable)] : []),
      ...(view.candidate ? [this.#row('candidate', view.candidate)] : []),
      this.#paint(traffic.failed === 0 ? 'green' : 'red', users),
    ].map((line) => `  ${line}`)
    this.#erase()
    this.#draw()
  }
}
