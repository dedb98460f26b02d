// What the calibration costs, row by row, in CPU time: the whole of it has ten minutes, and what a
// part of the rollouts took tells beforehand whether that is enough. CPU time hardly depends on
// what else the machine does meanwhile, so it is what two versions of the code are compared by.

import { RIVAL_ROWS } from './calibrate-comparison.ts'
import { ROWS } from './calibrate-rows.ts'
import type { Done, Job } from './calibrate-worker.ts'

const TOLD = 12

interface Cost {
  readonly kind: Job['kind']
  readonly row: number
  rollouts: number
  cpuMs: number
}

interface Planned {
  readonly name: string
  readonly count: number
}

function ownRow(at: number): Planned {
  const row = ROWS[at]
  if (row === undefined) throw new Error(`no row ${at}`)
  const how = row.how === '' ? '' : ` (${row.how})`
  return { name: `${row.test}. ${row.scenario}${how} at ${row.rate}/s`, count: row.count }
}

function rivalRow({ kind, row: at }: Cost): Planned {
  const row = RIVAL_ROWS[at]
  if (row === undefined) throw new Error(`no row ${at} to compare`)
  const who = kind === 'own' ? 'Vertex beside others' : 'other rules'
  return { name: `${who}, ${row.scenario} at ${row.rate}/s`, count: row.count }
}

export class Costs {
  readonly #costs = new Map<string, Cost>()

  add({ cpuMs, job }: Done): void {
    const { from, kind, row, to } = job
    const key = `${kind} ${row}`
    const known = this.#costs.get(key) ?? { kind, row, rollouts: 0, cpuMs: 0 }
    known.rollouts += to - from
    known.cpuMs += cpuMs
    this.#costs.set(key, known)
  }

  /** CPU seconds of what was played. */
  get seconds(): number {
    let ms = 0
    for (const cost of this.#costs.values()) ms += cost.cpuMs
    return ms / 1000
  }

  /** The costliest rows, and what all of the planned rollouts of all rows that were played cost. */
  lines(): readonly string[] {
    if (this.#costs.size === 0) return []
    const whole = [...this.#costs.values()].map((cost) => {
      const perRollout = cost.cpuMs / cost.rollouts
      const { count, name } = cost.kind === 'rollouts' ? ownRow(cost.row) : rivalRow(cost)
      return { seconds: (perRollout * count) / 1000, perRollout, count, name }
    })
    const all = whole.reduce((sum, { seconds }) => sum + seconds, 0)
    const most = whole.toSorted((one, other) => other.seconds - one.seconds).slice(0, TOLD)
    return [
      ...most.map(
        ({ count, name, perRollout, seconds }) =>
          `  ${seconds.toFixed(1)} s of CPU for ${count} of ${perRollout.toFixed(1)} ms: ${name}`,
      ),
      `All planned rollouts of these rows: about ${all.toFixed(0)} s of CPU`,
    ]
  }
}
