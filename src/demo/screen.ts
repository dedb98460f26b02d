// What the demo shows: story lines that stay, and below them a small live table. On a terminal the
// table is redrawn in place; elsewhere (a file, a pipeline) it becomes one line every two seconds.

import { styleText } from 'node:util'
import type { ServiceView, VersionView } from '../core/command.ts'
import type { TrafficCounts } from './traffic.ts'

const LINE_EVERY_MS = 2000
const BAR_CELLS = 20

type Colour = 'bold' | 'dim' | 'green' | 'red' | 'cyan'

function bar(percent: number): string {
  const full = Math.round((percent / 100) * BAR_CELLS)
  return '█'.repeat(full) + '░'.repeat(BAR_CELLS - full)
}

function cell(value: number | null, unit = ''): string {
  return value === null ? '-' : `${value < 10 ? value.toFixed(1) : Math.round(value)}${unit}`
}

function versionRow(role: string, view: VersionView): string {
  const { weight, stats } = view
  const cells = [
    `${view.version} ${role}`.padEnd(15),
    bar(weight),
    `${weight} %`.padStart(6),
    `${Math.round(stats.rate)} req/s`.padStart(10),
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
    const seconds = ((performance.now() - this.#startedMs) / 1000).toFixed(1)
    this.print(`${`${seconds} s`.padStart(7)}  ${colour ? this.#paint(colour, text) : text}`)
  }

  /** The present state, for the live table. */
  show(view: ServiceView, traffic: TrafficCounts): void {
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
      ...(view.stable ? [versionRow('stable', view.stable)] : []),
      ...(view.candidate ? [versionRow('candidate', view.candidate)] : []),
      this.#paint(traffic.failed === 0 ? 'green' : 'red', users),
    ].map((line) => `  ${line}`)
    this.#erase()
    this.#draw()
  }
}
